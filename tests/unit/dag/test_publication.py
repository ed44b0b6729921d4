"""When a status is said, how urgently, when to look again, and what must be on record before a Job is deleted."""

from collections.abc import Callable

import pytest

from tests.support.builders import Scene, at, exited, gate, job, job_uid, rival
from tests.unit.dag.reading import created, deleted, phases, published, said, step_of
from zenflow.api.types import ConcurrencyPolicy, FlowPhase, StepPhase
from zenflow.dag.decision import decide

REPLACER = rival("newer", 5, policy=ConcurrencyPolicy.REPLACE, has_started=False)

# --- saying it once ---

SCENES = {
    "new": Scene.of(job("a"), job("b", "a")),
    "running": Scene.of(job("a"), job("b", "a")).running("a").now(5),
    "half done": Scene.of(job("a"), job("b", "a")).succeeded("a", end=3).running("b", since=4).now(5),
    "backoff": Scene.of(job("a", retries=1)).failed("a", 3, end=4).now(5),
    "backoff of a Job without an end": Scene.of(job("a", retries=1)).started().deleted("a", end=None).now(5.5),
    "retry due": Scene.of(job("a", retries=1)).failed("a", 3, end=4).now(14),
    "retry running": Scene.of(job("a", retries=1)).failed("a", 3, end=4).running("a", since=14).now(15),
    "trouble": Scene.of(job("a")).troubled("a", since=0).now(31),
    "evidence": Scene.of(job("a")).running("a", exits=(exited(3, message="é" * 2000),)).now(31),
    "asking": Scene.of(gate("go"), job("b", "go")).now(5.25),
    "approved": Scene.of(gate("go"), job("b", "go")).answered("go", "true", by="jane").now(5.25),
    "rejected": Scene.of(gate("go"), job("b", "go")).answered("go", "false").now(5.25),
    "skipped": Scene.of(job("a", when="never"), job("b", "a")).now(5.25),
    "refused": Scene.of(job("a")).refused("a", "QuotaExceeded", until=9.5).now(5),
    "retry refused": Scene.of(job("a", retries=1)).failed("a", 1).refused("a", "QuotaExceeded", until=19.5).now(12),
    "refused for good": Scene.of(job("a")).refused("a", "InvalidTemplate").now(5),
    "suspended": Scene.of(job("a"), job("b", "a")).succeeded("a").suspended().now(5),
    "suspended from the beginning": Scene.of(job("a")).suspended().now(5),
    "suspended in backoff": Scene.of(job("a", retries=1)).failed("a", 3, end=4).suspended().now(50),
    "waiting for its turn": Scene.of(job("a")).beside(rival("older", -5)).now(5),
    "failing": Scene.of(job("a"), job("b"), gate("go"), job("c", retries=1)).failed("a", 1, end=4).running("b").now(5),
    "failed": Scene.of(job("a"), job("b", "a")).failed("a", 1, end=4).now(5.5),
    "over budget": Scene.of(job("a", retries=1), job("b"), backoff_limit=0).failed("a", 1, end=4).running("b").now(5),
    "timed out": published(Scene.of(job("a", timeout_seconds=9), job("b")).running("a").running("b")).now(9.5),
    "timed out, unrecorded": Scene.of(job("a", timeout_seconds=9), job("b")).running("a").running("b").now(9.5),
    "over its deadline": published(Scene.of(job("a"), active_deadline_seconds=9).running("a")).now(9.5),
    "invalid": Scene.of(job("a")).invalid("spec.steps: no").now(5.5),
    "invalid while it runs": published(Scene.of(job("a")).running("a")).invalid("spec.steps: no").now(5.5),
    "succeeded": Scene.of(job("a")).succeeded("a", end=4).now(5.5),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_what_is_on_record_is_not_said_again(scene: Scene) -> None:
    """A status reads back as it was written, so a quiet flow writes nothing, ever (I15)."""
    recorded = published(scene)
    if recorded.flow.status.steps and decide(recorded.snapshot()).status is not None:
        recorded = published(recorded)  # a Job went on record first, to be deleted now
    assert decide(recorded.snapshot()).status is None


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_the_same_snapshot_gives_the_same_decision(scene: Scene) -> None:
    """Nothing is read but the snapshot, and nothing is kept."""
    assert decide(scene.snapshot()) == decide(scene.snapshot())


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_actions_do_not_depend_on_whether_the_status_was_written(scene: Scene) -> None:
    """A crash between the actions and the status loses nothing, and a status ahead of its actions hides none."""
    assert created(decide(published(scene).snapshot())) == created(decide(scene.snapshot()))


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_the_echo_of_a_status_is_no_news(scene: Scene) -> None:
    """Once it is on record there is nothing more to do than was asked for, nor sooner: it need not wake the flow."""
    first, then = decide(scene.snapshot()), decide(published(scene).snapshot())
    looks_at_once = first.wake_at is not None and first.wake_at <= scene.snapshot().now
    assert looks_at_once or all(action in first.actions for action in then.actions)
    assert then.wake_at is None or (first.wake_at is not None and first.wake_at <= then.wake_at)


# --- urgency ---


@pytest.mark.parametrize(
    ("before", "happens", "is_urgent"),
    [
        pytest.param(Scene.of(job("a")), lambda scene: scene, True, id="the flow starts"),
        pytest.param(
            Scene.of(job("a"), job("b", "a")), lambda scene: scene.succeeded("a"), False, id="a step succeeds"
        ),
        pytest.param(
            Scene.of(job("a"), job("b")), lambda scene: scene.succeeded("a").running("b"), False, id="progress"
        ),
        pytest.param(Scene.of(job("a")), lambda scene: scene.succeeded("a"), True, id="the flow succeeds"),
        pytest.param(Scene.of(job("a")), lambda scene: scene.failed("a", 1), True, id="the flow fails"),
        pytest.param(
            Scene.of(job("a"), job("b")), lambda scene: scene.failed("a", 1).running("b"), True, id="a step fails"
        ),
        pytest.param(
            Scene.of(job("a")), lambda scene: scene.running("a", exits=(exited(3),)), True, id="evidence of a failure"
        ),
        pytest.param(
            Scene.of(job("a", retries=1)), lambda scene: scene.deleted("a", end=3), True, id="a deleted Job is retried"
        ),
        pytest.param(
            Scene.of(job("a", continue_on_failure=True), job("b", "a")),
            lambda scene: scene.deleted("a", end=3),
            True,
            id="a deleted Job is not retried",
        ),
        pytest.param(
            Scene.of(job("a"), gate("go", "a"), job("b")),
            lambda scene: scene.succeeded("a").running("b"),
            True,
            id="an approval is asked for",
        ),
        pytest.param(
            Scene.of(gate("go"), gate("no"), job("a", "go")),
            lambda scene: scene.answered("go", "true"),
            True,
            id="an approval is given",
        ),
        pytest.param(
            Scene.of(job("a"), gate("go", "a"), job("b", "go"), job("c")).answered("go", "true"),
            lambda scene: scene.succeeded("a").running("c"),
            True,
            id="an approval given early is used",
        ),
        pytest.param(Scene.of(job("a")), lambda scene: scene.running("a").suspended(), True, id="suspended"),
    ],
)
def test_what_somebody_waits_for_and_what_no_job_shows_is_urgent(
    before: Scene, happens: Callable[[Scene], Scene], is_urgent: bool
) -> None:
    """All else is written with the next change."""
    scene = before if before is happens(before) else happens(published(before).now(5))
    decision = decide(scene.snapshot())
    assert decision.status is not None
    assert decision.is_urgent is is_urgent


# --- looking again ---


@pytest.mark.parametrize(
    ("scene", "seconds"),
    [
        pytest.param(Scene.of(job("a")).running("a"), None, id="a Job that runs wakes by itself"),
        pytest.param(Scene.of(job("a")), 35, id="a Job that is created and may not get going"),
        pytest.param(Scene.of(job("a", retries=1)).failed("a", 1, end=-7), 35, id="a retry that may not get going"),
        pytest.param(Scene.of(job("a", timeout_seconds=20)), 25, id="timeout of a step that starts now"),
        pytest.param(Scene.of(job("a"), active_deadline_seconds=20), 25, id="deadline of a flow that starts now"),
        pytest.param(Scene.of(gate("a"), active_deadline_seconds=30), 35, id="deadline of a flow without a Job"),
        pytest.param(Scene.of(job("a", timeout_seconds=60)).running("a"), 60, id="timeout"),
        pytest.param(Scene.of(job("a", retries=1)).failed("a", 1, end=4), 14, id="retry"),
        pytest.param(Scene.of(job("a", retries=1, timeout_seconds=12)).failed("a", 1, end=4), 12, id="timeout first"),
        pytest.param(Scene.of(job("a"), active_deadline_seconds=30).running("a"), 30, id="deadline"),
        pytest.param(Scene.of(gate("go"), active_deadline_seconds=30).started(), 30, id="deadline, nothing runs"),
        pytest.param(Scene.of(gate("go")), None, id="an approval wakes by itself"),
        pytest.param(Scene.of(gate("go", timeout_seconds=60)), 65, id="gate"),
        pytest.param(Scene.of(job("a")).refused("a", "QuotaExceeded", until=9), 9, id="refusal"),
        pytest.param(Scene.of(job("a")).troubled("a", since=2), 32, id="trouble"),
        pytest.param(Scene.of(job("a")).running("a", settles_at=at(5.8)), 5.8, id="the cause of a failure"),
        pytest.param(Scene.of(job("a")).suspended(), None, id="suspend wakes by itself"),
        pytest.param(Scene.of(job("a")).beside(rival("older", -5)), None, id="the other flow wakes us"),
        pytest.param(Scene.of(job("a"), ttl_seconds_after_finished=7).succeeded("a", end=3), 12, id="TTL"),
        pytest.param(Scene.of(job("a"), ttl_seconds_after_finished=7).failed("a", 1, end=3), 12, id="TTL of a failure"),
    ],
)
def test_a_flow_is_looked_at_again_when_time_alone_changes_something(scene: Scene, seconds: float | None) -> None:
    """Before its status is written and after: a restart loses no timer."""
    expected = None if seconds is None else at(seconds)
    assert decide(scene.now(5).snapshot()).wake_at == expected
    assert decide(published(scene.now(5)).snapshot()).wake_at == expected


def test_of_several_moments_the_first_wakes() -> None:
    """Two retries and a timeout in three branches."""
    scene = Scene.of(job("a", retries=1), job("b", retries=1), job("c", timeout_seconds=60), active_deadline_seconds=90)
    scene = scene.failed("a", 1, end=4).failed("b", 1, end=2).running("c").now(5)
    assert decide(scene.snapshot()).wake_at == at(12)


def test_a_moment_that_has_passed_wakes_nobody() -> None:
    """A flow must not turn in place: a retry that is due but held back by suspend waits for the spec's change."""
    held = published(Scene.of(job("a", retries=1)).failed("a", 1, end=4).suspended().now(99))
    assert decide(held.snapshot()).wake_at is None


# --- on record before it is deleted ---


def test_a_job_goes_on_record_before_it_is_deleted() -> None:
    """A crash after the deletion must not make its step look as if it had never run."""
    scene = Scene.of(job("a", timeout_seconds=60), job("b", "a")).running("a").now(60)
    first = decide(scene.snapshot())
    assert (deleted(first), first.is_urgent, first.wake_at) == ([], True, at(60))
    recorded = step_of(first, "a").job_ref
    assert recorded is not None
    assert (step_of(first, "a").phase, recorded.uid) == (StepPhase.RUNNING, job_uid("a", 1))
    assert deleted(decide(scene.recorded(first.status).snapshot())) == [job_uid("a", 1)]


def test_a_job_goes_on_record_before_it_is_deleted_while_the_flow_goes_on() -> None:
    """A step that may fail is no exception, and its dependents wait for the record too."""
    scene = Scene.of(job("a", timeout_seconds=60, continue_on_failure=True), job("b", "a")).running("a").now(60)
    first = decide(scene.snapshot())
    assert (first.actions, step_of(first, "a").phase) == ((), StepPhase.RUNNING)
    then = decide(scene.recorded(first.status).snapshot())
    assert (deleted(then), created(then)) == ([job_uid("a", 1)], ["b/1"])


def test_every_attempt_goes_on_record_before_it_is_deleted() -> None:
    """The record of the first does not stand for the second."""
    scene = Scene.of(job("a", retries=1, timeout_seconds=60))
    waiting = published(scene.failed("a", 1, end=5).now(6)).running("a", since=15).now(60)
    assert deleted(decide(waiting.snapshot())) == []
    again = decide(published(waiting).snapshot())
    assert (deleted(again), phases(again)) == ([job_uid("a", 2)], {"a": "Failed/TimedOut"})


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(Scene.of(job("a"), active_deadline_seconds=60).running("a"), id="deadline"),
        pytest.param(Scene.of(job("a")).running("a").beside(REPLACER), id="replaced"),
        pytest.param(Scene.of(job("a", timeout_seconds=60), job("b")).running("a").failed("b", 1, end=5), id="failing"),
    ],
)
def test_jobs_go_on_record_before_a_flow_is_stopped(scene: Scene) -> None:
    """Whatever stops them."""
    first = scene.now(60)
    assert deleted(decide(first.snapshot())) == []
    end = decide(published(first).snapshot())
    assert (deleted(end), said(end).phase) == ([job_uid("a", 1)], FlowPhase.FAILED)


def test_a_record_has_the_steps_of_the_spec() -> None:
    """Which may have been edited before the start; else the record would never be made."""
    renamed = published(Scene.of(job("old")).suspended())
    scene = Scene.of(job("a", timeout_seconds=60), job("b", "a")).recorded(renamed.flow.status).running("a").now(60)
    first = decide(scene.snapshot())
    assert [step.name for step in said(first).steps] == ["a", "b"]
    assert deleted(decide(scene.recorded(first.status).snapshot())) == [job_uid("a", 1)]


def test_of_two_doomed_jobs_of_a_step_the_record_tells_the_later_and_that_is_enough() -> None:
    """A record has place for one: a decision that wanted both on it would be written for ever."""
    scene = Scene.of(job("a", retries=3, timeout_seconds=10)).running("a").running("a", since=1).now(20)
    first = decide(scene.snapshot())
    assert first.actions == ()
    assert first.status is not None
    assert first.status.steps[0].retry_count == 1
    second = decide(scene.recorded(first.status).snapshot())
    assert sorted(deleted(second)) == [job_uid("a", 1), job_uid("a", 2)]
