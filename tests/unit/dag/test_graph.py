"""The order of a flow's steps."""

from graphlib import CycleError

import pytest

from tests.support.builders import job
from zenflow.api.types import Step
from zenflow.dag.graph import build


def ordered(*steps: Step) -> list[str]:
    return [steps[index].name for index in build(steps).order]


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        pytest.param([job("a")], "a", id="one"),
        pytest.param([job("a"), job("b", "a"), job("c", "b")], "abc", id="chain"),
        pytest.param([job("c", "b"), job("b", "a"), job("a")], "abc", id="chain, written backwards"),
        pytest.param([job("z"), job("a"), job("m")], "zam", id="independent steps stand as written"),
        pytest.param([job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c")], "abcd", id="diamond"),
        pytest.param([job("a"), job("b", "a"), job("c")], "acb", id="layer by layer"),
        pytest.param([job("a"), job("b", "a", "a")], "ab", id="a dependency named twice"),
    ],
)
def test_the_order_is_topological_and_stable(steps: list[Step], order: str) -> None:
    """Every step stands after all it depends on; a layer's steps stand as written."""
    assert ordered(*steps) == list(order)


def test_dependencies_are_positions() -> None:
    """In the order in which the step names them."""
    assert build([job("c", "b", "a"), job("a"), job("b")]).dependencies == ((2, 1), (), ())


def test_a_cycle_is_no_graph() -> None:
    """Validation finds it first; a graph is never half built."""
    with pytest.raises(CycleError):
        build([job("a", "b"), job("b", "a")])


def test_an_unknown_dependency_is_no_graph() -> None:
    """Likewise."""
    with pytest.raises(KeyError):
        build([job("a", "nobody")])
