"""The walk through the graph of a flow that is not failing: what each step is now, and which Jobs it may have.

One pass in topological order: a step that is skipped or approved on arrival lets its dependents start in the same pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from zenflow.api.names import job_name
from zenflow.api.types import Step, StepPhase, StepStatus
from zenflow.dag import report
from zenflow.dag.actions import Action, CreateJob, Decision
from zenflow.dag.publication import next_wake, overdue, publish, record_before, to_delete
from zenflow.dag.snapshot import Refusal, Snapshot
from zenflow.dag.steps import (
    SUSPENDED,
    Asking,
    Ended,
    Retrying,
    Running,
    Standing,
    Unstarted,
    arrive,
    hold,
    pending,
    retry,
    stamp,
    start,
    wait,
)
from zenflow.text import as_message


@dataclass(frozen=True, slots=True)
class Walk:
    """Standings and statuses by position in `spec.steps`, and the Jobs to create."""

    standings: tuple[Standing, ...]
    statuses: tuple[StepStatus, ...]
    creations: tuple[CreateJob, ...]


def settle_refusal(standing: Standing, snapshot: Snapshot) -> Standing:
    """A Job the API server will never take fails its step; anything else it refuses is only waited for."""
    if not isinstance(standing, Unstarted | Retrying):
        return standing
    refusal = snapshot.refusals.get(standing.step.name)
    if refusal is None or not refusal.is_final:
        return standing
    now = stamp(snapshot.now)
    base = standing.failed if isinstance(standing, Retrying) else pending(standing.step)
    verdict = {
        "phase": StepPhase.FAILED,
        "reason": refusal.reason,
        "message": as_message(refusal.message),
        "completion_time": now,
    }
    return Ended(standing.step, base.model_copy(update=verdict))


def walk(snapshot: Snapshot, standings: Sequence[Standing]) -> Walk:
    """Every step in order, each after all that it depends on."""
    assert snapshot.graph is not None
    recorded = {status.name: status for status in snapshot.flow.status.steps}
    after = list(standings)
    statuses: list[StepStatus | None] = [None] * len(after)
    satisfied = bytearray(len(after))
    creations: list[CreateJob] = []
    for index in snapshot.graph.order:
        standing = after[index]
        is_ready = isinstance(standing, Unstarted) and all(satisfied[d] for d in snapshot.graph.dependencies[index])
        if is_ready:
            standing = after[index] = arrive(standing.step, snapshot)
        satisfied[index] = isinstance(standing, Ended) and standing.satisfies
        statuses[index], creation = _render(standing, snapshot, recorded, is_ready=is_ready)
        if creation is not None:
            creations.append(creation)
    return Walk(tuple(after), tuple(status for status in statuses if status is not None), tuple(creations))


def go_on(snapshot: Snapshot, walked: Walk) -> Decision:
    """Create what may be created; Succeeded when every step has ended."""
    doomed = overdue(walked.standings)
    first = record_before(snapshot, doomed)
    if first is not None:
        return first
    actions: tuple[Action, ...] = (*to_delete(doomed), *walked.creations)
    wake_at = next_wake(snapshot, walked.standings, walked.creations)
    return publish(snapshot, report.going(snapshot, walked.statuses), actions, wake_at=wake_at)


def _render(
    standing: Standing, snapshot: Snapshot, recorded: Mapping[str, StepStatus], *, is_ready: bool
) -> tuple[StepStatus, CreateJob | None]:
    """The status of one step of a flow that is not failing, and the Job to create for it."""
    match standing:
        case Running() | Asking() | Ended():
            return standing.status, None
        case Retrying():
            return _render_retry(standing, snapshot, recorded.get(standing.step.name))
        case Unstarted():
            known = recorded.get(standing.step.name)
            return (
                _render_ready(standing.step, snapshot, known) if is_ready else (known or pending(standing.step), None)
            )
        case _:
            assert_never(standing)


def _render_ready(step: Step, snapshot: Snapshot, recorded: StepStatus | None) -> tuple[StepStatus, CreateJob | None]:
    refusal = _waiting_refusal(step, snapshot)
    if refusal is not None:
        return hold(pending(step), recorded, snapshot.now, refusal.reason, refusal.message), None
    if snapshot.flow.spec.suspend:
        return hold(pending(step), recorded, snapshot.now, SUSPENDED), None
    name = _job_name(step, 1, snapshot)
    return start(step, name, snapshot.now), CreateJob(step, 1, snapshot.foreign.get(name, ""))


def _render_retry(
    standing: Retrying, snapshot: Snapshot, recorded: StepStatus | None
) -> tuple[StepStatus, CreateJob | None]:
    refusal = _waiting_refusal(standing.step, snapshot)
    if refusal is not None:
        held = hold(wait(standing), recorded, snapshot.now, refusal.reason, refusal.message)
        return held.model_copy(update={"next_retry_time": refusal.retry_at}), None
    if snapshot.flow.spec.suspend:
        return hold(wait(standing), recorded, snapshot.now, SUSPENDED), None
    if snapshot.now < standing.at:
        return wait(standing), None
    name = _job_name(standing.step, standing.attempt, snapshot)
    return retry(standing, name), CreateJob(standing.step, standing.attempt, snapshot.foreign.get(name, ""))


def _job_name(step: Step, attempt: int, snapshot: Snapshot) -> str:
    meta = snapshot.flow.metadata
    return job_name(meta.name, meta.uid, step.name, attempt)


def _waiting_refusal(step: Step, snapshot: Snapshot) -> Refusal | None:
    refusal = snapshot.refusals.get(step.name)
    return refusal if refusal and refusal.retry_at and snapshot.now < refusal.retry_at else None
