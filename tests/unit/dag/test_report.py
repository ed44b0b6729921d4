"""The status of a flow: phase, counts, conditions, one sentence."""

from dataclasses import replace

import pytest

from tests.support.builders import Scene, at, gate, job, rival
from tests.unit.dag.reading import condition, ending, published, said
from zenflow.api.types import ConditionStatus, FlowPhase, Progress
from zenflow.dag.decision import decide

PIPELINE = Scene.of(job("a"), gate("go", "a"), job("b", "go"))

# --- phase ---


@pytest.mark.parametrize(
    ("scene", "phase"),
    [
        pytest.param(Scene.of(job("a")).beside(rival("older", -5)), "Pending", id="waiting for its turn"),
        pytest.param(Scene.of(job("a")), "Running", id="started"),
        pytest.param(Scene.of(job("a", retries=1)).failed("a", 1), "Running", id="between two attempts"),
        pytest.param(Scene.of(job("a")).refused("a", "QuotaExceeded", until=9), "Running", id="refused"),
        pytest.param(Scene.of(gate("go")), "Paused", id="asking"),
        pytest.param(Scene.of(gate("go"), job("a")).running("a"), "Paused", id="asking while another branch goes on"),
        pytest.param(Scene.of(job("a")).suspended(), "Suspended", id="suspended before it started"),
        pytest.param(Scene.of(job("a")).running("a").suspended(), "Suspended", id="suspended while a Job runs"),
        pytest.param(published(Scene.of(gate("go"))).suspended(), "Suspended", id="suspended while asking"),
        pytest.param(Scene.of(job("a")).succeeded("a"), "Succeeded/StepsSucceeded", id="succeeded"),
        pytest.param(Scene.of(job("a", when="never")), "Succeeded/StepsSucceeded", id="all skipped by when"),
        pytest.param(Scene.of(job("a")).failed("a", 1), "Failed/StepFailed", id="failed"),
    ],
)
def test_the_phase_follows_from_the_steps(scene: Scene, phase: str) -> None:
    """The table of semantics.md, section 2."""
    assert ending(decide(scene.snapshot())) == phase


# --- times and generation ---


def test_a_flow_starts_when_its_turn_comes() -> None:
    """Whole seconds, as every time in the API; kept from then on."""
    started = published(Scene.of(job("a"), job("b", "a")).now(7.9))
    assert started.flow.status.start_time == at(7)
    assert said(decide(started.succeeded("a").now(20).snapshot())).start_time == at(7)


def test_a_start_that_was_not_recorded_is_that_of_the_first_job() -> None:
    """A crash between the first Job and the first status."""
    scene = Scene.of(job("a"), job("b")).running("a", since=9).running("b", since=4).now(20)
    assert said(decide(scene.snapshot())).start_time == at(4)


@pytest.mark.parametrize(
    ("scene", "completed"),
    [
        pytest.param(PIPELINE.running("a"), None, id="running"),
        pytest.param(Scene.of(job("a")).succeeded("a", end=3), at(9), id="succeeded"),
        pytest.param(Scene.of(job("a")).failed("a", 1, end=3), at(9), id="failed"),
    ],
)
def test_the_completion_time_is_set_at_the_end(scene: Scene, completed: object) -> None:
    """And at no other time."""
    assert said(decide(scene.now(9).snapshot())).completion_time == completed


def test_a_status_says_which_generation_it_was_computed_from() -> None:
    """So that a reader knows whether an edit has been seen."""
    scene = PIPELINE.running("a")
    edited = scene.flow.metadata.model_copy(update={"generation": 4})
    scene = replace(scene, flow=scene.flow.model_copy(update={"metadata": edited}))
    assert said(decide(scene.snapshot())).observed_generation == 4


# --- progress ---


