"""Which Events a published status is worth."""

from datetime import UTC, datetime

import pytest

from zenflow.api.types import Condition, ConditionStatus, FlowPhase, JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.announcements import announce

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def status(phase: FlowPhase, *steps: StepStatus, message: str = "") -> JobFlowStatus:
    return JobFlowStatus(phase=phase, message=message, steps=steps)


def test_progress_is_no_event() -> None:
    """A step that starts or succeeds is in the status; an Event for it would cost a request."""
    before = status(FlowPhase.RUNNING, StepStatus(name="a", phase=StepPhase.RUNNING))
    after = status(
        FlowPhase.RUNNING,
        StepStatus(name="a", phase=StepPhase.SUCCEEDED),
        StepStatus(name="b", phase=StepPhase.RUNNING),
    )
    assert announce(before, after) == ()


def test_a_failed_step_is_announced_once_with_its_reason() -> None:
    """The second publication of the same status announces nothing."""
    failed = StepStatus(name="a", phase=StepPhase.FAILED, reason="JobFailed", message="exited with 3")
    after = status(FlowPhase.RUNNING, failed)
    [event] = announce(status(FlowPhase.RUNNING), after)
    assert (event.type, event.reason, event.message) == ("Warning", "StepFailed", "Step a: exited with 3")
    assert announce(after, after) == ()


def test_a_failed_flow_is_announced_with_the_reason_of_its_condition() -> None:
    """`kubectl describe` tells why without reading the status."""
    condition = Condition(type="Failed", status=ConditionStatus.TRUE, reason="TimedOut", last_transition_time=NOW)
    after = JobFlowStatus(phase=FlowPhase.FAILED, message="too slow", conditions=(condition,))
    [event] = announce(status(FlowPhase.RUNNING), after)
    assert (event.type, event.reason, event.message) == ("Warning", "TimedOut", "too slow")


@pytest.mark.parametrize(
    ("reason", "of_step", "told"),
    [
        ("StepFailed", "JobFailed", ["StepFailed"]),
        ("StepFailed", "Rejected", ["Rejected"]),
        ("BackoffLimitExceeded", "BackoffLimitExceeded", ["StepFailed"]),
        ("DeadlineExceeded", "DeadlineExceeded", ["DeadlineExceeded"]),
        ("Replaced", "Replaced", ["Replaced"]),
    ],
)
def test_what_a_flow_ended_by_is_told_once(reason: str, of_step: str, told: list[str]) -> None:
    """Of the step that it failed by, with the cause; or of the flow, and not of each step that ended with it."""
    condition = Condition(type="Failed", status=ConditionStatus.TRUE, reason=reason, last_transition_time=NOW)
    steps = (StepStatus(name=name, phase=StepPhase.FAILED, reason=of_step, message="no") for name in "a")
    ended = JobFlowStatus(phase=FlowPhase.FAILED, message="no", conditions=(condition,), steps=tuple(steps))
    running = status(FlowPhase.RUNNING, StepStatus(name="a", phase=StepPhase.RUNNING))
    assert [event.reason for event in announce(running, ended)] == told


def test_an_approval_that_is_asked_for_is_announced() -> None:
    """Somebody has to act on it."""
    asking = StepStatus(name="gate", phase=StepPhase.PENDING_APPROVAL, message="check the backup")
    [event] = announce(status(FlowPhase.RUNNING), status(FlowPhase.PAUSED, asking))
    assert (event.reason, event.message) == ("ApprovalRequired", "Step gate: check the backup")


@pytest.mark.parametrize(
    ("phase", "reason", "kind"),
    [
        (StepPhase.SUCCEEDED, "Approved", "Normal"),
        (StepPhase.FAILED, "Rejected", "Warning"),
        (StepPhase.PENDING_APPROVAL, "UnstampedApproval", "Warning"),
    ],
)
def test_each_answer_is_announced_once(phase: StepPhase, reason: str, kind: str) -> None:
    """Also the one that does not count."""
    asking = StepStatus(name="gate", phase=StepPhase.PENDING_APPROVAL, reason="ApprovalRequired", message="?")
    before = status(FlowPhase.PAUSED, asking)
    after = status(FlowPhase.PAUSED, StepStatus(name="gate", phase=phase, reason=reason, message="so be it"))
    [event] = announce(before, after)
    assert (event.type, event.reason) == (kind, reason)
    assert event.message.startswith("Step gate: so be it")
    assert announce(after, after) == ()


def test_each_wait_before_a_retry_is_announced_once() -> None:
    """And not again when the same wait is published with another change."""
    waiting = StepStatus(name="a", phase=StepPhase.PENDING, reason="Backoff", next_retry_time=NOW, message="exited")
    first = status(FlowPhase.RUNNING, waiting)
    assert [event.reason for event in announce(status(FlowPhase.RUNNING), first)] == ["StepRetry"]
    assert announce(first, status(FlowPhase.RUNNING, waiting, message="other")) == ()


def test_a_step_that_runs_but_is_stuck_is_announced_once() -> None:
    """As a warning under its own reason."""
    stuck = status(FlowPhase.RUNNING, StepStatus(name="a", phase=StepPhase.RUNNING, reason="FailedMount", message="no"))
    fine = status(FlowPhase.RUNNING, StepStatus(name="a", phase=StepPhase.RUNNING))
    [event] = announce(fine, stuck)
    assert (event.type, event.reason, event.message) == ("Warning", "FailedMount", "Step a: no")
    assert announce(stuck, stuck) == announce(stuck, fine) == ()


def test_each_try_of_a_job_that_retries_by_itself_is_announced_once() -> None:
    """It takes ten minutes by default: somebody may want to act before its end."""

    def tried(times: int) -> JobFlowStatus:
        text = f"Failed {times} of 7 times: exited with 3"
        return status(FlowPhase.RUNNING, StepStatus(name="a", phase=StepPhase.RUNNING, reason="JobRetry", message=text))

    [event] = announce(tried(1), tried(2))
    assert (event.type, event.reason) == ("Warning", "JobRetry")
    assert event.message == "Step a: Failed 2 of 7 times: exited with 3"
    assert announce(tried(2), tried(2)) == ()


def test_suspending_is_announced_of_the_flow_and_not_of_each_step() -> None:
    """And so is going on."""
    held = status(FlowPhase.SUSPENDED, *(StepStatus(name=n, phase=StepPhase.PENDING, reason="Suspended") for n in "ab"))
    fine = status(FlowPhase.RUNNING, *(StepStatus(name=n, phase=StepPhase.PENDING) for n in "ab"))
    assert [event.reason for event in announce(fine, held)] == ["Suspended"]
    assert [event.reason for event in announce(held, fine)] == ["Resumed"]
