"""The status of a flow: phase, counts, conditions and one sentence, from where its steps stand."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from zenflow.api.names import APPROVED_PREFIX
from zenflow.api.types import (
    Condition,
    ConditionStatus,
    FlowPhase,
    JobFlowStatus,
    Progress,
    StepPhase,
    StepStatus,
)
from zenflow.dag.flows import Failure, start_of
from zenflow.dag.snapshot import Snapshot
from zenflow.dag.steps import JOB_RETRY, SUSPENDED, UNSTAMPED, stamp
from zenflow.text import as_message

_NAMES_SHOWN = 3


def waiting(snapshot: Snapshot, message: str) -> JobFlowStatus:
    """A flow that has not started. Its steps are those of the spec now, which may still be edited."""
    phase = FlowPhase.SUSPENDED if snapshot.flow.spec.suspend else FlowPhase.PENDING
    return _status(snapshot, phase, unstarted(snapshot), message=message)


def going(snapshot: Snapshot, steps: Sequence[StepStatus]) -> JobFlowStatus:
    """A flow that has started and is not failing; Succeeded when every step is in a final phase."""
    phase = _phase(snapshot, steps)
    if phase is FlowPhase.SUCCEEDED:
        return ended(snapshot, steps, None)
    return _status(snapshot, phase, steps, message=_sentence(snapshot, phase, steps))


def winding_down(snapshot: Snapshot, steps: Sequence[StepStatus], failure: Failure) -> JobFlowStatus:
    """A failing flow whose running Jobs go on to their end."""
    busy = [step.name for step in steps if step.phase is StepPhase.RUNNING]
    message = " ".join((f"Failing, waiting for {_list(busy)} to end.", *_standstill(steps), failure.message))
    return _status(snapshot, FlowPhase.RUNNING, steps, message=message)


def ended(snapshot: Snapshot, steps: Sequence[StepStatus], failure: Failure | None) -> JobFlowStatus:
    """The end. `failure` is None for a flow that succeeded."""
    counts = _count(steps)
    if failure is not None:
        return _status(snapshot, FlowPhase.FAILED, steps, message=failure.message, reason=failure.reason)
    message = f"{counts.successful_steps} of {counts.total_steps} steps succeeded"
    if counts.failed_steps:
        message += f", {counts.failed_steps} failed as allowed"
    if counts.skipped_steps:
        message += f", {counts.skipped_steps} skipped"
    return _status(snapshot, FlowPhase.SUCCEEDED, steps, message=message, reason="StepsSucceeded")


def unstarted(snapshot: Snapshot) -> tuple[StepStatus, ...]:
    """Every step Pending."""
    return tuple(StepStatus(name=step.name, phase=StepPhase.PENDING) for step in snapshot.flow.spec.steps)


def _status(
    snapshot: Snapshot, phase: FlowPhase, steps: Sequence[StepStatus], *, message: str, reason: str = ""
) -> JobFlowStatus:
    now = stamp(snapshot.now)
    begins = phase in (FlowPhase.RUNNING, FlowPhase.PAUSED, FlowPhase.SUCCEEDED)
    return JobFlowStatus(
        phase=phase,
        message=as_message(message),
        observed_generation=snapshot.flow.metadata.generation,
        waiting_since=_waiting_since(snapshot, phase),
        start_time=start_of(snapshot) or (now if begins else None),
        completion_time=now if phase.is_terminal else None,
        conditions=_conditions(snapshot, phase, reason, as_message(message), is_asking=_is_asking(phase, steps)),
        progress=_count(steps),
        steps=tuple(steps),
    )


def _waiting_since(snapshot: Snapshot, phase: FlowPhase) -> datetime | None:
    if phase not in (FlowPhase.PENDING, FlowPhase.PAUSED, FlowPhase.SUSPENDED):
        return None
    before = snapshot.flow.status
    return before.waiting_since if before.phase is phase and before.waiting_since else stamp(snapshot.now)


def _is_asking(phase: FlowPhase, steps: Iterable[StepStatus]) -> bool:
    """Whether somebody's approval is waited for: also while the flow is suspended."""
    if phase is FlowPhase.SUSPENDED:
        return any(step.phase is StepPhase.PENDING_APPROVAL for step in steps)
    return phase is FlowPhase.PAUSED


def _phase(snapshot: Snapshot, steps: Iterable[StepStatus]) -> FlowPhase:
    phases = {step.phase for step in steps}
    if all(phase.is_terminal for phase in phases):
        return FlowPhase.SUCCEEDED
    if snapshot.flow.spec.suspend:
        return FlowPhase.SUSPENDED
    return FlowPhase.PAUSED if StepPhase.PENDING_APPROVAL in phases else FlowPhase.RUNNING


