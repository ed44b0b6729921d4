"""Flows of 2,000 steps, the most there can be: decided without recursion, whole, in one go."""

import sys
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.support.builders import Scene, job
from tests.unit.dag.reading import created, deleted, ending, published, said
from zenflow.api.types import Step, StepPhase
from zenflow.dag import graph
from zenflow.dag.decision import decide

SIZE = 2000
ROOM = 150  # frames above those of the test: far fewer than there are steps


@cache
def chain() -> list[Step]:
    return [job(f"s{number}", *([f"s{number - 1}"] if number else [])) for number in range(SIZE)]


@cache
def star() -> list[Step]:
    return [job("s0"), *(job(f"s{number}", "s0") for number in range(1, SIZE))]


@cache
def layers() -> list[Step]:
    """40 layers of 50; each step waits for every second one of the layer before."""
    columns = range(50)
    return [
        job(f"s{layer}-{column}", *[f"s{layer - 1}-{each}" for each in columns[column % 2 :: 2] if layer])
        for layer in range(40)
        for column in columns
    ]


@pytest.fixture
def shallow() -> Iterator[None]:
    """A stack that no recursion over steps fits into."""
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + ROOM)
    yield
    sys.setrecursionlimit(before)


SHAPES = [pytest.param(chain, 1, id="chain"), pytest.param(star, 1, id="star"), pytest.param(layers, 50, id="layers")]


@pytest.mark.parametrize(("make", "roots"), SHAPES)
@pytest.mark.usefixtures("shallow")
def test_a_big_flow_starts_with_its_roots(make: Callable[[], list[Step]], roots: int) -> None:
    """And with nothing else."""
    decision = decide(Scene.of(*make()).snapshot())
    assert len(created(decision)) == roots
    assert len(said(decision).steps) == SIZE


@pytest.mark.parametrize(("make", "_"), SHAPES)
@pytest.mark.usefixtures("shallow")
def test_a_big_flow_fails_to_its_last_step(make: Callable[[], list[Step]], _: int) -> None:
    """A failed root skips everything that hangs on it, however long the way."""
    steps = make()
    decision = decide(Scene.of(*steps).failed(steps[0].name, 1).now(1).snapshot())
    assert ending(decision) == "Failed/StepFailed"
    assert all(step.phase is StepPhase.SKIPPED for step in said(decision).steps[1:])


@pytest.mark.usefixtures("shallow")
def test_a_chain_of_skipped_steps_is_walked_in_one_decision() -> None:
    """1,999 times `when: never`, then a Job."""
    steps = [step.model_copy(update={"when": "never"}) for step in chain()[:-1]]
    assert created(decide(Scene.of(*steps, chain()[-1]).snapshot())) == [f"s{SIZE - 1}/1"]


@pytest.mark.usefixtures("shallow")
def test_a_star_starts_all_its_leaves_at_once() -> None:
    """In the order of the spec."""
    decision = decide(Scene.of(*star()).succeeded("s0").snapshot())
    assert created(decision) == [f"s{number}/1" for number in range(1, SIZE)]


@pytest.mark.usefixtures("shallow")
def test_a_chain_written_backwards_is_ordered() -> None:
    """The worst that a depth-first search could meet."""
    assert graph.build(chain()[::-1]).order == tuple(reversed(range(SIZE)))


def calls_of(work: Callable[[], object]) -> int:
    """How many Python functions were entered."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_work_grows_with_the_number_of_steps() -> None:
    """Counted in function calls, so that a busy machine changes nothing: a few for each step and dependency."""
    steps = layers()
    snapshot = Scene.of(*steps).succeeded(steps[0].name).snapshot()
    links = sum(len(step.dependencies) for step in steps)
    assert calls_of(lambda: decide(snapshot)) < 40 * len(steps) + 2 * links


def stopped(size: int) -> int:
    """What it costs to end a flow of so many running Jobs at its deadline, all on record."""
    scene = Scene.of(*(job(f"s{number}") for number in range(size)), active_deadline_seconds=60)
    for number in range(size):
        scene = scene.running(f"s{number}")
    snapshot = published(scene).now(60).snapshot()
    assert len(deleted(decide(snapshot))) == size
    return calls_of(lambda: decide(snapshot))


def test_work_grows_with_the_number_of_jobs_to_delete() -> None:
    """Twice as many take twice as many calls."""
    assert stopped(400) < 2.2 * stopped(200)