def test_progress_counts_steps_in_final_phases() -> None:
    """Failed and skipped ones are done too."""
    steps = (job("ok"), job("bad", continue_on_failure=True), job("no", when="never"), job("run"), job("wait", "run"))
    scene = Scene.of(*steps).succeeded("ok").failed("bad", 1).running("run")
    assert said(decide(scene.snapshot())).progress == Progress(
        total_steps=5, completed_steps=3, successful_steps=1, failed_steps=1, skipped_steps=1, summary="3/5"
    )


def test_steps_stand_in_the_order_of_the_spec() -> None:
    """Every one of them, whatever the order of work."""
    scene = Scene.of(job("c", "b"), job("b", "a"), job("a"))
    assert [step.name for step in said(decide(scene.snapshot())).steps] == ["c", "b", "a"]


def test_a_waiting_flow_shows_the_steps_its_spec_has_now() -> None:
    """Until the start they may be edited."""
    before = published(Scene.of(job("old")).suspended()).flow.status
    status = said(decide(Scene.of(job("new"), job("other")).suspended().recorded(before).snapshot()))
    assert [step.name for step in status.steps] == ["new", "other"]
    assert status.progress is not None
    assert status.progress.summary == "0/2"


# --- conditions ---


@pytest.mark.parametrize(
    ("scene", "types"),
    [
        pytest.param(PIPELINE.running("a"), [], id="running"),
        pytest.param(PIPELINE.succeeded("a"), ["Paused"], id="asking"),
        pytest.param(Scene.of(job("a")).succeeded("a"), ["Complete"], id="succeeded"),
        pytest.param(Scene.of(job("a")).failed("a", 1), ["Failed"], id="failed"),
    ],
)
def test_conditions_are_those_that_hold(scene: Scene, types: list[str]) -> None:
    """`kubectl wait --for=condition=Complete` works as it does for a Job."""
    conditions = said(decide(scene.snapshot())).conditions
    assert [each.type for each in conditions] == types
    assert all(each.status is ConditionStatus.TRUE for each in conditions)


def test_a_pause_that_is_over_leaves_a_false_condition() -> None:
    """With the time of the change; a watcher sees that it ended."""
    paused = published(PIPELINE.succeeded("a").now(3))
    status = said(decide(paused.answered("go", "true").now(8).snapshot()))
    pause = condition(status, "Paused")
    assert (pause.status, pause.last_transition_time) == (ConditionStatus.FALSE, at(8))


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    """Looking again is no transition, and nor is another message."""
    paused = published(Scene.of(gate("go"), job("a")).running("a").now(3))
    later = said(decide(paused.without_jobs_of("a").succeeded("a").now(8).snapshot()))
    assert condition(later, "Paused").last_transition_time == at(3)


def test_a_flow_that_was_paused_ends_with_both_conditions() -> None:
    """Paused is False, Complete is True."""
    paused = published(Scene.of(gate("go")))
    conditions = said(decide(paused.answered("go", "true").snapshot())).conditions
    assert {each.type: each.status.value for each in conditions} == {"Paused": "False", "Complete": "True"}


# --- message ---

# Bound to the flow that was read: another of its name has another UID.
APPROVE = (
    "kubectl patch jobflow flow --type=merge "
    """-p '{"metadata":{"uid":"uid-flow","annotations":{"approved.workflow.zen.io/go":"true"}}}'"""
)


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        pytest.param(PIPELINE, "Running a", id="running"),
        pytest.param(Scene.of(*(job(name) for name in "abcde")), "Running a, b, c and 2 more", id="many"),
        pytest.param(
            PIPELINE.succeeded("a"),
            f"Waiting for approval of go: {APPROVE}",
            id="what to type",
        ),
        pytest.param(
            PIPELINE.succeeded("a").answered("go", "true", by=""),
            "Waiting for approval of go: the answer that is there does not count, no admission saw who gave it; "
            f"with admission on, {APPROVE}",
            id="unstamped",
        ),
        pytest.param(
            Scene.of(job("a", retries=1)).failed("a", 1, end=5).now(6),
            "Step a waits for its retry 1 at 12:00:15Z",
            id="retry",
        ),
        pytest.param(
            Scene.of(job("a")).refused("a", "QuotaExceeded", until=9),
            "Step a waits since 2026-01-01T12:00:00Z (QuotaExceeded): QuotaExceeded it is",
            id="refused",
        ),
        pytest.param(
            PIPELINE.running("a").suspended(),
            "Suspended: set spec.suspend to false to go on; a still running",
            id="suspended",
        ),
        pytest.param(PIPELINE.suspended(), "Suspended: set spec.suspend to false to start it", id="not started"),
        pytest.param(
            Scene.of(job("a"), job("b", continue_on_failure=True), job("c", when="never"))
            .succeeded("a")
            .failed("b", 1),
            "1 of 3 steps succeeded, 1 failed as allowed, 1 skipped",
            id="the end",
        ),
    ],
)
def test_the_message_is_a_sentence_for_a_person(scene: Scene, message: str) -> None:
    """What it does, or what it waits for and what to do about it."""
    assert said(decide(scene.snapshot())).message == message