def _count(steps: Iterable[StepStatus]) -> Progress:
    counts = dict.fromkeys(StepPhase, 0)
    for step in steps:
        counts[step.phase] += 1
    succeeded, failed, skipped = (counts[phase] for phase in (StepPhase.SUCCEEDED, StepPhase.FAILED, StepPhase.SKIPPED))
    total, done = sum(counts.values()), succeeded + failed + skipped
    return Progress(
        total_steps=total,
        completed_steps=done,
        successful_steps=succeeded,
        failed_steps=failed,
        skipped_steps=skipped,
        summary=f"{done}/{total}",
    )


def _conditions(
    snapshot: Snapshot, phase: FlowPhase, reason: str, message: str, *, is_asking: bool
) -> tuple[Condition, ...]:
    """Complete and Failed appear at the end, as on a Job; Paused appears with the first pause and stays."""
    facts: dict[str, tuple[bool, str, str]] = {}
    was_paused = any(condition.type == "Paused" for condition in snapshot.flow.status.conditions)
    if is_asking:
        facts["Paused"] = (True, "ApprovalRequired", message)
    elif was_paused:
        facts["Paused"] = (False, "NoApprovalRequired", "")
    if phase is FlowPhase.SUCCEEDED:
        facts["Complete"] = (True, reason, message)
    elif phase is FlowPhase.FAILED:
        facts["Failed"] = (True, reason, message)
    return tuple(_condition(snapshot, type_, *fact) for type_, fact in facts.items())


def _condition(snapshot: Snapshot, type_: str, is_true: bool, reason: str, message: str) -> Condition:
    status = ConditionStatus.TRUE if is_true else ConditionStatus.FALSE
    before = next((c for c in snapshot.flow.status.conditions if c.type == type_), None)
    since: datetime = before.last_transition_time if before and before.status is status else stamp(snapshot.now)
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=snapshot.flow.metadata.generation,
    )


def _sentence(snapshot: Snapshot, phase: FlowPhase, steps: Sequence[StepStatus]) -> str:
    """What it is doing, or what it waits for and what to do about it."""
    busy = [step.name for step in steps if step.phase is StepPhase.RUNNING]
    held = _standstill(steps)
    if phase is FlowPhase.SUSPENDED:
        rest = f"; {_list(busy)} still running" if busy else ""
        return ". ".join((f"Suspended: set spec.suspend to false to go on{rest}", *held))
    asking = [step.name for step in steps if step.phase is StepPhase.PENDING_APPROVAL]
    if asking:
        what_to_do = _how_to_approve(snapshot, steps, asking[0])
        return ". ".join((f"Waiting for approval of {_list(asking)}: {what_to_do}", *held))
    return held[0] if held else f"Running {_list(busy)}"


def _standstill(steps: Iterable[StepStatus]) -> tuple[str, ...]:
    """One sentence on the first step that does not get on, if there is any: a wait for a retry comes last."""
    waiting = (StepPhase.PENDING, StepPhase.RUNNING)
    held = [step for step in steps if step.phase in waiting and step.reason not in (None, SUSPENDED)]
    if not held:
        return ()
    first = min(held, key=lambda step: (step.reason == "Backoff", step.reason == JOB_RETRY))
    more = f" ({len(held) - 1} more steps wait)" if len(held) > 1 else ""
    if first.reason == "Backoff" and first.next_retry_time:
        return (
            f"Step {first.name} waits for its retry {first.retry_count + 1} at {_clock(first.next_retry_time)}{more}",
        )
    if first.reason == JOB_RETRY and first.message:
        return (f"Step {first.name}{more}: {first.message}",)
    since = f" since {first.waiting_since:%Y-%m-%dT%H:%M:%SZ}" if first.waiting_since else ""
    return (f"Step {first.name} waits{since}{more} ({first.reason}): {first.message or ''}".rstrip(": "),)


def _how_to_approve(snapshot: Snapshot, steps: Sequence[StepStatus], name: str) -> str:
    """A command that approves this flow and no other; after an answer that does not count, why.

    With the UID in it: between the reading and the answer somebody may delete the flow and create another of its name,
    and the API server refuses a patch of another UID. Under that UID the steps don't change any more.
    """
    meta = snapshot.flow.metadata
    patch = f'{{"metadata":{{"uid":"{meta.uid}","annotations":{{"{APPROVED_PREFIX}{name}":"true"}}}}}}'
    command = f"kubectl patch jobflow {meta.name} --type=merge -p '{patch}'"
    if any(step.name == name and step.reason == UNSTAMPED for step in steps):
        return f"the answer that is there does not count, no admission saw who gave it; with admission on, {command}"
    return command


def _list(names: Sequence[str]) -> str:
    """`a, b, c and 7 more`."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%SZ")
