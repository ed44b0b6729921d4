"""The transition table of a Manual step: asked, answered, too late (semantics.md, section 7)."""

import pytest

from tests.support.builders import Scene, at, gate, job
from tests.unit.dag.reading import created, ending, phases, published, step_of
from zenflow.api.types import StepPhase
from zenflow.dag.decision import decide


def test_a_gate_asks_with_its_own_words() -> None:
    """PendingApproval since it was reached."""
    step = step_of(decide(Scene.of(gate("go", message="Is the backup good?")).now(3).snapshot()), "go")
    assert (step.phase, step.message, step.start_time) == (StepPhase.PENDING_APPROVAL, "Is the backup good?", at(3))


def test_a_gate_without_words_asks_all_the_same() -> None:
    """Naming itself."""
    assert "go" in (step_of(decide(Scene.of(gate("go")).snapshot()), "go").message or "")


def test_a_gate_goes_on_asking_since_it_was_reached() -> None:
    """Its start is not moved by looking again."""
    asking = published(Scene.of(gate("go")).now(3))
    assert decide(asking.now(500).snapshot()).status is None


@pytest.mark.parametrize(
    ("answer", "phase", "flow"),
    [
        pytest.param("true", "Succeeded/Approved", "Succeeded/StepsSucceeded", id="approved"),
        pytest.param("false", "Failed/Rejected", "Failed/StepFailed", id="rejected"),
        pytest.param("yes", "PendingApproval/ApprovalRequired", "Paused", id="no word of ours"),
        pytest.param("", "PendingApproval/ApprovalRequired", "Paused", id="empty"),
    ],
)
@pytest.mark.parametrize("is_early", [False, True], ids=["asked", "early"])
def test_a_gate_hears_true_and_false(answer: str, phase: str, flow: str, is_early: bool) -> None:
    """Also an answer that was given before it was reached."""
    scene = Scene.of(gate("go")) if is_early else published(Scene.of(gate("go")))
    decision = decide(scene.answered("go", answer).started().now(9).snapshot())
    assert (phases(decision), ending(decision)) == ({"go": phase}, flow)


def test_an_early_approval_waits_until_the_gate_is_reached() -> None:
    """What comes before it is not skipped."""
    scene = Scene.of(job("a"), gate("go", "a"), job("b", "go")).answered("go", "true")
    assert phases(decide(scene.running("a").snapshot())) == {"a": "Running", "go": "Pending", "b": "Pending"}
    reached = decide(scene.succeeded("a", end=5).now(6).snapshot())
    assert (phases(reached)["go"], created(reached)) == ("Succeeded/Approved", ["b/1"])


@pytest.mark.parametrize(("answer", "text"), [("true", "Approved by jane"), ("false", "Rejected by jane")])
def test_the_person_who_answered_is_named(answer: str, text: str) -> None:
    """By the stamp that admission sets."""
    step = step_of(decide(Scene.of(gate("go")).answered("go", answer, by="jane").snapshot()), "go")
    assert (step.approved_by, step.message) == ("jane", text)


@pytest.mark.proves("approval.unseen")
@pytest.mark.parametrize("answer", ["true", "false"])
@pytest.mark.parametrize("is_early", [False, True], ids=["asked", "early"])
def test_an_answer_that_admission_has_not_stamped_counts_for_nothing(answer: str, is_early: bool) -> None:
    """Nobody has been asked whether its author may; the step says so and goes on waiting, until its time is over."""
    scene = Scene.of(gate("go", timeout_seconds=60))
    unstamped = (scene if is_early else published(scene)).answered("go", answer, by="")
    assert phases(decide(unstamped.snapshot())) == {"go": "PendingApproval/UnstampedApproval"}
    said = published(unstamped)
    assert decide(said.now(59).snapshot()).status is None
    assert phases(decide(said.answered("go", answer, by="jane").snapshot()))["go"].endswith(("Approved", "Rejected"))
    assert phases(decide(said.now(60).snapshot())) == {"go": "Failed/TimedOut"}


def test_an_approval_is_for_one_gate() -> None:
    """And for no other."""
    scene = Scene.of(gate("one"), gate("two")).answered("one", "true")
    assert phases(decide(scene.snapshot()))["two"] == "PendingApproval/ApprovalRequired"


def test_a_gate_times_out_from_when_it_asked() -> None:
    """It wakes the flow for that."""
    asking = published(Scene.of(gate("go", timeout_seconds=60)).now(3))
    assert decide(asking.now(4).snapshot()).wake_at == at(63)
    assert decide(asking.now(62).snapshot()).status is None
    assert phases(decide(asking.now(63).snapshot())) == {"go": "Failed/TimedOut"}


def test_an_answer_that_was_given_counts_though_it_is_seen_late() -> None:
    """The controller may have been away."""
    asking = published(Scene.of(gate("go", timeout_seconds=60)))
    assert phases(decide(asking.answered("go", "true").now(99).snapshot())) == {"go": "Succeeded/Approved"}


def test_an_approval_that_is_taken_back_changes_nothing() -> None:
    """A final phase never changes again."""
    approved = published(Scene.of(gate("go"), job("a", "go")).answered("go", "true")).running("a")
    approved = published(approved)
    assert decide(approved.answered("go", "false").snapshot()).status is None


def test_a_rejected_gate_that_may_fail_lets_the_flow_go_on() -> None:
    """continueOnFailure holds for Manual steps too."""
    scene = Scene.of(gate("go", continue_on_failure=True), job("a", "go")).answered("go", "false")
    assert created(decide(scene.snapshot())) == ["a/1"]