@pytest.mark.parametrize("text", ["x" * 9000, "🙂" * 9000])
def test_messages_stay_within_a_kibibyte(text: str) -> None:
    """The flow's, its conditions' and its steps'."""
    scene = Scene.of(job("a"), job("b", "a")).failed("a", 1, message=text).now(6)
    status = said(decide(replace(scene, problems=(text,)).snapshot()))
    other = said(decide(scene.snapshot()))
    entries = [each for one in (status, other) for each in (one.message, *(c.message for c in one.conditions))]
    messages = [*entries, *(step.message for step in other.steps)]
    assert max(len(message.encode()) for message in messages if message) <= 1024
    assert status.phase is FlowPhase.FAILED


# --- standing still ---


def test_a_step_that_runs_but_is_stuck_is_told_of_by_the_flow() -> None:
    """With its beginning, its reason and how many more there are; what only waits for a retry comes last."""
    scene = Scene.of(job("c", retries=1), job("a"), job("b"))
    stuck = scene.troubled("a", since=0).troubled("b", since=5).failed("c", 1, end=39).now(40)
    message = said(decide(stuck.snapshot())).message
    assert message == (
        "Step a waits since 2026-01-01T12:00:00Z (2 more steps wait) (ImagePullBackOff): Pod x: ImagePullBackOff"
    )


def test_a_failing_flow_that_waits_for_a_stuck_step_says_so() -> None:
    """Else it would look as if that step still ran."""
    scene = Scene.of(job("a"), job("b")).troubled("a", since=0).failed("b", 1, end=39).now(40)
    message = said(decide(scene.snapshot())).message or ""
    assert "waiting for a to end. Step a waits since" in message
    assert "Step b failed" in message


def test_since_when_a_step_waits_is_kept_while_its_reason_stays() -> None:
    """And begins anew with another reason."""
    first = published(Scene.of(job("a")).refused("a", "QuotaExceeded", until=9))
    later = published(first.now(20).refused("a", "QuotaExceeded", until=30))
    other = published(later.now(40).refused("a", "Forbidden", until=50))
    assert [scene.flow.status.steps[0].waiting_since for scene in (first, later, other)] == [at(0), at(0), at(40)]


def test_since_when_a_flow_waits_is_kept_while_its_phase_stays() -> None:
    """Pending, Paused and Suspended; a flow that goes on waits for nothing."""
    first = published(Scene.of(job("a")).suspended())
    later = published(first.now(20))
    going = published(later.now(30).suspended(False))
    assert [scene.flow.status.waiting_since for scene in (first, later, going)] == [at(0), at(0), None]


def test_a_suspended_flow_still_says_that_an_approval_is_asked_for() -> None:
    """The phase has one word, the condition keeps the other fact and its time."""
    asking = published(PIPELINE.succeeded("a"))
    [paused] = said(decide(asking.suspended().now(20).snapshot())).conditions
    assert (paused.status, paused.last_transition_time) == ("True", at(0))
