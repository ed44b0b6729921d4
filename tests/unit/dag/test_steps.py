"""The transition table of one step: attempts and the clock in, phase and words out."""

from datetime import datetime
from typing import Any

import pytest

from tests.support.builders import START, Scene, at, exited, job, job_uid, on_exit, retrying, rules
from tests.unit.dag.reading import created, deleted, ending, phases, published, said, step_of
from zenflow.api.types import (
    BackoffType,
    PodFailureAction,
    RetryPolicy,
    StepPhase,
    StepStatus,
)
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import Tries, Trouble
from zenflow.dag.steps import Ended, stamp

IGNORE, COUNT, FAIL_JOB = PodFailureAction.IGNORE, PodFailureAction.COUNT, PodFailureAction.FAIL_JOB
TEN_SECONDS = {"type": BackoffType.FIXED, "duration": "10s"}

# --- what an attempt comes to ---


def test_a_step_whose_job_is_under_way_is_running() -> None:
    """With its start, its Job, and no retry so far."""
    decision = decide(Scene.of(job("a")).running("a", since=2).now(5).snapshot())
    step = step_of(decision, "a")
    assert (step.phase, step.start_time, step.retry_count) == (StepPhase.RUNNING, at(2), 0)
    assert step.job_ref is not None
    assert step.job_ref.uid == job_uid("a", 1)


def test_a_step_whose_job_completed_has_succeeded() -> None:
    """At the time the Job says, not when we looked."""
    step = step_of(decide(Scene.of(job("a")).succeeded("a", end=5).now(60).snapshot()), "a")
    assert (step.phase, step.completion_time, step.message) == (StepPhase.SUCCEEDED, at(5), None)


def test_a_step_whose_job_failed_has_failed() -> None:
    """At once where no retryPolicy is given, with its exit code and the Job's words."""
    step = step_of(decide(Scene.of(job("a")).failed("a", 3, end=5).now(6).snapshot()), "a")
    assert (step.phase, step.reason, step.exit_code, step.completion_time) == (StepPhase.FAILED, "JobFailed", 3, at(5))
    assert "exited with 3" in (step.message or "")


def test_a_job_that_is_going_away_still_runs() -> None:
    """Its Pods do until it is gone; only then the attempt has failed."""
    scene = Scene.of(job("a", retries=1)).running("a", is_deleting=True).now(5)
    assert phases(decide(scene.snapshot())) == {"a": "Running"}


def test_the_evidence_of_a_pod_is_told_while_the_job_goes_on() -> None:
    """A Job with a backoffLimit replaces failed Pods, and may delete them."""
    step = step_of(decide(Scene.of(job("a")).running("a", exits=(exited(7, message="boom"),)).snapshot()), "a")
    assert (step.phase, step.exit_code, step.message) == (StepPhase.RUNNING, 7, "container main exited with 7: boom")


def test_evidence_on_record_outlives_its_pod() -> None:
    """restartPolicy OnFailure: the Job controller deletes the Pod at the limit."""
    seen = published(Scene.of(job("a")).running("a", exits=(exited(7),)))
    step = step_of(decide(seen.without_jobs_of("a").failed("a", end=5).now(6).snapshot()), "a")
    assert (step.phase, step.exit_code) == (StepPhase.FAILED, 7)


# --- a Pod that cannot start ---


@pytest.mark.parametrize(
    ("now", "reason"),
    [pytest.param(29, None, id="may pass by itself"), pytest.param(30, "ImagePullBackOff", id="told")],
)
def test_trouble_is_told_after_thirty_seconds(now: float, reason: str | None) -> None:
    """Most troubles pass by themselves."""
    assert step_of(decide(Scene.of(job("a")).troubled("a", since=0).now(now).snapshot()), "a").reason == reason


def test_trouble_wakes_the_flow_when_it_is_due_to_be_told() -> None:
    """Nothing else may happen until somebody mends the image's name."""
    assert decide(Scene.of(job("a")).troubled("a", since=5).now(6).snapshot()).wake_at == at(35)


def test_trouble_that_has_passed_is_not_told_any_more() -> None:
    """Neither its reason nor its message."""
    told = published(Scene.of(job("a")).troubled("a", since=0).now(40))
    step = step_of(decide(told.without_jobs_of("a").running("a", since=0).now(50).snapshot()), "a")
    assert (step.reason, step.message) == (None, None)


