"""Rules about the flow as a whole: its turn, its deadline, its retry budget, what makes it fail."""

from dataclasses import replace

import pytest

from tests.support.builders import Scene, at, gate, job, job_uid, on_exit, retrying, rival, rules
from tests.unit.dag.reading import created, deleted, ending, phases, published, said, step_of
from zenflow.api.types import BackoffType, ConcurrencyPolicy, FlowPhase, PodFailureAction
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import Rival

ALLOW, FORBID, REPLACE = ConcurrencyPolicy.ALLOW, ConcurrencyPolicy.FORBID, ConcurrencyPolicy.REPLACE

OLDER_RUNNING = rival("older", -5)
OLDER_WAITING = rival("older", -5, has_started=False)
OLDER_SUSPENDED = rival("older", -5, has_started=False, is_suspended=True)
OLDER_HELD = rival("older", -5, is_suspended=True)
OLDER_ENDED = rival("older", -5, has_ended=True)
OLDER_DELETED = rival("older", -5, has_started=False, is_deleting=True)
YOUNGER_RUNNING = rival("younger", 5)
YOUNGER_WAITING = rival("younger", 5, has_started=False)

# --- concurrency: whose turn it is ---


@pytest.mark.parametrize(
    ("policy", "other", "starts"),
    [
        pytest.param(FORBID, OLDER_RUNNING, False, id="Forbid, an older one runs"),
        pytest.param(FORBID, OLDER_WAITING, False, id="Forbid, oldest first"),
        pytest.param(FORBID, OLDER_SUSPENDED, True, id="Forbid, the older one was suspended before it started"),
        pytest.param(FORBID, OLDER_HELD, False, id="Forbid, the older one was suspended while it ran"),
        pytest.param(FORBID, OLDER_ENDED, True, id="Forbid, the older one has ended"),
        pytest.param(FORBID, OLDER_DELETED, True, id="Forbid, the older one goes without having run"),
        pytest.param(FORBID, rival("older", -5, is_deleting=True), True, id="Forbid, the older one is on its way out"),
        pytest.param(FORBID, YOUNGER_RUNNING, False, id="Forbid, a younger one was let in by its Allow"),
        pytest.param(FORBID, YOUNGER_WAITING, True, id="Forbid, a younger one waits for us"),
        pytest.param(REPLACE, OLDER_RUNNING, False, id="Replace, until the older one has ended"),
        pytest.param(REPLACE, OLDER_ENDED, True, id="Replace, the older one has ended"),
        pytest.param(ALLOW, OLDER_RUNNING, True, id="Allow, beside an older one"),
        pytest.param(ALLOW, OLDER_WAITING, True, id="Allow, before an older one"),
    ],
)
def test_the_newcomers_policy_decides_whether_it_starts(policy: ConcurrencyPolicy, other: Rival, starts: bool) -> None:
    """semantics.md, section 6."""
    decision = decide(Scene.of(job("a"), concurrency_policy=policy).beside(other).snapshot())
    assert created(decision) == (["a/1"] if starts else [])
    assert said(decision).phase is (FlowPhase.RUNNING if starts else FlowPhase.PENDING)


def test_forbid_is_the_default() -> None:
    """As the guide has it."""
    assert created(decide(Scene.of(job("a")).beside(OLDER_RUNNING).snapshot())) == []


def test_a_flow_that_waits_says_for_whom() -> None:
    """For the oldest that runs, and without a start of its own."""
    status = said(decide(Scene.of(job("a")).beside(rival("second", -2), rival("first", -9)).snapshot()))
    assert "JobFlow first " in (status.message or "")
    assert status.start_time is None


def test_a_flow_that_is_not_the_first_in_line_waits_for_the_one_before_it() -> None:
    """So its status need not change each time that another has its turn."""
    line = [rival("runs", -9), rival("second", -7, has_started=False), rival("third", -3, has_started=False)]
    message = said(decide(Scene.of(job("a")).beside(*line).snapshot())).message or ""
    assert "JobFlow third " in message


