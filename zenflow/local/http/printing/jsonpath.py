"""The part of kubectl's JSONPath that columns of a CustomResourceDefinition use.

Fields (`.status.phase`, `['a.b']`, `.a\\.b`), indexes (`[0]`, `[-1]`), `[*]` and filters that compare with a literal
(`[?(@.type=="Ready")]`). No slices, unions, recursive descent or functions: `parse` refuses them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Selector = Callable[[Any], Iterable[Any]]

_FIELD = re.compile(r"\.((?:\\.|[^.\[\]\\*?(){}'\" ])+)")
_QUOTED = re.compile(r"""\[(?:'([^']+)'|"([^"]+)")\]""")
_INDEX = re.compile(r"\[(-?\d+)\]")
_EVERY = re.compile(r"\[\*\]|\.\*")
_FILTER = re.compile(r"""\[\?\(\s*@((?:\.[\w-]+)+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*\)\]""")


class JSONPathError(ValueError):
    """The expression is outside the supported part."""


def parse(expression: str) -> tuple[Selector, ...]:
    """Compile an expression, with or without the surrounding braces. Raises JSONPathError."""
    rest = expression.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    selectors: list[Selector] = []
    while rest:
        selector, length = _next(rest)
        if selector is None:
            raise JSONPathError(f"unsupported JSONPath {expression!r} at {rest!r}")
        selectors.append(selector)
        rest = rest[length:]
    return tuple(selectors)


def find(selectors: Sequence[Selector], value: Any) -> Iterator[Any]:
    """Every value the path leads to, in document order; nothing where a step of it is missing."""
    if not selectors:
        yield value
        return
    for child in selectors[0](value):
        yield from find(selectors[1:], child)


def _next(text: str) -> tuple[Selector | None, int]:
    """The first step of a path and how many characters it takes."""
    if match := _EVERY.match(text):
        return _every, match.end()
    if match := _FIELD.match(text):
        return _field(re.sub(r"\\(.)", r"\1", match[1])), match.end()
    if match := _QUOTED.match(text):
        return _field(match[1] or match[2]), match.end()
    if match := _INDEX.match(text):
        return _index(int(match[1])), match.end()
    if match := _FILTER.match(text):
        literal = next(group for group in match.groups()[2:] if group is not None)
        return _filter(parse(match[1]), match[2] == "==", literal), match.end()
    return None, 0


def _field(name: str) -> Selector:
    return lambda value: (value[name],) if isinstance(value, dict) and name in value else ()


def _index(position: int) -> Selector:
    return lambda value: value[position:][:1] if isinstance(value, list) and abs(position) <= len(value) else ()


def _every(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _filter(path: Sequence[Selector], equal: bool, literal: str) -> Selector:
    def matches(item: Any) -> bool:
        return any((_text(found) == literal) == equal for found in find(path, item))

    return lambda value: [item for item in _every(value) if matches(item)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
