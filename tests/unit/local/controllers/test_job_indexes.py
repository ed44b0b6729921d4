"""Indexed Jobs whose indexes have limits of their own, and those that are done before all are: seen through the API."""

from typing import Any

import pytest

from tests.support.clock import EPOCH
from tests.support.scripted_cluster import ScriptedCluster, conditions_of
from tests.support.workloads import job
from zenflow.local.containers.script import Outcome, Rule, by_rules
from zenflow.local.controllers import job_indexes
from zenflow.local.controllers.job_census import Census, PodEnd, PodOutcome
from zenflow.local.loop.objects import COMPLETION_INDEX

INDEXED = {"completionMode": "Indexed", "completions": 3, "parallelism": 3}


def world_of(failing: dict[int, int], seconds: float = 1.0, code: int = 1) -> ScriptedCluster:
    """A cluster where these indexes fail so many times in a row, and all others succeed."""
    starts: dict[str, int] = {}

    def script(pod: Any, container: Any, attempt: int) -> Outcome:
        index = pod.metadata.labels[COMPLETION_INDEX]
        starts[index] = starts.get(index, 0) + 1
        return Outcome(seconds=seconds, exit_code=code if starts[index] <= failing.get(int(index), 0) else 0)

    return ScriptedCluster(script)


def ran(world: ScriptedCluster) -> dict[str, int]:
    """How many Pods there were of each index."""
    found: dict[str, int] = {}
    for pod in world.pods():
        index = pod["metadata"]["annotations"][COMPLETION_INDEX]
        found[index] = found.get(index, 0) + 1
    return found


def test_each_index_has_its_own_limit() -> None:
    """One that always fails is given up, the others are done, and then the Job fails."""
    world = world_of({1: 99})
    world.create_job(**INDEXED, backoffLimitPerIndex=1)
    world.run_until(world.is_finished)
    status = world.job()["status"]
    assert (ran(world), status["failedIndexes"], status["completedIndexes"]) == ({"0": 1, "1": 2, "2": 1}, "1", "0,2")
    assert conditions_of(world.job()) == {"FailureTarget": "FailedIndexes", "Failed": "FailedIndexes"}


def test_an_index_that_recovers_completes_the_job() -> None:
    """Within its limit, however often others fail."""
    world = world_of({0: 1, 2: 1})
    world.create_job(**INDEXED, backoffLimitPerIndex=1)
    world.run_until(world.is_finished)
    status = world.job()["status"]
    assert (status["failedIndexes"], status["completedIndexes"], status["failed"]) == ("", "0-2", 2)
    assert "Complete" in conditions_of(world.job())


def test_an_index_waits_for_its_own_failures_only() -> None:
    """Ten seconds after its own; the others go on."""
    world = world_of({0: 2})
    world.create_job(completionMode="Indexed", completions=4, parallelism=1, backoffLimitPerIndex=5)
    world.run(5)
    assert ran(world) == {"0": 1, "1": 1, "2": 1, "3": 1}
    world.run_until(world.is_finished)
    assert ran(world)["0"] == 3


def test_too_many_failed_indexes_end_the_job_at_once() -> None:
    """More than maxFailedIndexes; what still runs is deleted."""
    world = world_of({0: 99, 1: 99})
    world.create_job(completionMode="Indexed", completions=9, parallelism=2, backoffLimitPerIndex=0, maxFailedIndexes=1)
    world.run_until(world.is_finished)
    assert conditions_of(world.job())["Failed"] == "MaxFailedIndexesExceeded"
    assert len(ran(world)) < 9


def test_a_rule_may_give_up_an_index_at_once() -> None:
    """FailIndex, though its limit would allow more."""
    world = world_of({2: 99}, code=42)
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}
    world.create_job(**INDEXED, backoffLimitPerIndex=5, podFailurePolicy={"rules": [rule]})
    world.run_until(world.is_finished)
    assert (ran(world)["2"], world.job()["status"]["failedIndexes"]) == (1, "2")


@pytest.mark.parametrize(
    ("rule", "indexes"),
    [({"succeededIndexes": "0"}, "0"), ({"succeededCount": 1}, "0"), ({"succeededIndexes": "0-1"}, "0,1")],
)
def test_a_success_policy_completes_the_job_early(rule: dict[str, Any], indexes: str) -> None:
    """As soon as a rule holds; the Pods that still run are deleted."""
    world = ScriptedCluster(
        by_rules(Rule({COMPLETION_INDEX: "2"}, (Outcome(seconds=None),)), otherwise=Outcome(seconds=1))
    )
    world.create_job(completionMode="Indexed", completions=3, parallelism=1, successPolicy={"rules": [rule]})
    world.run_until(world.is_finished)
    job = world.job()
    assert conditions_of(job) == {"SuccessCriteriaMet": "SuccessPolicy", "Complete": "SuccessPolicy"}
    assert job["status"]["completedIndexes"] == indexes


def test_a_job_that_others_manage_is_left_alone() -> None:
    """managedBy names whose it is; only the Job controller's own name means nothing."""
    world = ScriptedCluster()
    world.create_job("theirs", managedBy="example.com/queue")
    world.create_job("ours", managedBy="kubernetes.io/job-controller")
    world.run(60)
    assert [pod["metadata"]["labels"]["app"] for pod in world.pods()] == ["ours"]


def test_indexes_beyond_completions_count_for_nothing() -> None:
    """An Indexed Job may have been made smaller."""
    ended = {f"p{i}": PodEnd(PodOutcome.FAILED, EPOCH, i) for i in range(4)}
    spec = {"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 0}
    assert job_indexes.failed(job(**spec), Census((), ended)) == (0, 1)


@pytest.mark.parametrize(("text", "indexes"), [("", []), ("3", [3]), ("0,2-4", [0, 2, 3, 4])])
def test_intervals_are_read(text: str, indexes: list[int]) -> None:
    """Both ends included."""
    assert job_indexes.indexes_of(text) == indexes
