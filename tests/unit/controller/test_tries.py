"""How far a Job has come that retries by itself."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from zenflow.controller.objects import Job, Pod, decode_job, decode_pod
from zenflow.controller.tries import tries_of
from zenflow.dag.snapshot import Tries


def clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-01T{text}+00:00").astimezone(UTC)


def job(failed: int = 0, **spec: Any) -> Job:
    body = {"metadata": {"name": "j", "uid": "u"}, "spec": {"backoffLimit": 6, **spec}, "status": {"failed": failed}}
    return decode_job(json.dumps(body).encode())


def ended(code: int, at: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "finishedAt": f"2026-01-01T{at}Z"}}


def pod(phase: str, *containers: dict[str, Any]) -> Pod:
    status = {"phase": phase, "containerStatuses": [{"name": "main", **each} for each in containers]}
    return decode_pod(json.dumps({"metadata": {"name": "p", "uid": "u"}, "status": status}).encode())


def failed(at: str) -> Pod:
    return pod("Failed", {"state": ended(1, at)})


def succeeded(at: str) -> Pod:
    return pod("Succeeded", {"state": ended(0, at)})


RUNNING = pod("Running", {"state": {"running": {}}})


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([failed("12:00:00")], Tries(1, 7, clock("12:00:10")), id="ten seconds"),
        pytest.param([failed("12:00:00"), failed("12:00:15")], Tries(2, 7, clock("12:00:35")), id="twice that"),
        pytest.param([failed("12:00:00"), RUNNING], Tries(1, 7, clock("12:00:10")), id="also once it has begun"),
        pytest.param(
            [failed("12:00:00"), succeeded("12:00:01"), failed("12:00:02")],
            Tries(2, 7, clock("12:00:12")),
            id="a success makes the wait short again",
        ),
        pytest.param([failed(f"12:00:0{n}") for n in range(7)], Tries(7, 7, None), id="no more"),
    ],
)
def test_pods_that_failed_are_counted_with_the_moment_of_the_next(pods: list[Pod], expected: Tries) -> None:
    """restartPolicy Never; the waits of the Job controller."""
    assert tries_of(job(), pods) == expected


def test_the_wait_for_the_next_pod_is_ten_minutes_at_most() -> None:
    """Kubernetes 1.37: MaxJobPodFailureBackOff."""
    tries = tries_of(job(failed=20, backoffLimit=50), [failed("12:00:00")])
    assert tries == Tries(20, 51, clock("12:10:00"))


def test_the_counter_of_the_job_remembers_pods_that_are_gone() -> None:
    """And follows the Pods that are there by a moment."""
    assert tries_of(job(failed=3), [RUNNING]) == Tries(3, 7, None)
    assert tries_of(job(failed=0), [failed("12:00:00")]) == Tries(1, 7, clock("12:00:10"))


CRASHED = {"state": ended(1, "12:00:00")}
WAITS = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(1, "12:00:00")}
RUNS = {"state": {"running": {}}, "lastState": ended(1, "12:00:00")}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        pytest.param(CRASHED, Tries(1, 7, None), id="restarted at once"),
        pytest.param({**RUNS, "restartCount": 1}, Tries(1, 7, None), id="runs again"),
        pytest.param({**WAITS, "restartCount": 1}, Tries(2, 7, clock("12:00:10")), id="ten seconds"),
        pytest.param({**WAITS, "restartCount": 3}, Tries(4, 7, clock("12:00:40")), id="forty"),
        pytest.param({**WAITS, "restartCount": 6}, Tries(7, 7, None), id="no more"),
    ],
)
def test_restarts_are_counted_with_the_moment_of_the_next(container: dict[str, Any], expected: Tries) -> None:
    """restartPolicy OnFailure; the waits of kubelet."""
    assert tries_of(job(), [pod("Running", container)]) == expected


@pytest.mark.parametrize(
    ("spec", "pods", "expected"),
    [
        pytest.param({}, [RUNNING], None, id="nothing has failed"),
        pytest.param({"backoffLimit": 0}, [failed("12:00:00")], None, id="the first failure is the last"),
        pytest.param(
            {"backoffLimit": 2**31 - 1, "backoffLimitPerIndex": 1}, [failed("12:00:00")], Tries(1), id="each by itself"
        ),
        pytest.param({"podFailurePolicy": {"rules": []}}, [failed("12:00:00")], None, id="only the Job knows"),
    ],
)
def test_what_is_not_known_is_not_told(spec: dict[str, Any], pods: list[Pod], expected: Tries | None) -> None:
    """Neither a number of tries that nobody has set, nor a time that cannot be foretold."""
    assert tries_of(job(**spec), pods) == expected


def test_a_time_beyond_all_calendars_is_no_error() -> None:
    """Whoever may write the status of a Pod may write it; the numbers are told without it."""
    last = pod("Failed", {"state": {"terminated": {"exitCode": 1, "finishedAt": "9999-12-31T23:59:59Z"}}})
    assert tries_of(job(), [last]) == Tries(1, 7, None)
    huge = {**WAITS, "restartCount": 2**31 - 1}
    assert tries_of(job(backoffLimit=2**31 - 1), [pod("Running", huge)]) is not None