def test_a_refusal_that_has_passed_is_not_told_any_more() -> None:
    """A step that waited for quota and runs at last does not say that it waits."""
    told = published(Scene.of(job("a")).refused("a", "QuotaExceeded", until=9).now(5))
    step = step_of(decide(told.running("a", since=9).now(10).snapshot()), "a")
    assert (step.phase, step.message) == (StepPhase.RUNNING, None)


# --- retries ---


@pytest.mark.parametrize(
    ("kind", "failures", "wait"),
    [
        pytest.param(BackoffType.EXPONENTIAL, 1, 10, id="exponential, first"),
        pytest.param(BackoffType.EXPONENTIAL, 2, 20, id="exponential, second"),
        pytest.param(BackoffType.EXPONENTIAL, 3, 40, id="exponential, third"),
        pytest.param(BackoffType.LINEAR, 1, 10, id="linear, first"),
        pytest.param(BackoffType.LINEAR, 3, 30, id="linear, third"),
        pytest.param(BackoffType.FIXED, 1, 10, id="fixed, first"),
        pytest.param(BackoffType.FIXED, 3, 10, id="fixed, third"),
    ],
)
def test_a_retry_waits_as_the_formula_says(kind: BackoffType, failures: int, wait: float) -> None:
    """Counted from the end of the failed Job: Pending until then, its next Job exactly then."""
    scene = Scene.of(job("a", retry_policy=retrying(5, type=kind)))
    for _ in range(failures):
        scene = scene.failed("a", 1, end=100)
    early = decide(scene.now(100 + wait - 1).snapshot())
    step = step_of(early, "a")
    assert (step.phase, step.reason, step.next_retry_time) == (StepPhase.PENDING, "Backoff", at(100 + wait))
    assert (created(early), early.wake_at) == ([], at(100 + wait))
    assert created(decide(scene.now(100 + wait).snapshot())) == [f"a/{failures + 1}"]


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        pytest.param(None, 1, id="no policy"),
        pytest.param(RetryPolicy(), 4, id="three retries by default"),
        pytest.param(RetryPolicy(limit=0), 1, id="limit 0"),
        pytest.param(RetryPolicy(limit=1), 2, id="limit 1"),
    ],
)
def test_a_step_has_one_attempt_more_than_its_limit(policy: RetryPolicy | None, attempts: int) -> None:
    """The last failure is the step's."""
    scene = Scene.of(job("a", retry_policy=policy))
    for number in range(1, attempts + 1):
        assert created(decide(scene.now(9999 * number).snapshot())) == [f"a/{number}"]
        scene = scene.failed("a", 1, end=9999 * number)
    decision = decide(scene.now(9999 * 9).snapshot())
    assert (created(decision), phases(decision)) == ([], {"a": "Failed/JobFailed"})
    assert step_of(decision, "a").retry_count == attempts - 1


def test_a_retry_that_succeeds_says_at_which_attempt() -> None:
    """Its exit code is none: the last container did not fail."""
    scene = Scene.of(job("a", retries=3)).failed("a", 3, end=1).succeeded("a", since=11, end=12).now(13)
    step = step_of(decide(scene.snapshot()), "a")
    assert (step.phase, step.retry_count, step.exit_code) == (StepPhase.SUCCEEDED, 1, None)
    assert step.message == "Succeeded at attempt 2"


def test_a_retry_keeps_the_start_of_the_step() -> None:
    """The step began with its first attempt; its timeout counts from there."""
    scene = Scene.of(job("a", retries=3)).failed("a", 3, since=2, end=3).running("a", since=13).now(14)
    step = step_of(decide(scene.snapshot()), "a")
    assert (step.start_time, step.retry_count, step.exit_code) == (at(2), 1, 3)


def test_a_recorded_retry_time_is_kept() -> None:
    """A Job that vanished has no end of its own, so the wait counts from what was said first."""
    lost = Scene.of(job("a", retries=1)).started().deleted("a", end=None)
    assert decide(lost.now(5).snapshot()).wake_at == at(15)
    assert decide(published(lost.now(5)).now(14).snapshot()).wake_at == at(15)