def test_a_flow_that_has_started_waits_for_nobody() -> None:
    """A younger Allow flow beside it does not stop it."""
    scene = Scene.of(job("a"), job("b", "a")).succeeded("a").beside(OLDER_RUNNING, YOUNGER_RUNNING)
    assert created(decide(scene.snapshot())) == ["b/1"]


@pytest.mark.parametrize("policy", [FORBID, REPLACE])
def test_a_job_of_an_earlier_flow_counts_as_active(policy: ConcurrencyPolicy) -> None:
    """Its flow may be gone, its Pods are not."""
    decision = decide(Scene.of(job("a"), concurrency_policy=policy).beside(leftovers=("Job old-a-1",)).snapshot())
    assert (created(decision), said(decision).phase) == ([], FlowPhase.PENDING)
    assert "Job old-a-1" in (said(decision).message or "")


def test_allow_does_not_wait_for_jobs_of_an_earlier_flow() -> None:
    """Their names differ by the flow's UID."""
    scene = Scene.of(job("a"), concurrency_policy=ALLOW).beside(leftovers=("Job old-a-1",))
    assert created(decide(scene.snapshot())) == ["a/1"]


REPLACER = rival("newer", 5, policy=REPLACE, has_started=False)


@pytest.mark.parametrize(
    ("other", "is_replaced"),
    [
        pytest.param(REPLACER, True, id="a newcomer with Replace"),
        pytest.param(YOUNGER_WAITING, False, id="a newcomer with Forbid"),
        pytest.param(rival("newer", 5, policy=ALLOW, has_started=False), False, id="a newcomer with Allow"),
        pytest.param(rival("older", -5, policy=REPLACE, has_started=False), False, id="an older one with Replace"),
        pytest.param(rival("newer", 5, policy=REPLACE, has_ended=True), False, id="one that has ended"),
        pytest.param(
            rival("newer", 5, policy=REPLACE, has_started=False, is_deleting=True), False, id="one that is deleted"
        ),
        pytest.param(
            rival("newer", 5, policy=REPLACE, has_started=False, is_invalid=True), False, id="one that is invalid"
        ),
    ],
)
def test_a_newcomer_with_replace_ends_older_flows(other: Rival, is_replaced: bool) -> None:
    """Whatever their own policy says."""
    scene = published(Scene.of(job("a")).running("a"))
    decision = decide(scene.beside(other).now(6).snapshot())
    assert deleted(decision) == ([job_uid("a", 1)] if is_replaced else [])
    assert (decision.status is not None) is is_replaced


def test_a_flow_that_was_suspended_before_it_started_is_not_replaced() -> None:
    """It was not active; lifted, it waits for the newcomer."""
    newcomer = rival("newcomer", 5, policy=REPLACE, has_started=False)
    held = Scene.of(job("a")).suspended().beside(newcomer)
    assert said(decide(held.snapshot())).phase is FlowPhase.SUSPENDED
    assert ending(decide(held.suspended(False).snapshot())) == "Failed/Replaced"
    assert ending(decide(held.started().snapshot())) == "Failed/Replaced"


def test_a_newcomer_that_is_suspended_replaces_nobody() -> None:
    """Until it is lifted."""
    newcomer = rival("newcomer", 5, policy=REPLACE, has_started=False, is_suspended=True)
    running = Scene.of(job("a")).started()
    assert said(decide(running.beside(newcomer).snapshot())).phase is FlowPhase.RUNNING
    assert ending(decide(running.beside(replace(newcomer, is_suspended=False)).snapshot())) == "Failed/Replaced"


def test_a_replaced_flow_says_by_whom() -> None:
    """Its running step has failed with it."""
    decision = decide(published(Scene.of(job("a"), job("b", "a")).running("a")).beside(REPLACER).now(6).snapshot())
    assert (ending(decision), phases(decision)) == (
        "Failed/Replaced",
        {"a": "Failed/Replaced", "b": "Skipped/FlowFailed"},
    )
    assert said(decision).message == "Replaced by JobFlow newer"


