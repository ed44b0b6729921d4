"""Retries, the budget, time limits and deadlines to the second: the real composition on a virtual clock."""

from typing import Any

import pytest

from tests.simulation.shapes import step
from tests.simulation.stories import (
    DEAF,
    FAILS,
    HANGS,
    OK,
    Span,
    Story,
    delete_jobs_of,
    exits,
    patch_flow,
    refuse_jobs,
    retrying,
    since,
    with_job,
)

proves = pytest.mark.proves


# --- retries ---


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        pytest.param({}, [10, 20, 40, 80], id="default", marks=proves("retries.defaults")),
        pytest.param(
            {"type": "Exponential", "duration": "5s", "factor": 3},
            [5, 15, 45, 135],
            id="Exponential",
            marks=proves("retries.exponential"),
        ),
        pytest.param(
            {"type": "Linear", "duration": "10s"}, [10, 20, 30, 40], id="Linear", marks=proves("retries.linear")
        ),
        pytest.param({"type": "Fixed", "duration": "7s"}, [7, 7, 7, 7], id="Fixed", marks=proves("retries.fixed")),
        pytest.param(
            {"type": "Exponential", "duration": "30m", "factor": 3},
            [1800, 3600, 3600, 3600],
            id="an hour at most",
            marks=proves("retries.longest-wait"),
        ),
        pytest.param({"type": "Fixed", "duration": "0s"}, [0, 0, 0, 0], id="no wait"),
    ],
)
def test_a_retry_comes_in_the_second_that_the_formula_says(backoff: dict[str, Any], waits: list[float]) -> None:
    """From the moment the Job has failed; the fifth attempt succeeds."""
    story = Story(retrying("a", 4, **backoff), outcomes={"a": [FAILS] * 4 + [OK]})
    assert story.waits("a") == waits
    assert story.ending == "Succeeded/StepsSucceeded"


@proves("retries.wait-is-told")
def test_a_step_in_its_wait_is_pending_and_says_until_when() -> None:
    """Phase Pending, reason Backoff, and the time of the retry that then comes."""
    story = Story(retrying("a", 1, type="Fixed", duration="30s"), outcomes={"a": [FAILS, OK]}, looks=[20])
    waiting = story.step("a", when=20)
    assert (waiting["phase"], waiting["reason"]) == ("Pending", "Backoff")
    assert since(waiting["nextRetryTime"]) == story.spans("a")[1].start == 32
    assert "no luck" in waiting["message"]


@pytest.mark.parametrize(
    ("made", "attempts"),
    [
        pytest.param(step("a"), 1, id="no retryPolicy", marks=proves("retries.none-without-policy")),
        pytest.param({**step("a"), "retryPolicy": {}}, 4, id="no limit", marks=proves("retries.defaults")),
        pytest.param(retrying("a", 0), 1, id="0"),
        pytest.param(retrying("a", 2), 3, id="2", marks=proves("retries.limit")),
    ],
)
def test_the_limit_counts_retries_after_the_first_attempt(made: dict[str, Any], attempts: int) -> None:
    """Each is a Job of its own, and all of them stay until the flow goes."""
    story = Story(made, outcomes={"a": [FAILS]})
    spans = story.spans("a")
    assert (len(spans), any(span.is_deleted for span in spans)) == (attempts, False)
    assert (story.ending, story.says("a")) == ("Failed/StepFailed", "Failed/JobFailed")
    assert story.step("a").get("retryCount", 0) == attempts - 1


@proves("retries.job-deadline")
def test_a_jobs_own_deadline_fails_an_attempt_which_is_retried() -> None:
    """The template's activeDeadlineSeconds is a limit for one attempt."""
    made = with_job(retrying("a", 1, type="Fixed", duration="3s"), activeDeadlineSeconds=5)
    story = Story(made, outcomes={"a": [HANGS, OK]})
    assert story.spans("a") == [Span(0, 5), Span(8, 10)]
    assert story.ending == "Succeeded/StepsSucceeded"


@proves("retries.job-backoff-limit-zero")
def test_with_a_retry_policy_the_job_itself_does_not_retry() -> None:
    """No backoffLimit in the template: one Pod, then the attempt has failed."""
    made = with_job(retrying("a", 1, type="Fixed", duration="1s"), backoffLimit=None)
    assert Story(made, outcomes={"a": [FAILS]}).spans("a") == [Span(0, 2), Span(3, 5)]


@proves("retries.job-backoff-limit-chosen")
def test_a_jobs_own_backoff_limit_is_tried_within_each_attempt() -> None:
    """Its Pods come after 10 and 20 s of the Job controller's own wait; only then has the attempt failed."""
    made = with_job(retrying("a", 1, type="Fixed", duration="3s"), backoffLimit=2)
    assert Story(made, outcomes={"a": [FAILS]}).spans("a") == [Span(0, 36), Span(39, 75)]


