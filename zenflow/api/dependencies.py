"""Names and edges of a flow's graph: duplicates, unknown and self dependencies, cycles.

Reads raw steps, whatever they hold. Linear in steps plus dependencies and without recursion, so that 2,000
steps in a row are no deeper than two.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zenflow.api.problems import Problem, Reason, path, quote

# Closest names are searched for the first few unknown ones only: the search reads all names.
_MAX_HINTS = 5
_MAX_SHOWN = 20


def check(steps: Sequence[Any], field: str) -> Iterator[Problem]:
    """Everything wrong with the graph. Steps without a usable name, and dependencies that are no text, are left out."""
    index: dict[str, int] = {}
    for i, step in enumerate(steps):
        if _is_named(step):
            index.setdefault(step["name"], i)
    graph = {name: tuple(_dependencies(steps[i])) for name, i in index.items()}
    yield from _duplicates(steps, index, field)
    yield from _unknown(steps, index, field)
    for cycle in cycles({name: [d for _, d in found if d in index and d != name] for name, found in graph.items()}):
        i = index[cycle[0]]
        j = next(j for j, dependency in graph[cycle[0]] if dependency == cycle[1])
        message = f"cycle of dependencies: {_shown(cycle)}"
        yield Problem(path(field, i, "dependencies", j), quote(cycle[1]), message, "remove one of them")


def cycles(graph: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """At least one cycle of every strongly connected part, as a path that ends where it began (`a, b, a`).

    `graph` maps each name to what it depends on. Each cycle begins at its first name in the graph's order.
    """
    order = {name: position for position, name in enumerate(graph)}
    done: set[str] = set()
    reported: set[str] = set()
    for root in graph:
        trail: dict[str, Iterator[str]] = {root: iter(graph[root])} if root not in done else {}
        while trail:
            name, rest = next(reversed(trail.items()))
            following = next(rest, None)
            if following is None:
                done.add(name)
                del trail[name]
            elif following in trail:
                # One new cycle needs both its ends unreported; else a dense knot would be told edge by edge.
                if name not in reported and following not in reported:
                    knot = _from(list(trail), following)
                    reported.update(knot)
                    yield _rotated(knot, order)
            elif following not in done:
                trail[following] = iter(graph[following])


def _shown(cycle: Sequence[str]) -> str:
    """`a -> b -> a`: each depends on the next. The middle of a very long one is only counted."""
    if len(cycle) > _MAX_SHOWN:
        left_out = len(cycle) - _MAX_SHOWN
        cycle = (*cycle[: _MAX_SHOWN - 2], f"({left_out} more)", *cycle[-2:])
    return " -> ".join(cycle)


def _from(trail: list[str], name: str) -> list[str]:
    return trail[trail.index(name) :]


def _rotated(knot: list[str], order: Mapping[str, int]) -> tuple[str, ...]:
    start = knot.index(min(knot, key=order.__getitem__))
    return (*knot[start:], *knot[:start], knot[start])


def _duplicates(steps: Sequence[Any], index: Mapping[str, int], field: str) -> Iterator[Problem]:
    for i, step in enumerate(steps):
        if _is_named(step) and (first := index[step["name"]]) != i:
            message = f"{path(field, first)} already has this name"
            yield Problem(path(field, i, "name"), quote(step["name"]), message, "rename one of them", Reason.DUPLICATE)


def _unknown(steps: Sequence[Any], index: Mapping[str, int], field: str) -> Iterator[Problem]:
    hints = 0
    for i, step in enumerate(steps):
        if not isinstance(step, Mapping):
            continue
        for j, dependency in _dependencies(step):
            if dependency == step.get("name"):
                where, message = path(field, i, "dependencies", j), f"step {quote(dependency)} depends on itself"
                yield Problem(where, "", message, "remove it from its dependencies", Reason.FORBIDDEN)
            elif dependency not in index:
                where = path(field, i, "dependencies", j)
                hints += 1
                close = difflib.get_close_matches(dependency, index, n=1) if hints <= _MAX_HINTS else []
                remedy = "name a step of this flow or remove it"
                remedy += f" (did you mean {quote(close[0])}?)" if close else ""
                message = f"step {quote(step.get('name', ''))} depends on it and the flow has no step of this name"
                yield Problem(where, quote(dependency), message, remedy, Reason.NOT_FOUND)


def _is_named(step: Any) -> bool:
    return isinstance(step, Mapping) and isinstance(step.get("name"), str)


def _dependencies(step: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    found = step.get("dependencies")
    if isinstance(found, list | tuple):
        yield from ((j, dependency) for j, dependency in enumerate(found) if isinstance(dependency, str))
