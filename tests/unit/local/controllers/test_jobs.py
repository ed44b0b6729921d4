"""Jobs on a whole local cluster with scripted containers: what becomes of them, seen through the API."""

from typing import Any

import pytest

from tests.support.scripted_cluster import ScriptedCluster, conditions_of
from zenflow.local.containers.script import Outcome, Rule, by_rules
from zenflow.local.loop.objects import COMPLETION_INDEX, JOBS, PODS


def always(**outcome: Any) -> ScriptedCluster:
    """A cluster whose containers all go the same way."""
    return ScriptedCluster(by_rules(otherwise=Outcome(**outcome)))


def counts(job: dict[str, Any]) -> dict[str, int]:
    status = job["status"]
    return {field: status.get(field, 0) for field in ("active", "ready", "succeeded", "failed", "terminating")}


def test_a_job_runs_to_its_end() -> None:
    """One Pod, one success, Complete with its times."""
    world = always(seconds=5)
    world.create_job()
    world.run_until(world.is_finished)
    job = world.job()
    assert conditions_of(job) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert (job["status"]["startTime"], job["status"]["completionTime"]) == (
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:05Z",
    )


def test_a_running_job_counts_its_pods() -> None:
    """Active at once, ready a second later, as the real controller batches it."""
    world = always(seconds=60)
    world.create_job(parallelism=2, completions=4)
    world.settle()
    assert counts(world.job()) == {"active": 2, "ready": 0, "succeeded": 0, "failed": 0, "terminating": 0}
    world.run(1)
    assert counts(world.job())["ready"] == 2


def test_completions_are_worked_off_in_parallel() -> None:
    """Five completions, two at a time, ten seconds each: three rounds."""
    world = always(seconds=10)
    world.create_job(parallelism=2, completions=5)
    world.run_until(world.is_finished)
    assert (world.clock.monotonic(), len(world.pods())) == (30, 5)


def test_failures_are_tried_again_until_the_limit() -> None:
    """backoffLimit 2 means three Pods; delays of 10 s and 20 s between them."""
    world = always(exit_code=1)
    world.create_job(backoffLimit=2)
    world.run_until(world.is_finished)
    assert (len(world.pods()), counts(world.job())["failed"], world.clock.monotonic()) == (3, 3, 30)
    assert conditions_of(world.job()) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}


def test_the_default_limit_is_six() -> None:
    """Seven Pods, and their delays of 10 to 320 s."""
    world = always(exit_code=1)
    world.create_job()
    world.run_until(world.is_finished)
    assert (len(world.pods()), world.clock.monotonic()) == (7, 10 + 20 + 40 + 80 + 160 + 320)


def test_failed_waits_for_the_last_pod_to_end() -> None:
    """The other Pod needs its grace period; until then only FailureTarget stands."""
    stubborn = Rule({COMPLETION_INDEX: "1"}, (Outcome(seconds=None, obeys=False),))
    world = ScriptedCluster(by_rules(stubborn, otherwise=Outcome(seconds=5, exit_code=1)))
    pod = {"terminationGracePeriodSeconds": 20}
    world.create_job(pod=pod, backoffLimit=0, parallelism=2, completions=2, completionMode="Indexed")
    world.run(24)
    assert (conditions_of(world.job()), counts(world.job())["terminating"]) == (
        {"FailureTarget": "BackoffLimitExceeded"},
        1,
    )
    world.run(2)
    assert "Failed" in conditions_of(world.job())
    assert counts(world.job()) == {"active": 0, "ready": 0, "succeeded": 0, "failed": 2, "terminating": 0}


def test_restarts_in_place_use_up_the_limit_and_the_pod_goes() -> None:
    """restartPolicy OnFailure: exit code and log go with the Pod, as on a real cluster."""
    world = always(seconds=3, exit_code=1)
    world.create_job(pod={"restartPolicy": "OnFailure"}, backoffLimit=1)
    world.run_until(world.is_finished)
    assert (world.pods(), conditions_of(world.job())["Failed"]) == ([], "BackoffLimitExceeded")


def test_a_job_past_its_deadline_fails() -> None:
    """Its Pod is deleted and counts as failed."""
    world = always(seconds=None)
    world.create_job(activeDeadlineSeconds=30)
    world.run_until(world.is_finished)
    assert (conditions_of(world.job())["Failed"], world.clock.monotonic()) == ("DeadlineExceeded", 30)
    assert (counts(world.job())["failed"], world.pods()) == (1, [])


def test_an_indexed_job_does_each_index_once() -> None:
    """One Pod an index; completedIndexes tells which are done."""
    world = always(seconds=1)
    world.create_job(completionMode="Indexed", completions=3, parallelism=3)
    world.run_until(world.is_finished)
    indexes = sorted(pod["metadata"]["annotations"][COMPLETION_INDEX] for pod in world.pods())
    assert (indexes, world.job()["status"]["completedIndexes"]) == (["0", "1", "2"], "0-2")