def test_a_recorded_retry_time_counts_for_that_retry_only() -> None:
    """The next wait is counted anew."""
    scene = Scene.of(job("a", retry_policy=retrying(5, **TEN_SECONDS)))
    waiting = published(scene.failed("a", 1, end=5).now(6))
    assert decide(waiting.failed("a", 1, since=15, end=100).now(101).snapshot()).wake_at == at(110)


def test_a_deleted_job_is_a_failed_attempt() -> None:
    """Retried as any other."""
    scene = Scene.of(job("a", retries=1)).started().deleted("a", end=5)
    assert phases(decide(scene.now(6).snapshot())) == {"a": "Pending/Backoff"}
    assert created(decide(scene.now(15).snapshot())) == ["a/2"]


def test_a_deleted_job_without_retries_fails_its_step() -> None:
    """And says that it was deleted."""
    assert phases(decide(Scene.of(job("a")).deleted("a", end=5).now(6).snapshot())) == {"a": "Failed/JobDeleted"}


def test_a_job_that_goes_after_its_outcome_was_recorded_changes_nothing() -> None:
    """A finished step needs its Job no more."""
    scene = Scene.of(job("a"), job("b", "a")).succeeded("a", end=5).running("b", since=5).now(6)
    assert decide(published(scene).without_jobs_of("a").snapshot()).status is None


def test_a_job_that_failed_before_it_was_deleted_has_failed_as_a_job() -> None:
    """The Job's own BackoffLimitExceeded is not the flow's: with continueOnFailure the flow goes on."""
    scene = Scene.of(job("a", continue_on_failure=True), job("b", "a")).failed("a", 3, end=5, is_gone=True).now(6)
    decision = decide(scene.snapshot())
    assert (phases(decision)["a"], created(decision)) == ("Failed/JobFailed", ["b/1"])


# --- timeoutSeconds ---

SLOW = job("a", timeout_seconds=60, retry_policy=retrying(5, type=BackoffType.FIXED, duration="40s"))


def test_a_timeout_deletes_the_job_and_fails_the_step() -> None:
    """No retry, though some are left."""
    decision = decide(published(Scene.of(SLOW).running("a")).now(60).snapshot())
    assert (phases(decision), deleted(decision)) == ({"a": "Failed/TimedOut"}, [job_uid("a", 1)])
    assert (ending(decision), created(decision)) == ("Failed/StepFailed", [])


def test_a_timeout_strikes_at_its_second_and_wakes_the_flow_for_it() -> None:
    """Not before."""
    decision = decide(published(Scene.of(SLOW).running("a")).now(59).snapshot())
    assert (decision.wake_at, deleted(decision)) == (at(60), [])


def test_a_timeout_counts_from_the_first_start() -> None:
    """Retries and waits included."""
    scene = published(Scene.of(SLOW).failed("a", 1, since=0, end=5).running("a", since=45))
    assert decide(scene.now(59).snapshot()).wake_at == at(60)
    assert phases(decide(scene.now(60).snapshot())) == {"a": "Failed/TimedOut"}


def test_a_timeout_strikes_during_a_wait() -> None:
    """There is no Job to delete, and none is made."""
    scene = Scene.of(SLOW).failed("a", 1, end=50)
    assert decide(scene.now(55).snapshot()).wake_at == at(60)
    decision = decide(scene.now(60).snapshot())
    assert (phases(decision), decision.actions) == ({"a": "Failed/TimedOut"}, ())


@pytest.mark.parametrize(
    ("scene", "phase"),
    [
        pytest.param(Scene.of(SLOW).succeeded("a", end=59), "Succeeded", id="succeeded in time, seen late"),
        pytest.param(Scene.of(job("a", timeout_seconds=60)).failed("a", 1, end=59), "Failed/JobFailed", id="failed"),
        pytest.param(Scene.of(job("a", timeout_seconds=60)).deleted("a", end=59), "Failed/JobDeleted", id="deleted"),
    ],
)
def test_a_timeout_changes_no_outcome_that_came_before(scene: Scene, phase: str) -> None:
    """The controller may have been away at the deadline."""
    assert phases(decide(scene.now(100).snapshot())) == {"a": phase}