def test_a_flow_is_replaced_while_it_waits_for_its_turn() -> None:
    """It never runs."""
    decision = decide(Scene.of(job("a")).beside(OLDER_RUNNING, REPLACER).snapshot())
    assert (ending(decision), phases(decision)) == ("Failed/Replaced", {"a": "Skipped/FlowFailed"})
    assert said(decision).start_time is None


def test_two_flows_of_the_same_second_do_not_wait_for_each_other() -> None:
    """The UID decides, the same way for both."""
    waits = [
        created(decide(Scene.of(job("a")).beside(rival(name, 0, has_started=False)).snapshot())) == []
        for name in ("a", "z")  # our own UID lies between theirs
    ]
    assert waits == [True, False]


# --- activeDeadlineSeconds ---


def test_a_deadline_ends_the_flow_and_deletes_what_runs() -> None:
    """What waits for a retry has failed, what never ran is Skipped."""
    scene = Scene.of(job("a"), job("b", retries=3), job("c", "a"), gate("go"), active_deadline_seconds=60)
    scene = published(scene.running("a").failed("b", 1, end=55).now(56))
    decision = decide(scene.now(60).snapshot())
    assert (ending(decision), deleted(decision)) == ("Failed/DeadlineExceeded", [job_uid("a", 1)])
    assert phases(decision) == {
        "a": "Failed/DeadlineExceeded",
        "b": "Failed/FlowFailed",
        "c": "Skipped/FlowFailed",
        "go": "Skipped/FlowFailed",
    }


def test_a_deadline_wakes_the_flow() -> None:
    """And strikes no second earlier."""
    scene = published(Scene.of(job("a"), active_deadline_seconds=60).running("a"))
    decision = decide(scene.now(59).snapshot())
    assert (decision.wake_at, decision.actions, decision.status) == (at(60), (), None)


def test_a_deadline_counts_from_the_start_and_pauses_count() -> None:
    """Waiting for its turn does not, waiting for a person does."""
    paused = published(Scene.of(gate("go"), active_deadline_seconds=60).now(100))
    assert decide(paused.now(101).snapshot()).wake_at == at(160)
    assert ending(decide(paused.now(160).snapshot())) == "Failed/DeadlineExceeded"


def test_a_deadline_holds_for_a_suspended_flow() -> None:
    """It is the flow's whole life from its start."""
    scene = published(Scene.of(job("a"), job("b", "a"), active_deadline_seconds=60).succeeded("a").now(1))
    assert ending(decide(scene.suspended().now(60).snapshot())) == "Failed/DeadlineExceeded"


def test_a_flow_that_is_waiting_for_its_turn_has_no_deadline_yet() -> None:
    """Its startTime is not set."""
    scene = published(Scene.of(job("a"), active_deadline_seconds=60).beside(OLDER_RUNNING))
    assert decide(scene.now(9999).snapshot()).status is None


def test_a_deadline_does_not_overtake_a_flow_whose_steps_have_all_ended() -> None:
    """A controller that was away at the deadline changes no outcome."""
    scene = Scene.of(job("a"), active_deadline_seconds=60).now(500)
    assert ending(decide(scene.succeeded("a", end=59).snapshot())) == "Succeeded/StepsSucceeded"
    assert ending(decide(scene.failed("a", 1, end=59).snapshot())) == "Failed/StepFailed"


# --- executionPolicy.backoffLimit ---

TWICE = {"retry_policy": retrying(5, type=BackoffType.FIXED, duration="10s")}