def test_each_try_of_a_job_that_retries_by_itself_is_told_as_it_happens() -> None:
    """In the step's status, the flow's message and an Event each: which of how many, and when the next comes."""
    story = Story(with_job(step("a"), backoffLimit=2), outcomes={"a": [FAILS]}, looks=[1, 3, 15, 30])
    assert story.seen[1]["status"]["steps"][0].get("reason") is None
    for seconds, told in (
        (3, "Failed 1 of 3 times, next try at about 00:00:12Z: container main exited with 1: no luck"),
        (15, "Failed 2 of 3 times, next try at about 00:00:34Z: container main exited with 1: no luck"),
        (30, "Failed 2 of 3 times, next try at about 00:00:34Z: container main exited with 1: no luck"),
    ):
        status = story.seen[seconds]["status"]
        assert (status["steps"][0]["reason"], status["steps"][0]["message"]) == ("JobRetry", told)
        assert status["message"] == f"Step a: {told}"
    assert story.ending == "Failed/StepFailed"


# --- Jobs that people delete ---


@proves("retries.deleted-job")
def test_a_job_that_is_deleted_is_an_attempt_that_failed() -> None:
    """Retried as any other."""
    story = Story(
        retrying("a", 1, type="Fixed", duration="10s"),
        outcomes={"a": [HANGS, OK]},
        people=[(5, delete_jobs_of("a"))],
        looks=[6],
    )
    assert story.spans("a") == [Span(0, None, is_deleted=True), Span(15, 17)]
    assert story.ending == "Succeeded/StepsSucceeded"


@proves("retries.deleted-job")
def test_a_job_that_is_deleted_fails_a_step_without_retries() -> None:
    """Reason JobDeleted."""
    story = Story(step("a"), outcomes={"a": [HANGS]}, people=[(5, delete_jobs_of("a"))])
    assert (story.ending, story.says("a")) == ("Failed/StepFailed", "Failed/JobDeleted")


@proves("retries.after-the-last-pod")
def test_a_retry_waits_for_the_last_pod_of_a_deleted_job() -> None:
    """Its container hears no signal: the Pod is there for 30 s more, and so is the attempt."""
    story = Story(
        retrying("a", 1, type="Fixed", duration="0s"), outcomes={"a": [DEAF, OK]}, people=[(5, delete_jobs_of("a"))]
    )
    assert story.spans("a") == [Span(0, None, is_deleted=True), Span(35, 37)]


@proves("retries.job-gone-after-its-outcome")
def test_a_job_that_goes_after_its_outcome_is_on_record_changes_nothing() -> None:
    """Neither that of a step that has ended nor that of an earlier attempt."""
    story = Story(
        step("done"),
        retrying("a", 1, type="Fixed", duration="20s"),
        outcomes={"a": [FAILS, OK]},
        people=[(10, delete_jobs_of("done")), (10, delete_jobs_of("a"))],
    )
    assert story.spans("done") == [Span(0, 2, is_deleted=True)]
    assert story.spans("a") == [Span(0, 2, is_deleted=True), Span(22, 24)]
    assert story.ending == "Succeeded/StepsSucceeded"


# --- the flow's budget ---


@pytest.mark.parametrize(("budget", "attempts", "ending"), [(1, 3, "Failed/BackoffLimitExceeded"), (2, 4, "Succeeded")])
@proves("retries.budget")
def test_the_budget_counts_the_retries_of_all_steps(budget: int, attempts: int, ending: str) -> None:
    """Two steps fail once each: a retry beyond the budget is not made, and the flow fails by it."""
    story = Story(
        retrying("a", type="Fixed", duration="3s"),
        retrying("b", type="Fixed", duration="3s"),
        outcomes={"a": [FAILS, OK], "b": [exits(1, 10), OK]},
        executionPolicy={"backoffLimit": budget},
    )
    assert len(story.spans("a") + story.spans("b")) == attempts
    assert story.ending.startswith(ending)


# --- time limits ---


@pytest.mark.parametrize(
    ("made", "outcomes", "spans"),
    [
        pytest.param(
            step("a"),
            [HANGS],
            [Span(0, None, is_deleted=True)],
            id="while it runs",
            marks=proves("timeouts.job-deleted", "timeouts.step-failed"),
        ),
        pytest.param(
            retrying("a"),
            [HANGS],
            [Span(0, None, is_deleted=True)],
            id="and is not retried",
            marks=proves("timeouts.no-retry"),
        ),
        pytest.param(
            retrying("a", type="Fixed", duration="30s"),
            [FAILS],
            [Span(0, 2)],
            id="during a wait",
            marks=proves("timeouts.whole-step"),
        ),
        pytest.param(
            retrying("a", type="Fixed", duration="3s"),
            [FAILS, HANGS],
            [Span(0, 2), Span(5, None, is_deleted=True)],
            id="during a retry",
            marks=proves("timeouts.whole-step"),
        ),
    ],
)
def test_a_step_times_out_in_its_second(made: dict[str, Any], outcomes: list[Any], spans: list[Span]) -> None:
    """Counted from its first start, retries and waits included."""
    story = Story({**made, "timeoutSeconds": 10}, outcomes={"a": outcomes})
    assert story.spans("a") == spans
    assert (story.ending, story.says("a")) == ("Failed/StepFailed", "Failed/TimedOut")
    assert since(story.step("a")["completionTime"]) == 10


