"""What the Job controller decides: Pods to make and delete, conditions, when to look again."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.clock import EPOCH
from tests.support.workloads import job, pod
from zenflow.local.controllers.job_census import Census, PodEnd, PodOutcome
from zenflow.local.controllers.job_plan import Plan, plan
from zenflow.local.loop.objects import Pod

NOW = EPOCH
STARTED = {"startTime": "2026-01-01T00:00:00Z"}


def ended(*outcomes: PodOutcome, at: float = 0.0, first_index: int | None = None) -> dict[str, PodEnd]:
    """Ends of Pods, one second apart, the last one at `at`."""
    count = len(outcomes)
    return {
        f"ended-{i}": PodEnd(
            outcome,
            NOW + timedelta(seconds=at - (count - 1 - i)),
            None if first_index is None else first_index + i,
        )
        for i, outcome in enumerate(outcomes)
    }


def census(*pods: Pod, done: dict[str, PodEnd] | None = None) -> Census:
    return Census(pods, done or {})


def conditions(planned: Plan) -> list[tuple[str, str, str]]:
    """Type, status and reason of each condition, in order."""
    return [(c.type, c.status, c.reason) for c in planned.status.conditions]


FAILED, SUCCEEDED = PodOutcome.FAILED, PodOutcome.SUCCEEDED


@pytest.mark.parametrize(
    ("spec", "active", "done", "created"),
    [
        ({}, 0, (), 1),
        ({}, 1, (), 0),
        ({"completions": 3, "parallelism": 2}, 0, (), 2),
        ({"completions": 3, "parallelism": 2}, 1, (SUCCEEDED,), 1),
        ({"completions": 3, "parallelism": 2}, 1, (SUCCEEDED, SUCCEEDED), 0),
        ({"completions": None, "parallelism": 2}, 0, (), 2),
        ({"completions": None, "parallelism": 2}, 1, (SUCCEEDED,), 0),
        ({"parallelism": 0}, 0, (), 0),
    ],
)
def test_as_many_pods_run_as_parallelism_and_completions_allow(
    spec: dict[str, Any], active: int, done: tuple[PodOutcome, ...], created: int
) -> None:
    """Never more than completions are missing; without completions none is added after a first success."""
    pods = [pod(f"p{i}") for i in range(active)]
    planned = plan(job(**spec), census(*pods, done=ended(*done)), NOW)
    assert (len(planned.create), planned.status.active) == (created, active + created)


def test_the_first_look_starts_the_clock() -> None:
    """startTime is when the Job was first seen unsuspended."""
    assert plan(job(), census(), NOW).status.start_time == NOW


def test_surplus_pods_are_deleted_and_count_as_nothing() -> None:
    """parallelism was lowered: the younger, not ready Pods go."""
    pods = [pod("a", "Running"), pod("b", "Pending"), pod("c", "Running")]
    planned = plan(job(completions=5, parallelism=2), census(*pods), NOW)
    assert ([p.metadata.name for p in planned.delete], planned.uncounted, planned.status.active) == (["b"], True, 2)


@pytest.mark.parametrize(("failures", "wait"), [(1, 10), (2, 20), (3, 40), (4, 80), (20, 600)])
def test_failed_pods_delay_the_next_one(failures: int, wait: int) -> None:
    """10 s, doubled with each failure, at most 10 min, from the latest failure on."""
    done = ended(*[FAILED] * failures)
    early = plan(job(backoffLimit=100), census(done=done), NOW + timedelta(seconds=wait - 1))
    due = plan(job(backoffLimit=100), census(done=done), NOW + timedelta(seconds=wait))
    assert (early.create, early.look_again_at, len(due.create)) == ((), NOW + timedelta(seconds=wait), 1)


def test_a_failure_in_the_second_of_a_success_delays_all_the_same() -> None:
    """Times are whole seconds: it may have come after it, and fifty Pods a second help nobody."""
    done = {"a": PodEnd(SUCCEEDED, NOW), "b": PodEnd(FAILED, NOW)}
    planned = plan(job(completions=3, parallelism=2), census(done=done), NOW)
    assert (planned.create, planned.look_again_at) == ((), NOW + timedelta(seconds=10))


def test_the_last_failure_too_many_fails_the_job() -> None:
    """backoffLimit counts retries: with 1, the second failure is the end."""
    planned = plan(job(backoffLimit=1, status=STARTED), census(done=ended(FAILED, FAILED)), NOW)
    assert conditions(planned) == [
        ("FailureTarget", "True", "BackoffLimitExceeded"),
        ("Failed", "True", "BackoffLimitExceeded"),
    ]


def test_failed_comes_only_after_all_pods_have_ended() -> None:
    """While a Pod terminates the Job has FailureTarget, and nothing but that."""
    still = pod("slow", deleted_at=NOW)
    planned = plan(job(backoffLimit=0, parallelism=2, completions=2), census(still, done=ended(FAILED)), NOW)
    assert conditions(planned) == [("FailureTarget", "True", "BackoffLimitExceeded")]


def test_a_failing_job_deletes_what_runs_and_counts_it() -> None:
    """The Pods that are taken down count as failed: they did not succeed."""
    planned = plan(job(backoffLimit=0, parallelism=2, completions=2), census(pod("a"), done=ended(FAILED)), NOW)
    assert ([p.metadata.name for p in planned.delete], planned.uncounted) == (["a"], False)
    assert (planned.status.active, planned.status.terminating) == (0, 1)


def test_a_verdict_is_never_taken_back() -> None:
    """Once FailureTarget stands, a late success changes nothing."""
    standing = {"conditions": [{"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}]}
    planned = plan(job(status=standing), census(done=ended(SUCCEEDED)), NOW)
    assert conditions(planned)[-1] == ("Failed", "True", "DeadlineExceeded")


@pytest.mark.parametrize(
    ("limit", "restarts", "fails"), [(0, 0, False), (0, 1, True), (2, 1, False), (2, 2, True), (6, 5, False)]
)
def test_restarts_inside_a_pod_use_up_the_limit(limit: int, restarts: int, fails: bool) -> None:
    """restartPolicy OnFailure; with a limit of 0 the first restart is the end."""
    template = {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "main"}]}}
    planned = plan(job(backoffLimit=limit, template=template), census(pod(restarts=restarts)), NOW)
    assert (bool(planned.delete), len(conditions(planned))) == (fails, int(fails))


def test_the_deadline_fails_the_job() -> None:
    """activeDeadlineSeconds counts from startTime; until then it is looked forward to."""
    limited = job(activeDeadlineSeconds=30, status=STARTED)
    before = plan(limited, census(pod()), NOW + timedelta(seconds=29))
    after = plan(limited, census(pod()), NOW + timedelta(seconds=30))
    assert (conditions(before), before.look_again_at) == ([], NOW + timedelta(seconds=30))
    assert conditions(after) == [("FailureTarget", "True", "DeadlineExceeded")]


def test_enough_successes_complete_the_job() -> None:
    """SuccessCriteriaMet stands before Complete, with the same reason."""
    planned = plan(job(completions=2, status=STARTED), census(done=ended(SUCCEEDED, SUCCEEDED)), NOW)
    assert conditions(planned) == [
        ("SuccessCriteriaMet", "True", "CompletionsReached"),
        ("Complete", "True", "CompletionsReached"),
    ]
    assert (planned.status.completion_time, planned.status.succeeded) == (NOW, 2)


def test_without_completions_the_rest_may_finish() -> None:
    """One success is enough, but nobody is stopped for it."""
    planned = plan(job(completions=None, parallelism=2), census(pod(), done=ended(SUCCEEDED)), NOW)
    assert (planned.delete, conditions(planned)) == ((), [])


def test_a_job_that_is_complete_with_nothing_to_do_needs_no_pod() -> None:
    """completions 0 is reached at once."""
    assert conditions(plan(job(completions=0), census(), NOW))[-1] == ("Complete", "True", "CompletionsReached")


def test_indexes_are_filled_from_the_lowest() -> None:
    """Neither an index that runs nor one that succeeded is made again."""
    running = pod("one", index=1)
    indexed = job(completionMode="Indexed", completions=5, parallelism=3)
    planned = plan(indexed, census(running, done=ended(SUCCEEDED, first_index=0)), NOW)
    assert (planned.create, planned.status.completed_indexes, planned.status.succeeded) == ((2, 3), "0", 1)


def test_a_failed_index_is_tried_again() -> None:
    """Its failure counts and delays; then the same index comes back."""
    indexed = job(completionMode="Indexed", completions=2, parallelism=2)
    planned = plan(indexed, census(done=ended(FAILED, first_index=1)), NOW + timedelta(seconds=10))
    assert (planned.create, planned.status.failed) == ((0, 1), 1)


def test_a_suspended_job_loses_its_pods_without_counting_them() -> None:
    """Suspending is no failure."""
    planned = plan(job(suspend=True, status=STARTED), census(pod("a")), NOW)
    assert (len(planned.delete), planned.uncounted, planned.create) == (1, True, ())
    assert conditions(planned) == [("Suspended", "True", "JobSuspended")]


def test_a_job_created_suspended_has_not_started() -> None:
    """No startTime, so no deadline runs."""
    assert plan(job(suspend=True, activeDeadlineSeconds=1), census(), NOW).status.start_time is None


def test_a_resumed_job_starts_its_clock_anew() -> None:
    """startTime is the time of resuming; the deadline counts from there."""
    suspended = {**STARTED, "conditions": [{"type": "Suspended", "status": "True", "reason": "JobSuspended"}]}
    later = NOW + timedelta(hours=1)
    planned = plan(job(status=suspended, activeDeadlineSeconds=60), census(), later)
    assert (planned.status.start_time, len(planned.create)) == (later, 1)
    assert conditions(planned) == [("Suspended", "False", "JobResumed")]
    assert planned.look_again_at == later + timedelta(seconds=60)


def test_a_failjob_rule_ends_the_job_whatever_its_limit() -> None:
    """The message says which Pod, container and rule."""
    done = {"a": PodEnd(FAILED, NOW, None, "Container main … rule at index 0")}
    planned = plan(job(), census(done=done), NOW)
    assert conditions(planned)[-1] == ("Failed", "True", "PodFailurePolicy")
    assert planned.status.conditions[-1].message == "Container main … rule at index 0"


def test_only_ended_pods_are_replaced_where_the_job_says_so() -> None:
    """podReplacementPolicy Failed: a terminating Pod keeps its place."""
    planned = plan(job(podReplacementPolicy="Failed"), census(pod(deleted_at=NOW)), NOW)
    assert (planned.create, planned.status.terminating) == ((), 1)


def test_a_job_that_is_being_deleted_makes_no_pods() -> None:
    """Foreground deletion must come to an end."""
    going = job()
    metadata = type(going.metadata)(name="build", namespace="default", uid="u", deletion_timestamp=NOW)
    planned = plan(type(going)(metadata=metadata, spec=going.spec), census(), NOW)
    assert planned.create == ()