def test_suspending_takes_the_pods_away_and_resuming_brings_them_back() -> None:
    """No failure is counted, and the clock of the Job starts anew."""
    world = always(seconds=20)
    world.create_job(backoffLimit=0)
    world.run(5)
    world.patch(JOBS, "job", {"spec": {"suspend": True}})
    world.run(5)
    assert (world.pods(), conditions_of(world.job()), counts(world.job())["failed"]) == (
        [],
        {"Suspended": "JobSuspended"},
        0,
    )
    world.patch(JOBS, "job", {"spec": {"suspend": False}})
    world.run_until(world.is_finished)
    assert (world.clock.monotonic(), world.job()["status"]["startTime"]) == (30, "2026-01-01T00:00:10Z")


def test_a_pod_that_someone_deletes_is_a_failure_and_replaced() -> None:
    """At once counted, after the backoff replaced."""
    world = always(seconds=30)
    world.create_job()
    world.settle()
    (pod,) = world.pods()
    world.client.delete(PODS, pod["metadata"]["name"], "default")
    world.run_until(world.is_finished)
    assert (counts(world.job())["failed"], counts(world.job())["succeeded"]) == (1, 1)


def test_a_pod_that_vanishes_is_a_failure() -> None:
    """Deleted without grace: it was never seen to end."""
    world = always(seconds=30)
    world.create_job()
    world.settle()
    (pod,) = world.pods()
    world.client.delete(PODS, pod["metadata"]["name"], "default", grace_period=0)
    world.settle()
    assert counts(world.job())["failed"] == 1


def test_a_pod_that_ended_and_went_between_two_looks_counts() -> None:
    """By its last state, as if it had been seen in time."""
    world = always(seconds=5)
    world.create_job()
    world.settle()
    world.clock.advance(5)
    while world.cluster.kubelet.step():
        pass
    (pod,) = world.pods()
    world.client.delete(PODS, pod["metadata"]["name"], "default")
    world.settle()
    assert counts(world.job())["succeeded"] == 1


def test_a_pod_deleted_after_it_was_counted_changes_nothing() -> None:
    """Cleaning up finished Pods does not undo completions."""
    world = always(seconds=10)
    world.create_job(completions=2, parallelism=1)
    world.run(12)
    first = next(pod for pod in world.pods() if pod["status"]["phase"] == "Succeeded")
    world.client.delete(PODS, first["metadata"]["name"], "default")
    world.run_until(world.is_finished)
    assert (counts(world.job())["succeeded"], counts(world.job())["failed"]) == (2, 0)


def test_the_jobs_own_policy_may_end_it_at_once() -> None:
    """FailJob: no retry although the limit would allow it."""
    world = always(exit_code=42)
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    world.create_job(podFailurePolicy={"rules": [rule]})
    world.run_until(world.is_finished)
    assert (conditions_of(world.job())["Failed"], len(world.pods())) == ("PodFailurePolicy", 1)


def test_a_finished_job_goes_when_its_time_is_up() -> None:
    """ttlSecondsAfterFinished: the Job and its Pods."""
    world = always(seconds=5)
    world.create_job(ttlSecondsAfterFinished=60)
    world.run(64)
    assert world.get(JOBS, "job") is not None
    world.run(2)
    assert (world.get(JOBS, "job"), world.pods()) == (None, [])


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_a_job_takes_its_pods_along(propagation: str) -> None:
    """Whether the Job goes first or last."""
    world = always(seconds=None)
    world.create_job()
    world.run(1)
    world.client.delete(JOBS, "job", "default", propagation=propagation)
    world.run(1)
    assert (world.get(JOBS, "job"), world.pods()) == (None, [])


def test_a_job_of_the_same_name_starts_afresh() -> None:
    """Nothing is remembered of the one that was deleted."""
    world = always(exit_code=1, seconds=1)
    world.create_job(backoffLimit=0)
    world.run_until(world.is_finished)
    world.client.delete(JOBS, "job", "default")
    world.create_job(backoffLimit=5)
    world.run(2)
    assert counts(world.job())["failed"] == 1


def test_a_job_at_rest_costs_nothing() -> None:
    """Nothing is written once all is done."""
    world = always()
    world.create_job()
    world.run_until(world.is_finished)
    version = world.cluster.api.store.version
    world.run(3600)
    assert world.cluster.api.store.version == version


def test_a_short_job_costs_six_writes() -> None:
    """Job, Pod, two states of each: no more than a person would count."""
    world = always(seconds=0.5)
    before = world.cluster.api.store.version
    world.create_job()
    world.run_until(world.is_finished)
    assert world.cluster.api.store.version - before == 6