@pytest.mark.parametrize("policy", [None, RetryPolicy()])
def test_a_job_that_went_after_the_deadline_timed_out(policy: RetryPolicy | None) -> None:
    """We deleted it and crashed before the status was written: the end is the same as without the crash."""
    scene = Scene.of(job("a", timeout_seconds=60, retry_policy=policy)).deleted("a", end=60).now(61)
    assert phases(decide(scene.snapshot())) == {"a": "Failed/TimedOut"}


def test_no_podfailurepolicy_excuses_a_timeout() -> None:
    """The exit code of a Pod that was killed for it is our own doing."""
    ignoring = rules(on_exit(IGNORE, 143))
    scene = Scene.of(job("a", timeout_seconds=60), pod_failure_policy=ignoring)
    decision = decide(scene.deleted("a", end=60, exits=(exited(143),)).now(61).snapshot())
    assert phases(decision) == {"a": "Failed/TimedOut"}


@pytest.mark.proves("failure-policy.deleted-job")
def test_no_podfailurepolicy_judges_a_deleted_job() -> None:
    """Whoever deleted it killed its containers."""
    scene = Scene.of(job("a"), pod_failure_policy=rules(on_exit(IGNORE, 143))).deleted("a", exits=(exited(143),))
    assert phases(decide(scene.snapshot())) == {"a": "Failed/JobDeleted"}


def test_a_timeout_of_a_step_that_may_fail_does_not_end_the_flow() -> None:
    """Its dependents start in the same breath as its Job is deleted."""
    scene = Scene.of(job("a", timeout_seconds=60, continue_on_failure=True), job("b", "a")).running("a")
    decision = decide(published(scene).now(60).snapshot())
    assert (created(decision), deleted(decision)) == (["b/1"], [job_uid("a", 1)])


def test_the_job_of_a_step_that_timed_out_is_deleted_until_it_goes() -> None:
    """The deletion may have been lost on the way."""
    scene = published(Scene.of(job("a", timeout_seconds=60, continue_on_failure=True), job("b", "a")).running("a"))
    again = published(scene.now(60)).running("b", since=60)
    assert deleted(decide(again.now(61).snapshot())) == [job_uid("a", 1)]


def test_a_job_that_is_going_away_is_not_deleted_again() -> None:
    """One request is enough."""
    scene = published(Scene.of(job("a", timeout_seconds=60)).running("a", is_deleting=True))
    assert deleted(decide(scene.now(60).snapshot())) == []


# --- podFailurePolicy ---


@pytest.mark.parametrize(
    ("action", "retries", "failures", "phase"),
    [
        pytest.param(IGNORE, 0, 1, "Succeeded/FailureIgnored", id="Ignore"),
        pytest.param(IGNORE, 3, 1, "Succeeded/FailureIgnored", id="Ignore, at once, though retries are left"),
        pytest.param(COUNT, 0, 1, "Succeeded/FailureCounted", id="Count, no retry to make"),
        pytest.param(COUNT, 2, 1, "Pending/Backoff", id="Count, retries left"),
        pytest.param(COUNT, 2, 3, "Succeeded/FailureCounted", id="Count, retries used up"),
        pytest.param(FAIL_JOB, 0, 1, "Failed/JobFailed", id="FailJob, no retry to make"),
        pytest.param(FAIL_JOB, 2, 1, "Pending/Backoff", id="FailJob, retries left"),
        pytest.param(FAIL_JOB, 2, 3, "Failed/JobFailed", id="FailJob, retries used up"),
    ],
)
def test_a_podfailurepolicy_rules_a_failed_attempt(
    action: PodFailureAction, retries: int, failures: int, phase: str
) -> None:
    """semantics.md, section 5."""
    scene = Scene.of(job("a", retries=retries), pod_failure_policy=rules(on_exit(action, 42)))
    for _ in range(failures):
        scene = scene.failed("a", 42, end=5)
    step = step_of(decide(scene.now(6).snapshot()), "a")
    assert f"{step.phase.value}/{step.reason}" == phase
    assert step.retry_count == failures - 1


