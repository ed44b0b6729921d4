"""Which Kubernetes Events a published status is worth, from the status before and after. Pure.

Events are for what a person may have to act on: a failure, a retry, an approval, a flow that waits. Progress
is in the status; an Event for each of its steps would be a third of all requests (docs/performance.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zenflow.api.types import FlowPhase, JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.changes import changed_steps
from zenflow.dag.steps import APPROVED, BACKOFF_LIMIT_EXCEEDED, JOB_RETRY, REJECTED, UNSTAMPED

NORMAL: Literal["Normal"] = "Normal"
WARNING: Literal["Warning"] = "Warning"


# What the flow as a whole ends by; said of the flow once, and not of each step that ended with it.
_OF_THE_FLOW = frozenset({"DeadlineExceeded", "Replaced", "InvalidSpec"})
# What the flow ends by is a step's failure, which has been told with its cause when it happened.
_OF_A_STEP = frozenset({"StepFailed", BACKOFF_LIMIT_EXCEEDED})


@dataclass(frozen=True, slots=True)
class Announcement:
    """One Event to record about the flow."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def announce(before: JobFlowStatus, after: JobFlowStatus) -> tuple[Announcement, ...]:
    """What changed between two published statuses that somebody should be told; each thing once."""
    about_steps = (one for was, now in changed_steps(before, after) for one in _about_step(was, now))
    return (*about_steps, *_about_flow(before, after))


def _about_step(before: StepStatus, after: StepStatus) -> Iterator[Announcement]:
    was = before.phase
    text = f"Step {after.name}: {after.message or after.reason or after.phase}"
    if after.reason in (APPROVED, REJECTED) and after.phase is not was:
        yield Announcement(NORMAL if after.reason == APPROVED else WARNING, after.reason, text)
    elif after.phase is not was and after.phase is StepPhase.FAILED:
        if after.reason not in _OF_THE_FLOW:
            yield Announcement(WARNING, "StepFailed", text)
    elif after.phase is StepPhase.PENDING_APPROVAL:
        yield from _about_question(before, after, text)
    elif after.next_retry_time and after.reason == "Backoff" and before.reason != "Backoff":
        yield Announcement(WARNING, "StepRetry", text)
    elif after.reason == JOB_RETRY:
        if before.message != after.message:
            yield Announcement(WARNING, JOB_RETRY, text)
    elif _is_held(after) and after.reason and before.reason != after.reason:
        yield Announcement(WARNING, after.reason, text)


def _is_held(step: StepStatus) -> bool:
    """Whether something is in its way; that the flow is suspended is said of the flow, once."""
    return step.phase in (StepPhase.PENDING, StepPhase.RUNNING) and step.reason not in ("Backoff", "Suspended")


def _about_question(before: StepStatus, after: StepStatus, text: str) -> Iterator[Announcement]:
    """That an answer is asked for, and that the one which is there does not count."""
    if (before.phase, before.reason) == (after.phase, after.reason):
        return
    if after.reason == UNSTAMPED:
        yield Announcement(WARNING, UNSTAMPED, f"{text} (the answer that is there has no stamp and does not count)")
    else:
        yield Announcement(NORMAL, "ApprovalRequired", text)


def _about_flow(before: JobFlowStatus, after: JobFlowStatus) -> Iterator[Announcement]:
    if after.phase is FlowPhase.PENDING and after.message != before.message:
        yield Announcement(NORMAL, "Waiting", after.message or "")
    if after.phase is before.phase:
        return
    if after.phase is FlowPhase.FAILED:
        reason = next((c.reason for c in after.conditions if c.type == "Failed"), "Failed")
        if reason not in _OF_A_STEP:
            yield Announcement(WARNING, reason, after.message or "")
    elif after.phase is FlowPhase.SUSPENDED:
        yield Announcement(NORMAL, "Suspended", after.message or "")
    elif before.phase is FlowPhase.SUSPENDED:
        yield Announcement(NORMAL, "Resumed", after.message or "")
