"""The walk of a flow that goes on: what starts, what is skipped, what is held back."""

from collections.abc import Callable

import pytest

from tests.support.builders import Scene, at, gate, job, retrying
from tests.unit.dag.reading import created, ending, phases, published, said, step_of
from zenflow.api.names import job_name
from zenflow.api.types import BackoffType, FlowPhase, Step, StepPhase
from zenflow.dag.decision import decide

DIAMOND = (job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c"))

# --- order ---


@pytest.mark.parametrize(
    ("scene", "starts"),
    [
        pytest.param(Scene.of(*DIAMOND), ["a/1"], id="nothing done"),
        pytest.param(Scene.of(*DIAMOND).running("a"), [], id="a runs"),
        pytest.param(Scene.of(*DIAMOND).succeeded("a"), ["b/1", "c/1"], id="both branches at once"),
        pytest.param(Scene.of(*DIAMOND).succeeded("a").running("b"), ["c/1"], id="a branch that was not made yet"),
        pytest.param(Scene.of(*DIAMOND).succeeded("a").succeeded("b").running("c"), [], id="one branch is not enough"),
        pytest.param(Scene.of(*DIAMOND).succeeded("a").succeeded("b").succeeded("c"), ["d/1"], id="joined"),
        pytest.param(Scene.of(job("b", "a"), job("a")).succeeded("a"), ["b/1"], id="written backwards"),
        pytest.param(Scene.of(job("a"), job("b"), job("c")), ["a/1", "b/1", "c/1"], id="independent"),
    ],
)
def test_a_step_starts_when_all_its_dependencies_are_done(scene: Scene, starts: list[str]) -> None:
    """And all that may start do so in one decision."""
    assert created(decide(scene.snapshot())) == starts


def test_a_branch_does_not_wait_for_another() -> None:
    """b is two steps ahead of c."""
    scene = Scene.of(job("a"), job("b"), job("a2", "a"), job("b2", "b")).succeeded("a").running("b")
    assert created(decide(scene.snapshot())) == ["a2/1"]


def test_a_retry_in_one_branch_does_not_hold_the_other() -> None:
    """The flow goes on where it can."""
    scene = Scene.of(job("a", retries=1), job("b"), job("b2", "b")).failed("a", 1, end=5).succeeded("b").now(6)
    assert created(decide(scene.snapshot())) == ["b2/1"]


def test_a_started_step_is_running_with_the_name_of_its_job() -> None:
    """The name is a function of (flow UID, step, attempt), so it is known before the Job is."""
    scene = Scene.of(job("a")).now(4)
    step = step_of(decide(scene.snapshot()), "a")
    assert (step.phase, step.start_time) == (StepPhase.RUNNING, at(4))
    assert step.job_ref is not None
    assert step.job_ref.name == job_name("flow", "uid-flow", "a", 1)


def test_a_flow_succeeds_with_its_last_step() -> None:
    """No sooner."""
    scene = Scene.of(job("a"), job("b")).succeeded("a").now(9)
    assert ending(decide(scene.running("b").snapshot())) == "Running"
    assert ending(decide(scene.succeeded("b").snapshot())) == "Succeeded/StepsSucceeded"


def test_a_job_that_is_there_though_the_status_knows_nothing_is_not_made_again() -> None:
    """A crash between the Job and the status; Jobs are the memory."""
    assert created(decide(Scene.of(job("a")).running("a").snapshot())) == []


# --- continueOnFailure ---


def test_dependents_of_a_step_that_may_fail_run() -> None:
    """As if it had succeeded."""
    scene = Scene.of(job("a", continue_on_failure=True), job("b", "a")).failed("a", 1, end=5).now(6)
    assert (created(decide(scene.snapshot())), phases(decide(scene.snapshot()))["a"]) == (["b/1"], "Failed/JobFailed")


def test_a_step_that_may_fail_is_retried_first() -> None:
    """Its dependents wait for its last attempt."""
    scene = Scene.of(job("a", continue_on_failure=True, retries=1), job("b", "a")).failed("a", 1, end=5).now(6)
    assert created(decide(scene.snapshot())) == []


# --- when ---


@pytest.mark.parametrize("word", ["", "always", "Always", "ALWAYS", "true", "True", "TRUE"])
def test_these_words_run_a_step(word: str) -> None:
    """In any letter case."""
    assert created(decide(Scene.of(job("a", when=word)).snapshot())) == ["a/1"]


@pytest.mark.parametrize("word", ["never", "Never", "NEVER", "false", "False", "fAlSe"])
@pytest.mark.parametrize("make", [job, gate])
def test_these_words_skip_a_step(word: str, make: Callable[..., Step]) -> None:
    """A Job step or a Manual one; the flow succeeds and the step says by what it was skipped."""
    decision = decide(Scene.of(make("a", when=word)).snapshot())
    assert (ending(decision), phases(decision)) == ("Succeeded/StepsSucceeded", {"a": "Skipped/WhenFalse"})
    assert f'"{word}"' in (step_of(decision, "a").message or "")


def test_when_is_read_when_the_step_is_reached() -> None:
    """Not at the start of the flow."""
    scene = Scene.of(job("a"), job("b", "a", when="never"))
    assert phases(decide(scene.running("a").snapshot()))["b"] == "Pending"
    assert phases(decide(scene.succeeded("a").snapshot()))["b"] == "Skipped/WhenFalse"


def test_dependents_of_a_skipped_step_run_in_the_same_decision() -> None:
    """Through any number of skipped steps, and in any order of writing."""
    steps = (job("d", "c"), job("c", "b", when="never"), job("b", "a", when="false"), job("a", when="never"))
    decision = decide(Scene.of(*steps).snapshot())
    assert (created(decision), phases(decision)["c"]) == (["d/1"], "Skipped/WhenFalse")


def test_a_skipped_step_stays_skipped() -> None:
    """And its dependents satisfied, when it is read back from the record."""
    scene = Scene.of(job("a"), job("b", when="never"), job("c", "a", "b"))
    later = published(scene.running("a")).without_jobs_of("a").succeeded("a")
    assert created(decide(later.snapshot())) == ["c/1"]


# --- Manual steps among others ---


def test_a_gate_holds_its_dependents_and_nothing_else() -> None:
    """Paused, while other branches go on."""
    decision = decide(Scene.of(gate("go"), job("b", "go"), job("c")).snapshot())
    assert (created(decision), ending(decision)) == (["c/1"], "Paused")


def test_a_gate_is_not_asked_before_it_is_reached() -> None:
    """Nobody should approve what was not done yet."""
    decision = decide(Scene.of(job("a"), gate("go", "a")).running("a").snapshot())
    assert (phases(decision)["go"], ending(decision)) == ("Pending", "Running")


def test_an_approved_gate_lets_its_dependents_start_in_the_same_decision() -> None:
    """And the flow is Running again."""
    paused = published(Scene.of(gate("go"), job("b", "go")))
    decision = decide(paused.answered("go", "true").now(9).snapshot())
    assert (created(decision), ending(decision)) == (["b/1"], "Running")


# --- suspend ---


def test_a_suspended_flow_starts_nothing_new() -> None:
    """What runs goes on."""
    scene = Scene.of(job("a"), job("b"), job("c", "b")).running("a").succeeded("b").suspended()
    decision = decide(scene.snapshot())
    assert (decision.actions, said(decision).phase) == ((), FlowPhase.SUSPENDED)
    assert phases(decision) == {"a": "Running", "b": "Succeeded", "c": "Pending/Suspended"}


def test_a_flow_suspended_from_the_beginning_does_not_start() -> None:
    """Its deadline does not count yet."""
    status = said(decide(Scene.of(job("a")).suspended().snapshot()))
    assert (status.phase, status.start_time) == (FlowPhase.SUSPENDED, None)


def test_a_suspended_flow_makes_no_retry() -> None:
    """Also when its time has come; it is made when suspend is lifted."""
    scene = published(Scene.of(job("a", retries=1)).failed("a", 1, end=5).suspended().now(6))
    held = decide(scene.now(99).snapshot())
    assert held.actions == ()
    assert created(decide(scene.suspended(False).now(100).snapshot())) == ["a/2"]


def test_a_suspended_flow_asks_for_no_approval() -> None:
    """It asks when suspend is lifted."""
    scene = Scene.of(gate("go")).started().suspended()
    assert phases(decide(scene.snapshot())) == {"go": "Pending/Suspended"}
    assert phases(decide(scene.suspended(False).snapshot())) == {"go": "PendingApproval/ApprovalRequired"}


def test_a_suspended_flow_whose_steps_are_all_done_has_succeeded() -> None:
    """There is nothing to wait for."""
    assert ending(decide(Scene.of(job("a")).succeeded("a").suspended().snapshot())) == "Succeeded/StepsSucceeded"


def test_a_flow_goes_on_when_suspend_is_lifted() -> None:
    """Where it was."""
    scene = published(Scene.of(job("a"), job("b", "a")).succeeded("a").suspended())
    decision = decide(scene.suspended(False).snapshot())
    assert (created(decision), ending(decision)) == (["b/1"], "Running")


# --- refusals of the API server ---


@pytest.mark.parametrize("now", [4, 8.999])
def test_a_refused_job_is_waited_for(now: float) -> None:
    """Pending with the API server's own words; looked at again when the wait is over."""
    decision = decide(Scene.of(job("a")).refused("a", "QuotaExceeded", until=9).now(now).snapshot())
    assert (created(decision), phases(decision), decision.wake_at) == ([], {"a": "Pending/QuotaExceeded"}, at(9))
    assert step_of(decision, "a").message == "QuotaExceeded it is"


def test_a_refused_job_is_tried_again_as_the_same_attempt() -> None:
    """A refusal uses up none."""
    scene = Scene.of(job("a", retries=0)).refused("a", "QuotaExceeded", until=9)
    assert created(decide(published(scene.now(4)).now(9).snapshot())) == ["a/1"]


def test_a_refused_retry_is_tried_again_as_the_same_attempt() -> None:
    """It is the second before and after, and the refusal is told."""
    once = retrying(1, type=BackoffType.FIXED, duration="10s")
    scene = Scene.of(job("a", retry_policy=once)).failed("a", 1, end=0).refused("a", "QuotaExceeded", until=19)
    waiting = published(scene.now(12))
    assert waiting.flow.status.steps[0].reason == "QuotaExceeded"
    assert created(decide(waiting.now(18).snapshot())) == []
    assert created(decide(waiting.now(19).snapshot())) == ["a/2"]


def test_a_refusal_of_one_step_holds_no_other() -> None:
    """The quota may have room for a smaller Job."""
    assert created(decide(Scene.of(job("a"), job("b")).refused("a", "QuotaExceeded", until=9).snapshot())) == ["b/1"]


@pytest.mark.parametrize("retries", [0, 5])
def test_a_job_that_is_refused_for_good_fails_its_step(retries: int) -> None:
    """At once, without a retry, with the API server's message."""
    decision = decide(Scene.of(job("a", retries=retries)).refused("a", "InvalidTemplate").snapshot())
    assert (phases(decision), ending(decision)) == ({"a": "Failed/InvalidTemplate"}, "Failed/StepFailed")
    assert "InvalidTemplate it is" in (said(decision).message or "")
    assert decision.actions == ()


def test_a_retry_that_is_refused_for_good_fails_its_step() -> None:
    """It ran before; its start and its retries are kept."""
    scene = Scene.of(job("a", retries=5)).failed("a", 3, since=1, end=5).refused("a", "InvalidTemplate").now(20)
    step = step_of(decide(scene.snapshot()), "a")
    assert (step.phase, step.reason, step.start_time) == (StepPhase.FAILED, "InvalidTemplate", at(1))


def test_a_refused_step_that_may_fail_lets_the_flow_go_on() -> None:
    """continueOnFailure holds for every failure of the step's own."""
    scene = Scene.of(job("a", continue_on_failure=True), job("b", "a")).refused("a", "InvalidTemplate")
    assert created(decide(scene.snapshot())) == ["b/1"]
