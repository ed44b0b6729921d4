"""Counting Pods: what an ended Pod counts as, and how indexes are written."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.clock import EPOCH
from tests.support.workloads import job, pod
from zenflow.local.controllers.job_census import Census, PodEnd, PodOutcome, end_of, format_indexes
from zenflow.local.loop.objects import Pod

NOW = EPOCH
POLICY = {
    "rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42], "containerName": "main"}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [7]}},
    ]
}


@pytest.mark.parametrize(
    ("indexes", "text"),
    [((), ""), ((0,), "0"), ((0, 1), "0,1"), ((0, 1, 2), "0-2"), ((0, 2, 3, 4, 7, 9, 10), "0,2-4,7,9,10")],
)
def test_indexes_are_written_as_the_job_controller_writes_them(indexes: tuple[int, ...], text: str) -> None:
    """A dash stands for three or more in a row; two neighbours keep their comma."""
    assert format_indexes(indexes) == text


@pytest.mark.parametrize(
    ("seen", "gone", "outcome"),
    [
        (pod(phase="Pending"), False, None),
        (pod(phase="Running"), False, None),
        (pod(phase="Succeeded"), False, PodOutcome.SUCCEEDED),
        (pod(phase="Failed"), False, PodOutcome.FAILED),
        (pod(phase="Running", deleted_at=NOW), False, PodOutcome.FAILED),
        (pod(phase="Succeeded", deleted_at=NOW), False, PodOutcome.SUCCEEDED),
        (pod(phase="Running"), True, PodOutcome.FAILED),
        (pod(phase="Succeeded"), True, PodOutcome.SUCCEEDED),
    ],
)
def test_a_pod_counts_by_its_phase_and_by_its_deletion(seen: Pod, gone: bool, outcome: PodOutcome | None) -> None:
    """Being deleted counts as failed unless the Pod has succeeded."""
    ended = end_of(job(), seen, NOW, gone=gone)
    assert (ended.outcome if ended else None) is outcome


def test_a_terminating_pod_may_still_succeed_where_only_failed_pods_are_replaced() -> None:
    """podReplacementPolicy Failed: no verdict before the Pod has ended."""
    assert end_of(job(podReplacementPolicy="Failed"), pod(deleted_at=NOW), NOW) is None


@pytest.mark.parametrize(
    ("failed", "outcome", "message"),
    [
        (
            {"exit_code": 42},
            PodOutcome.FAILED,
            "Container main for pod default/pod failed with exit code 42 matching FailJob rule at index 0",
        ),
        ({"exit_code": 3}, PodOutcome.FAILED, ""),
        ({"exit_code": 7}, PodOutcome.FAILED, ""),
    ],
)
def test_a_failure_is_weighed_by_the_jobs_own_policy(failed: dict[str, Any], outcome: PodOutcome, message: str) -> None:
    """First match wins; only FailJob carries a message, in the Job controller's words."""
    ended = end_of(job(podFailurePolicy=POLICY), pod(phase="Failed", **failed), NOW)
    assert ended == PodEnd(outcome, NOW, None, message)


def test_an_ignored_failure_does_not_count_but_delays_the_next_pod() -> None:
    """The limit does not see it, the backoff does."""
    census = Census((), {"a": PodEnd(PodOutcome.IGNORED, NOW)})
    assert (census.failed, census.failures_since_success()) == (0, (1, NOW))


def test_a_success_ends_the_row_of_failures() -> None:
    """Only failures after the latest success delay the next Pod."""
    ended = {
        "a": PodEnd(PodOutcome.FAILED, NOW),
        "b": PodEnd(PodOutcome.SUCCEEDED, NOW + timedelta(seconds=1)),
        "c": PodEnd(PodOutcome.FAILED, NOW + timedelta(seconds=2)),
    }
    assert Census((), ended).failures_since_success() == (1, NOW + timedelta(seconds=2))


def test_an_end_is_dated_by_its_last_container() -> None:
    """The backoff starts when the container finished, not when that was seen."""
    finished = NOW - timedelta(seconds=5)
    ended = end_of(job(), pod(phase="Failed", exit_code=1, finished_at=finished), NOW)
    assert ended is not None
    assert ended.at == finished
