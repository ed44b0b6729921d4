"""Jobs that an earlier process may have made are believed as far as the flow could have come."""

from dataclasses import replace

import pytest

from tests.support.builders import Scene, at, gate, job, job_uid
from tests.unit.dag.reading import phases
from zenflow.dag.actions import CreateJob
from zenflow.dag.decision import decide
from zenflow.dag.inheritance import SKEW, inherit
from zenflow.dag.snapshot import Snapshot


def inherited(scene: Scene) -> Snapshot:
    """The scene, with nothing on record of any of its Jobs."""
    tries = {step: tuple(replace(a, is_inherited=True) for a in each) for step, each in scene.attempts.items()}
    return replace(scene.snapshot(), attempts=tries)


def kept(scene: Scene) -> dict[str, list[int]]:
    return {step: [a.number for a in each] for step, each in inherit(inherited(scene)).attempts.items()}


CHAIN = Scene.of(job("a"), job("b", "a"), job("c", "b"))


def test_what_a_killed_process_had_made_is_taken_over_in_the_order_of_the_graph() -> None:
    """Several steps may have come and gone since the last status."""
    scene = CHAIN.succeeded("a", end=2).succeeded("b", since=2, end=4).running("c", since=4)
    assert kept(scene) == {"a": [1], "b": [1], "c": [1]}


@pytest.mark.parametrize(
    ("scene", "left"),
    [
        pytest.param(CHAIN.succeeded("c"), {}, id="before its dependency ran"),
        pytest.param(CHAIN.running("a").succeeded("b"), {"a": [1]}, id="while its dependency runs"),
        pytest.param(Scene.of(gate("g"), job("a", "g")).succeeded("a"), {}, id="behind a gate without an answer"),
        pytest.param(
            Scene.of(gate("g"), job("a", "g")).answered("g", "true").succeeded("a"), {"a": [1]}, id="behind an answer"
        ),
        pytest.param(
            Scene.of(job("a", retries=3)).running("a").failed("a", 1), {"a": [1]}, id="beside an attempt that runs"
        ),
        pytest.param(
            Scene.of(job("a", retries=3)).failed("a", 1).running("a", since=9), {"a": [1, 2]}, id="after a failure"
        ),
        pytest.param(
            Scene.of(job("a", when="never"), job("b", "a")).running("b"), {"b": [1]}, id="behind a step that is skipped"
        ),
    ],
)
def test_what_nobody_can_have_had_a_reason_to_make_is_not(scene: Scene, left: dict[str, list[int]]) -> None:
    """It is somebody else's, whatever it looks like."""
    assert kept(scene) == left


def test_a_job_that_is_older_than_the_cause_of_it_is_not() -> None:
    """By more than clocks may be apart."""
    late = SKEW.total_seconds() + 10
    scene = CHAIN.succeeded("a", end=late)
    assert kept(scene.running("b", since=10)) == {"a": [1], "b": [1]}
    assert kept(scene.running("b", since=9)) == {"a": [1]}


def test_what_is_known_to_be_ours_needs_no_reason() -> None:
    """An edit that admission did not see may have moved it."""
    scene = CHAIN.running("c")
    assert inherit(scene.snapshot()).attempts == scene.attempts


def test_what_is_left_out_is_known_by_its_uid() -> None:
    """When the step's turn comes, its creation must not find that Job and take it for its own."""
    scene = CHAIN.running("b")
    [attempt] = scene.attempts["b"]
    assert inherit(inherited(scene)).foreign == {attempt.job_name: attempt.job_uid}
    assert at(0) == attempt.created_at


def test_a_decision_counts_only_what_is_inherited() -> None:
    """A Job behind a gate that nobody has answered starts nothing behind it, and is left alone."""
    scene = Scene.of(gate("g"), job("a", "g"), job("b", "a")).started().succeeded("a")
    decision = decide(inherited(scene))
    assert decision.actions == ()
    assert phases(decision) == {"g": "PendingApproval/ApprovalRequired", "a": "Pending", "b": "Pending"}


def test_a_creation_knows_the_job_that_was_left_out_by_its_uid() -> None:
    late = SKEW.total_seconds() + 10
    scene = CHAIN.started().succeeded("a", end=late).running("b", since=1).now(late)
    decision = decide(inherited(scene))
    assert [action.foreign for action in decision.actions if isinstance(action, CreateJob)] == [job_uid("b", 1)]
