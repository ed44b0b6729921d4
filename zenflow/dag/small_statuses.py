"""Ever smaller statuses that say the same: what to leave out first where an object has no room for all. Pure.

Each keeps what decisions read back from a recorded status, so a flow that reports less runs as it would have run.
The least has at most `sizes.STATUS_PER_STEP` bytes a step, whatever happened to it.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from zenflow.api.types import (
    MAX_REASON,
    MAX_RETRIES,
    MAX_STATUS_MESSAGE,
    Condition,
    JobFlowStatus,
    JobRef,
    StepPhase,
    StepStatus,
)
from zenflow.dag.steps import BACKOFF_LIMIT_EXCEEDED, FLOW_FAILED, WHEN_FALSE

NOTE = "Details of steps were left out: the object would have been too large. "
_SHORT = 128  # characters of a message that is cut
_LEAST = 256
_BARE = 190

# Reasons of ended steps that decisions and reports of the end read back.
_READ_BACK = frozenset({WHEN_FALSE, FLOW_FAILED, BACKOFF_LIMIT_EXCEEDED, "DependencyFailed"})

M = TypeVar("M", Condition, JobFlowStatus)


def bounded(status: JobFlowStatus) -> JobFlowStatus:
    """The status with every word and number within the bounds of the CRD: else none of it could be written.

    Names come from the spec, which has the same bounds.
    """
    if (
        _fits(status.message)
        and all(_fits(each.message) for each in status.conditions)
        and all(map(_is_bounded, status.steps))
    ):
        return status
    conditions = tuple(each if _fits(each.message) else _cut(each) for each in status.conditions)
    steps = tuple(step if _is_bounded(step) else _bounded(step) for step in status.steps)
    status = status if _fits(status.message) else _cut(status)
    return status.model_copy(update={"conditions": conditions, "steps": steps})


def _fits(text: str | None) -> bool:
    return len(text or "") <= MAX_STATUS_MESSAGE


def _cut(value: M) -> M:
    """The same with its message as short as the CRD has it."""
    return value.model_copy(update={"message": (value.message or "")[:MAX_STATUS_MESSAGE]})


def noted_again(status: JobFlowStatus, before: JobFlowStatus) -> JobFlowStatus:
    """The status, saying that details were left out where the one before it said so: what has ended stays short."""
    return _noted(status) if (before.message or "").startswith(NOTE) else status


def _noted(status: JobFlowStatus) -> JobFlowStatus:
    message = status.message or ""
    noted = (NOTE + message)[:MAX_STATUS_MESSAGE]
    return status if message.startswith(NOTE) else status.model_copy(update={"message": noted})


def _is_bounded(step: StepStatus) -> bool:
    return (
        len(step.reason or "") <= MAX_REASON
        and 0 <= step.retry_count <= MAX_RETRIES
        and _fits(step.message)
        and _fits(step.approved_by)
    )


def _bounded(step: StepStatus) -> StepStatus:
    cut: dict[str, Any] = {
        "reason": step.reason[:MAX_REASON] if step.reason else None,
        "message": step.message[:MAX_STATUS_MESSAGE] if step.message else None,
        "approved_by": step.approved_by[:MAX_STATUS_MESSAGE] if step.approved_by else None,
        "retry_count": min(max(step.retry_count, 0), MAX_RETRIES),
    }
    return step.model_copy(update=cut)


def smaller(status: JobFlowStatus) -> Iterator[JobFlowStatus]:
    """The status without the messages of steps that did not fail, then with ever less; the least comes last.

    Of a flow that has ended the last have no steps at all, for then nothing depends on them any more.
    """
    noted = _noted(status)
    for shorten in (_without_chatter, _with_short_messages, _without_messages, _without_history):
        yield _with_steps(noted, shorten)
    least = _with_steps(_with_short_words(noted), _least)
    yield least
    told = tuple(step for step in least.steps if step != _unstarted(step.name))
    yield least.model_copy(update={"steps": told})
    if status.phase is not None and status.phase.is_terminal:
        yield least.model_copy(update={"steps": ()})
        yield _bare(status)


def _with_steps(status: JobFlowStatus, change: Callable[[StepStatus], StepStatus]) -> JobFlowStatus:
    return status.model_copy(update={"steps": tuple(map(change, status.steps))})


def _without_chatter(step: StepStatus) -> StepStatus:
    return step if step.phase is StepPhase.FAILED else _without_messages(step)


def _with_short_messages(step: StepStatus) -> StepStatus:
    step = _without_chatter(step)
    return step.model_copy(update={"message": step.message[:_SHORT]}) if step.message else step


def _without_messages(step: StepStatus) -> StepStatus:
    return step.model_copy(update={"message": None}) if step.message else step


def _without_history(step: StepStatus) -> StepStatus:
    """Of steps that have ended only how."""
    return _least(step) if step.phase.is_terminal else _without_messages(step)


def _least(step: StepStatus) -> StepStatus:
    """Only what the next decision reads: which Job it was, when an approval was asked for, why a step was skipped."""
    kept: dict[str, Any] = {"name": step.name, "phase": step.phase}
    if step.phase.is_terminal:
        if step.reason in _READ_BACK:
            kept["reason"] = step.reason
        if step.phase is StepPhase.FAILED and step.job_ref is not None:
            # The UID where its Job may still run: what was cut off has the flow's reason, which is not read back.
            kept["job_ref"] = JobRef(name=step.job_ref.name) if "reason" in kept else step.job_ref
        return StepStatus.model_construct(**kept)
    if step.phase is StepPhase.PENDING_APPROVAL:
        kept["start_time"] = step.start_time
    elif step.job_ref is not None:
        kept |= {"job_ref": step.job_ref, "retry_count": step.retry_count}
    return StepStatus.model_construct(**kept)


def _with_short_words(status: JobFlowStatus) -> JobFlowStatus:
    conditions = (each.model_copy(update={"message": each.message[:_LEAST]}) for each in status.conditions)
    return status.model_copy(update={"message": (status.message or "")[:_LEAST], "conditions": tuple(conditions)})


def _bare(status: JobFlowStatus) -> JobFlowStatus:
    """How the flow ended and why, in some 450 bytes: for an object that was stored to the brim."""
    conditions = tuple(each.model_copy(update={"message": ""}) for each in status.conditions)
    message = (status.message or "").removeprefix(NOTE)[:_BARE]
    return status.model_copy(update={"message": message, "conditions": conditions, "progress": None, "steps": ()})


def _unstarted(name: str) -> StepStatus:
    return StepStatus.model_construct(name=name, phase=StepPhase.PENDING)
