"""`kill -9` at every request of flows that are retried, deleted under, timed out, or over their budget."""

from collections.abc import Callable

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.shapes import step
from tests.simulation.stories import DEAF, FAILS, HANGS, OK, Story, delete_jobs_of, exits, retrying, with_job

IGNORE = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}
SOON = {"type": "Fixed", "duration": "3s"}


def deleted(plan: Plan) -> Story:
    """A person deletes the Job, whose container hears no signal."""
    now = {"type": "Fixed", "duration": "0s"}
    return Story(retrying("a", 1, **now), outcomes={"a": [DEAF, OK]}, people=[(5, delete_jobs_of("a"))], plan=plan)


def budget(plan: Plan) -> Story:
    outcomes = {"a": [FAILS, OK], "b": [exits(1, 10)]}
    steps = (retrying("a", **SOON), retrying("b", **SOON), step("c", "a"))
    return Story(*steps, outcomes=outcomes, plan=plan, executionPolicy={"backoffLimit": 1})


def timeout(plan: Plan) -> Story:
    late = {**retrying("late", **SOON), "timeoutSeconds": 10, "continueOnFailure": True}
    return Story(late, step("next", "late"), outcomes={"late": [FAILS, HANGS]}, plan=plan)


def deadline(plan: Plan) -> Story:
    steps = (step("a"), step("b", "a"), retrying("c", duration="1h"))
    outcomes = {"b": [HANGS], "c": [FAILS]}
    return Story(*steps, outcomes=outcomes, plan=plan, executionPolicy={"activeDeadlineSeconds": 20})


def ignored(plan: Plan) -> Story:
    """The exit code is all that decides, and it is known from a Pod alone."""
    steps = (retrying("a", 1, **SOON), step("b", "a"))
    policy = {"podFailurePolicy": IGNORE}
    return Story(*steps, outcomes={"a": [FAILS, exits(3)]}, plan=plan, executionPolicy=policy)


def restarted(plan: Plan) -> Story:
    """The Job controller deletes the Pod, and with it all that tells the exit code but the status."""
    made = step("a")
    made["template"]["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    return Story(made, outcomes={"a": [exits(3)]}, plan=plan, executionPolicy={"podFailurePolicy": IGNORE})


def own_deadline(plan: Plan) -> Story:
    made = with_job(retrying("a", 1, **SOON), activeDeadlineSeconds=5)
    return Story(made, outcomes={"a": [HANGS, OK]}, plan=plan)


STORIES = {
    deleted: ("Succeeded/StepsSucceeded", {"a": ("Succeeded/None", 2)}),
    budget: (
        "Failed/BackoffLimitExceeded",
        {"a": ("Succeeded/None", 2), "b": ("Failed/BackoffLimitExceeded", 1), "c": ("Succeeded/None", 1)},
    ),
    timeout: ("Succeeded/StepsSucceeded", {"late": ("Failed/TimedOut", 2), "next": ("Succeeded/None", 1)}),
    deadline: (
        "Failed/DeadlineExceeded",
        {"a": ("Succeeded/None", 1), "b": ("Failed/DeadlineExceeded", 1), "c": ("Failed/FlowFailed", 1)},
    ),
    ignored: ("Succeeded/StepsSucceeded", {"a": ("Succeeded/FailureIgnored", 2), "b": ("Succeeded/None", 1)}),
    own_deadline: ("Succeeded/StepsSucceeded", {"a": ("Succeeded/None", 2)}),
}


@pytest.mark.proves("retries.after-the-last-pod")
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_a_crash_at_any_request_changes_no_attempt_and_no_reason(tell: Callable[[Plan], Story], moment: Moment) -> None:
    """What was decided is decided again: from Jobs, from Pods, and from what is on record of those that are gone."""
    for number in (None, *range(tell(Plan()).requests)):
        story = tell(Plan(crash_at=number, moment=moment))
        assert (story.ending, story.says_all()) == STORIES[tell], number


@pytest.mark.proves("evidence.restart-on-failure")
def test_evidence_on_record_outlives_its_pod_and_the_controller() -> None:
    """Killed after any request, it still knows what the rules have to judge. What it had not written yet is lost."""
    for number in (None, *range(restarted(Plan()).requests)):
        story = restarted(Plan(crash_at=number, moment=Moment.AFTER_APPLY))
        assert story.says_all() == {"a": ("Succeeded/FailureIgnored", 1)}, number