@proves("timeouts.continue-on-failure")
def test_after_a_timeout_the_flow_goes_on_where_the_step_may_fail() -> None:
    """`continueOnFailure` decides."""
    late = {**step("late", timeoutSeconds=10), "continueOnFailure": True}
    story = Story(late, step("next", "late"), outcomes={"late": [HANGS]})
    assert story.spans("next") == [Span(10, 12)]
    assert story.ending == "Succeeded/StepsSucceeded"


GATE = {"name": "gate", "type": "Manual"}


@pytest.mark.parametrize(
    ("steps", "spec", "people"),
    [
        pytest.param([step("a")], {}, [], id="while a Job runs", marks=proves("timeouts.flow-deadline")),
        pytest.param([GATE], {}, [], id="while it is paused", marks=proves("timeouts.flow-deadline-counts-pauses")),
        pytest.param(
            [step("b"), step("c", "b")],
            {},
            [(1, patch_flow({"spec": {"suspend": True}}))],
            id="while it is suspended",
            marks=proves("timeouts.flow-deadline-counts-pauses"),
        ),
        pytest.param([retrying("r", duration="1h")], {}, [], id="while a retry is waited for"),
    ],
)
def test_a_flow_is_over_in_the_second_of_its_deadline(
    steps: list[Any], spec: dict[str, Any], people: list[Any]
) -> None:
    """Counted from startTime, whatever it does or waits for."""
    story = Story(
        *steps,
        outcomes={"a": [HANGS], "r": [FAILS]},
        people=people,
        executionPolicy={"activeDeadlineSeconds": 20},
        **spec,
    )
    status = story.flow["status"]
    assert story.ending == "Failed/DeadlineExceeded"
    assert since(status["completionTime"]) - since(status["startTime"]) == 20
    assert all(span.end or span.is_deleted for name in ("a", "b", "r") for span in story.spans(name))


@proves("timeouts.flow-deadline-starts-late")
def test_the_deadline_counts_from_the_start_not_from_the_creation() -> None:
    """A flow that was held back has all of its time."""
    lift = patch_flow({"spec": {"suspend": False}})
    policy = {"activeDeadlineSeconds": 20}
    story = Story(step("a"), outcomes={"a": [HANGS]}, people=[(100, lift)], executionPolicy=policy, suspend=True)
    assert (since(story.flow["status"]["startTime"]), since(story.flow["status"]["completionTime"])) == (100, 120)


# --- what the API server says to a create ---


@proves("retries.quota")
def test_a_refused_job_is_tried_again_with_waits_of_a_minute_at_most() -> None:
    """After 1, 2, 4, 8, 16, 32 and 60 s; the step is Pending and says why, and no attempt is used up."""
    message = 'jobs.batch "x" is forbidden: exceeded quota: few'
    story = Story(step("a"), admission=refuse_jobs(100, 403, message), looks=[90])
    waiting = story.step("a", when=90)
    assert (waiting["phase"], waiting["reason"]) == ("Pending", "QuotaExceeded")
    assert waiting["message"].startswith(message)
    assert story.spans("a") == [Span(123, 125)]
    assert story.step("a").get("retryCount", 0) == 0


@proves("retries.forbidden")
def test_a_forbidden_job_is_waited_for_too() -> None:
    """Until someone grants the right."""
    story = Story(step("a"), admission=refuse_jobs(2, 403, "not allowed"), looks=[1.5])
    assert story.step("a", when=1.5)["reason"] == "Forbidden"
    assert story.spans("a") == [Span(3, 5)]


@proves("retries.invalid-template")
def test_an_invalid_job_fails_its_step_at_once() -> None:
    """With the API server's own words, and without a retry."""
    story = Story(retrying("a"), admission=refuse_jobs(1000, 422, "spec.template: wrong"))
    assert (story.says("a"), story.spans("a")) == ("Failed/InvalidTemplate", [])
    assert since(story.flow["status"]["completionTime"]) == 0
    assert "spec.template: wrong" in story.flow["status"]["message"]


@proves("retries.control-plane-faults")
@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_control_plane_that_fails_uses_up_no_attempt(code: int) -> None:
    """The Job comes with the first try after it has recovered, as attempt 1."""
    story = Story(retrying("a"), admission=refuse_jobs(30, code, "busy"))
    [span] = story.spans("a")
    assert span.start >= 30
    assert (story.says("a"), story.step("a").get("retryCount", 0)) == ("Succeeded/None", 0)