@pytest.mark.parametrize("action", [IGNORE, COUNT])
def test_a_step_that_a_policy_excused_says_for_which_exit_code(action: PodFailureAction) -> None:
    """A success that nobody can explain would be worse than a failure."""
    scene = Scene.of(job("a"), pod_failure_policy=rules(on_exit(action, 42))).failed("a", 42, end=5).now(6)
    step = step_of(decide(scene.snapshot()), "a")
    assert "42" in (step.message or "")
    assert step.exit_code == 42


def test_the_rules_are_read_for_the_latest_attempt() -> None:
    """An exit code that an earlier attempt had decides nothing now."""
    scene = Scene.of(job("a", retries=1), pod_failure_policy=rules(on_exit(IGNORE, 42)))
    assert phases(decide(scene.failed("a", 42).failed("a", 1, end=5).now(6).snapshot())) == {"a": "Failed/JobFailed"}


# --- what a standing is to others ---


@pytest.mark.parametrize(
    ("phase", "reason", "may_fail", "satisfies", "is_fatal"),
    [
        (StepPhase.SUCCEEDED, None, False, True, False),
        (StepPhase.FAILED, "JobFailed", False, False, True),
        (StepPhase.FAILED, "JobFailed", True, True, False),
        (StepPhase.FAILED, "BackoffLimitExceeded", True, False, True),
        (StepPhase.SKIPPED, "WhenFalse", False, True, False),
        (StepPhase.SKIPPED, "DependencyFailed", False, False, False),
        (StepPhase.SKIPPED, "FlowFailed", False, False, False),
    ],
)
def test_what_a_step_that_ended_is_to_its_dependents_and_its_flow(
    phase: StepPhase, reason: str | None, may_fail: bool, satisfies: bool, is_fatal: bool
) -> None:
    """semantics.md, section 3."""
    step = job("a", continue_on_failure=may_fail)
    standing = Ended(step, StepStatus(name="a", phase=phase, reason=reason))
    assert (standing.satisfies, standing.is_fatal) == (satisfies, is_fatal)


@pytest.mark.parametrize("moment", [START.replace(microsecond=999_999), START])
def test_times_are_cut_to_the_second(moment: datetime) -> None:
    """As metav1.Time is; a status must read back as it was written."""
    assert stamp(moment) == START


def test_a_final_phase_never_changes() -> None:
    """Whatever its Jobs say later."""
    ended = published(Scene.of(job("a"), job("b")).succeeded("a", end=5).running("b").now(6))
    other = ended.without_jobs_of("a").failed("a", 1, end=7).now(8)
    assert decide(other.snapshot()).status is None
    assert said(decide(ended.succeeded("b").snapshot())).steps[0] == ended.flow.status.steps[0]


# --- a Job that retries by itself ---


def trying(failed: int, **facts: Any) -> Scene:
    tries = Tries(failed, 7, at(40))
    return (
        Scene.of(job("a"), job("b"))
        .running("b")
        .running("a", exits=(exited(3, message="no disk"),), tries=tries, **facts)
    )


def test_each_try_of_the_job_itself_is_told_by_its_step_and_by_its_flow() -> None:
    """Which of how many, when the next comes, and what the last one failed by."""
    status = said(decide(trying(3).now(20).snapshot()))
    words = "Failed 3 of 7 times, next try at about 12:00:40Z: container main exited with 3: no disk"
    step = next(each for each in status.steps if each.name == "a")
    assert (step.phase, step.reason, step.message, step.exit_code) == (StepPhase.RUNNING, "JobRetry", words, 3)
    assert status.message == f"Step a: {words}"


def test_a_try_that_goes_on_changes_nothing() -> None:
    """One status for each failure, however often somebody looks and when the next try begins."""
    before = published(trying(3).now(20))
    assert decide(before.now(30).snapshot()).status is None
    assert decide(before.now(600).snapshot()).status is None


def test_what_keeps_the_next_try_from_starting_is_told_instead() -> None:
    """But not that its container waits for the next try, which it has told already."""
    reasons = []
    for trouble in ("ImagePullBackOff", "CrashLoopBackOff"):
        scene = trying(3, trouble=Trouble(trouble, "Pod x: no", at(0))).now(60)
        reasons.append(step_of(decide(scene.snapshot()), "a").reason)
    assert reasons == ["ImagePullBackOff", "JobRetry"]
