"""The order of a flow's steps. No recursion anywhere: a flow may be a chain of 2,000."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from zenflow.api.types import Step


@dataclass(frozen=True, slots=True)
class Graph:
    """Steps by position in `spec.steps`.

    `order` is topological and stable: layer by layer, the steps of a layer as written.
    `dependencies[i]` are the positions that step i waits for.
    """

    order: tuple[int, ...]
    dependencies: tuple[tuple[int, ...], ...]


def build(steps: Sequence[Step]) -> Graph:
    """The graph of a valid list of steps. Raises graphlib.CycleError or KeyError for one that is not."""
    position = {step.name: index for index, step in enumerate(steps)}
    dependencies = tuple(tuple(position[name] for name in step.dependencies) for step in steps)
    sorter = TopologicalSorter(dict(enumerate(dependencies)))
    sorter.prepare()
    order: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.extend(ready)
        sorter.done(*ready)
    return Graph(order=tuple(order), dependencies=dependencies)