@pytest.mark.parametrize(
    ("budget", "is_spent"),
    [(None, False), (4, False), (3, False), (2, True), (0, True)],
    ids=["none", "more", "enough", "used up", "zero"],
)
def test_a_budget_counts_retries_of_all_steps(budget: int | None, is_spent: bool) -> None:
    """Two were made, one each; the third is asked for."""
    scene = Scene.of(job("a", **TWICE), job("b", **TWICE), backoff_limit=budget)
    scene = scene.failed("a", 1).running("a").failed("b", 1).failed("b", 1, end=5).now(6)
    assert phases(decide(scene.snapshot()))["b"] == ("Failed/BackoffLimitExceeded" if is_spent else "Pending/Backoff")


def test_a_flow_over_its_budget_fails_for_that_reason() -> None:
    """And no Job is made for the retry when its time comes."""
    decision = decide(Scene.of(job("a", **TWICE), backoff_limit=0).failed("a", 1, end=5).now(99).snapshot())
    assert (ending(decision), created(decision)) == ("Failed/BackoffLimitExceeded", [])
    assert "backoffLimit (0)" in (said(decision).message or "")


def test_a_step_that_may_fail_may_not_go_over_the_flows_budget() -> None:
    """continueOnFailure is about the step; the budget is the flow's. Read back from the record, it is the same."""
    scene = Scene.of(job("a", continue_on_failure=True, **TWICE), job("b"), job("c", "a"), backoff_limit=0)
    failing = published(scene.failed("a", 1, end=5).running("b").now(6))
    decision = decide(failing.now(7).succeeded("b", since=6, end=7).snapshot())
    assert ending(decision) == "Failed/BackoffLimitExceeded"
    assert phases(decision)["c"] == "Skipped/DependencyFailed"


def test_of_two_retries_the_budget_goes_to_the_one_due_first() -> None:
    """The same one at every look."""
    slow = job("slow", retry_policy=retrying(5, type=BackoffType.FIXED, duration="60s"))
    scene = Scene.of(slow, job("quick", **TWICE), job("c"), backoff_limit=1).running("c")
    decision = decide(scene.failed("slow", 1, end=5).failed("quick", 1, end=5).now(6).snapshot())
    assert phases(decision)["slow"] == "Failed/BackoffLimitExceeded"
    assert phases(decision)["quick"] == "Failed/FlowFailed"


def test_an_ignored_failure_costs_no_budget() -> None:
    """Nothing is retried."""
    ignoring = rules(on_exit(PodFailureAction.IGNORE, 1))
    scene = Scene.of(job("a", **TWICE), backoff_limit=0, pod_failure_policy=ignoring).failed("a", 1, end=5).now(6)
    assert ending(decide(scene.snapshot())) == "Succeeded/StepsSucceeded"


# --- failing ---


def test_a_flow_fails_by_the_step_that_failed_first() -> None:
    """By the clock of the Jobs, not by the order of the spec."""
    scene = Scene.of(job("a"), job("b")).failed("a", 1, end=9).failed("b", 1, end=5).now(10)
    assert (said(decide(scene.snapshot())).message or "").startswith("Step b failed: ")


def test_a_flow_keeps_the_reason_it_began_to_fail_by() -> None:
    """A step whose retry was not made for it is no cause, though its last Job failed before."""
    scene = Scene.of(job("a", **TWICE), job("b", **TWICE), job("c"), backoff_limit=1)
    failing = published(scene.failed("a", 1, end=4).failed("b", 1, end=5).running("c").now(6))
    decision = decide(failing.without_jobs_of("c").succeeded("c", end=7).now(8).snapshot())
    assert (ending(decision), phases(decision)["a"]) == ("Failed/BackoffLimitExceeded", "Failed/FlowFailed")


def test_a_step_that_may_fail_does_not_make_the_flow_fail() -> None:
    """It counts as failed all the same."""
    decision = decide(Scene.of(job("a", continue_on_failure=True)).failed("a", 1, end=5).now(6).snapshot())
    assert ending(decision) == "Succeeded/StepsSucceeded"
    progress = said(decision).progress
    assert progress is not None
    assert (progress.failed_steps, progress.successful_steps) == (1, 0)
    assert step_of(decision, "a").reason == "JobFailed"
