"""Times that others have written are added to without an error."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.support.builders import Scene, at, job
from zenflow.api.types import FlowPhase, JobFlowStatus
from zenflow.dag.decision import decide
from zenflow.dag.moments import NEVER, after


def test_what_is_too_late_for_a_time_never_comes() -> None:
    assert after(at(0), timedelta(seconds=3)) == at(3)
    assert after(datetime(9999, 12, 31, tzinfo=UTC), timedelta(days=2)) == NEVER
    assert after(datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-14))), timedelta(hours=1)) == NEVER


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-01-01T12:00:00"])
@pytest.mark.parametrize("phase", [None, FlowPhase.RUNNING, FlowPhase.FAILED])
def test_whatever_time_a_status_tells_there_is_a_decision(written: str, phase: FlowPhase | None) -> None:
    """The longest limits there are, on a flow with everything that is counted from a time."""
    longest = 2**31 - 1
    scene = Scene.of(
        job("a", retries=2, timeout_seconds=longest),
        ttl_seconds_after_finished=longest,
        active_deadline_seconds=longest,
    )
    step = {"name": "a", "phase": "Pending", "startTime": written, "nextRetryTime": written, "waitingSince": written}
    facts = {"startTime": written, "completionTime": written, "steps": [{**step, "jobRef": {"name": "x"}}]}
    status = JobFlowStatus.model_validate({**facts, "phase": phase})
    for world in (scene.running("a"), scene.failed("a", 1), scene):
        told = world.recorded(status).snapshot()
        decide(told)
