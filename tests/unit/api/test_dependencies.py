"""Cycles: each knot is told, as a path, in linear time."""

import pytest

from zenflow.api.dependencies import check, cycles


def ring(names: str) -> dict[str, list[str]]:
    """Each depends on the next, the last on the first."""
    return {name: [names[(i + 1) % len(names)]] for i, name in enumerate(names)}


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": [], "b": ["a"], "c": ["a", "b"]}, set()),
        (ring("ab"), {"a b a"}),
        (ring("abc"), {"a b c a"}),
        ({"x": ["b"], **ring("abc")}, {"a b c a"}),
        ({**ring("ab"), **ring("cd")}, {"a b a", "c d c"}),
        ({**ring("ab"), "c": ["b", "d"], "d": ["c"]}, {"a b a", "c d c"}),
        ({"a": ["b"], "b": ["a", "c"], "c": ["b"]}, {"a b a"}),
    ],
    ids=["none", "pair", "three", "beside", "two", "two-in-a-row", "figure-eight"],
)
def test_every_knot_is_told_once_as_a_path(graph: dict[str, list[str]], expected: set[str]) -> None:
    """A path begins and ends with its first step in the order of the spec; knots that share a step are one."""
    assert {" ".join(cycle) for cycle in cycles(graph)} == expected


def test_a_ring_of_2000_is_found_without_recursion() -> None:
    """The longest cycle a flow can have."""
    graph = {f"s{i}": [f"s{(i + 1) % 2000}"] for i in range(2000)}
    (cycle,) = cycles(graph)
    assert len(cycle) == 2001


def test_a_thousand_pairs_are_a_thousand_cycles() -> None:
    """Independent cycles are all told."""
    assert len(list(cycles({f"s{i}": [f"s{i ^ 1}"] for i in range(2000)}))) == 1000


def test_a_long_path_is_shortened_in_the_middle() -> None:
    """The sentence stays readable; its ends, where it closes, are kept."""
    steps = [{"name": f"s{i}", "dependencies": [f"s{(i + 1) % 50}"]} for i in range(50)]
    (problem,) = check(steps, "spec.steps")
    assert problem.message.startswith("cycle of dependencies: s0 -> s1 -> s2")
    assert problem.message.endswith("(31 more) -> s49 -> s0")


def test_hints_are_given_for_the_first_few_only() -> None:
    """The search reads every name, so a flow of unknown names must not be able to ask for it 200,000 times."""
    steps = [{"name": "extract"}, *({"name": f"s{i}", "dependencies": ["extrct"]} for i in range(20))]
    hinted = ["did you mean" in problem.remedy for problem in check(steps, "spec.steps")]
    assert hinted == [True] * 5 + [False] * 15
