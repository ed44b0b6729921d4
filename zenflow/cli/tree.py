"""A flow's graph laid out as a tree of lines. Pure; for `run` and `graph`.

A step stands under the last step that every way to it passes through (its immediate dominator):
a merge stands beside the branches it waits for, not below one of them. Steps that follow one another
stand below each other without indentation, so a chain of 2,000 stays as narrow as a chain of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zenflow.api.types import Step
from zenflow.dag import graph

ROOT = -1
MAX_INDENT = 10  # levels; deeper nesting would leave no room for the names


@dataclass(frozen=True, slots=True)
class Line:
    """One step's line: `prefix` draws the branches, `step` is its position in `spec.steps`.

    `after` are the steps it waits for, where the layout does not already say so.
    """

    prefix: str
    step: int
    after: tuple[str, ...]


def lay_out(steps: Sequence[Step]) -> tuple[Line, ...]:
    """One line a step. The steps must form a valid graph: raises as `dag.graph.build` does."""
    shape = graph.build(steps)
    parents = _dominators(shape)
    children: dict[int, list[int]] = {}
    for step in shape.order:
        children.setdefault(parents[step], []).append(step)
    return tuple(_lines(steps, shape, children))


def _lines(steps: Sequence[Step], shape: graph.Graph, children: dict[int, list[int]]) -> list[Line]:
    lines: list[Line] = []
    # (step, its own prefix, prefix of what stands below it, the step it visibly follows); a stack, not recursion
    stack = _opened(ROOT, "", children)
    while stack:
        step, own, below, follows = stack.pop()
        needed = shape.dependencies[step]
        shown = needed == (follows,) or not needed
        lines.append(Line(own, step, () if shown else tuple(steps[d].name for d in needed)))
        stack.extend(_opened(step, below, children))
    return lines


def _opened(parent: int, prefix: str, children: dict[int, list[int]]) -> list[tuple[int, str, str, int]]:
    """The children of a step, last one first, with their prefixes."""
    below = children.get(parent, [])
    if len(below) < 2:
        return [(child, prefix, prefix, parent) for child in below]
    room = len(prefix) < MAX_INDENT * 3
    branch = ("├─ ", "│  ") if room else ("", "")
    last = ("└─ ", "   ") if room else ("", "")
    marks = [branch] * (len(below) - 1) + [last]
    pairs = zip(reversed(below), reversed(marks), strict=True)
    return [(child, prefix + own, prefix + under, parent) for child, (own, under) in pairs]


def _dominators(shape: graph.Graph) -> dict[int, int]:
    """The immediate dominator of each step; ROOT where none of the steps is on every way to it."""
    depth = {ROOT: 0}
    parents: dict[int, int] = {}

    def common(one: int, other: int) -> int:
        while one != other:
            if depth[one] >= depth[other]:
                one = parents[one]
            else:
                other = parents[other]
        return one

    for step in shape.order:
        needed = shape.dependencies[step]
        parent = needed[0] if needed else ROOT
        for dependency in needed[1:]:
            parent = common(parent, dependency)
        parents[step], depth[step] = parent, depth[parent] + 1
    return parents
