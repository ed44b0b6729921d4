"""YAML or JSON text to objects, as kubectl would read it, and never more than it says. Pure: no file is opened here.

Refused before anything is built: nesting so deep that it would end the process, aliases that multiply (an "anchor
bomb") or contain themselves. Refused while building: keys that are set twice, values JSON has no word for.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from zenflow.api.problems import quote

MAX_DEPTH = 100
# Values that aliases may add to those written out: one template shared by 2,000 steps is well below.
MAX_ALIASED = 200_000

_TOO_DEEP = f"is nested more than {MAX_DEPTH} deep; make it flatter"

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FIELD = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[([^\]]*)\]")


class BadText(Exception):
    """A text that holds no objects: where, why, and what to do about it."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One object, and where it stands. Lines count from 1."""

    obj: Mapping[str, Any]
    line: int
    _node: yaml.Node | None = None

    def line_of(self, field: str) -> int:
        """The line of a field path such as `spec.steps[3].name`, or of the nearest thing above it that is there."""
        node, line = self._node, self.line
        for name, key in _FIELD.findall(field):
            node, found = _child(node, name or key)
            line = found or line
        return line


def parse(text: str) -> tuple[Document, ...]:
    """Every object of a text in order, the items of a `List` as if they stood alone. Raises BadText."""
    if not text.strip():
        raise BadText("the file is empty; write a JobFlow into it")
    documents = _from_json(text) if text.lstrip().startswith("{") else None
    return tuple(_unfolded(documents if documents is not None else _from_yaml(text)))


def _from_json(text: str) -> tuple[Document, ...] | None:
    """JSON is nearly YAML, but may be indented by tabs. None if the text is not JSON: then YAML says what is wrong."""
    try:
        obj = json.loads(text, object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise BadText(_TOO_DEEP) from None
    except ValueError:
        return None
    if _is_deep(obj):
        raise BadText(_TOO_DEEP)
    return (Document(obj, 1),)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadText(f"the key {quote(key)} is set twice in one object; remove one of them")
        seen.add(key)
    return found


def _finite(number: str, line: int = 0) -> float:
    found = float(number.lower().replace(".inf", "inf").replace(".nan", "nan").replace("_", ""))
    if not math.isfinite(found):
        raise BadText(f"{number} is not a number that JSON knows; write a finite number", line)
    return found


def _is_deep(obj: Any) -> bool:
    level = [obj]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    return bool(level)


def _children(parent: Any) -> Iterable[Any]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def _from_yaml(text: str) -> Iterator[Document]:
    try:
        census = _Census()
        for event in yaml.parse(text, Loader=_Loader):
            census.take(event)
        loader = _FlowLoader(text)
        while loader.check_node():
            node = loader.get_node()
            obj = loader.construct_document(node)
            # An empty document, as a `---` at the end makes one, is no document.
            if obj is not None:
                yield _document(obj, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadText(f"{error.problem or error.context}; {_hint(error)}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise BadText(f"is not YAML: {str(error).splitlines()[0]}; remove what is no text") from None


def _hint(error: yaml.MarkedYAMLError) -> str:
    return "write text, numbers, lists and mappings only" if "tag" in str(error.problem) else "check the indentation"


def _document(obj: Any, node: yaml.Node) -> Document:
    line = node.start_mark.line + 1
    if not isinstance(obj, dict):
        kind = "a list" if isinstance(obj, list) else "a single value"
        raise BadText(f"is {kind} and not an object; begin it with apiVersion, kind and metadata", line)
    return Document(obj, line, node)


def _unfolded(documents: Iterable[Document]) -> Iterator[Document]:
    for document in documents:
        items = document.obj.get("items")
        if document.obj.get("kind") != "List" or not isinstance(items, list):
            yield document
            continue
        for i, item in enumerate(items):
            line = document.line_of(f"items[{i}]")
            if not isinstance(item, dict):
                raise BadText("an item of the List is not an object; begin it with apiVersion and kind", line)
            node, _ = _child(_child(document._node, "items")[0], str(i))
            yield Document(item, line, node)


def _child(node: yaml.Node | None, name: str) -> tuple[yaml.Node | None, int]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        found = node.value[int(name)]
        return found, found.start_mark.line + 1
    return None, 0


class _Census:
    """Counts the values a text stands for, and how deep they are, from its events: nothing is built yet.

    `take` raises BadText where building would be dangerous.
    """

    def __init__(self) -> None:
        self._values = 0
        self._aliased = 0
        self._sizes: dict[str | None, int] = {}
        # The collections we are in: anchor, and how many values were there before it.
        self._open: list[tuple[str | None, int]] = []

    def take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._sizes.clear()
            case yaml.AliasEvent():
                self._alias(event.anchor or "", _line(event))
            case yaml.CollectionStartEvent():
                self._open.append((event.anchor, self._values))
                self._values += 1
                if len(self._open) > MAX_DEPTH:
                    raise BadText(_TOO_DEEP, _line(event))
            case yaml.CollectionEndEvent():
                anchor, before = self._open.pop()
                self._sizes[anchor] = self._values - before
            case yaml.ScalarEvent():
                self._values += 1
                self._sizes[event.anchor] = 1

    def _alias(self, anchor: str, line: int) -> None:
        if any(anchor == opened for opened, _ in self._open):
            raise BadText(f"the alias *{anchor} contains itself; write it out", line)
        size = self._sizes.get(anchor, 0)
        self._values += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise BadText(f"its aliases stand for more than {MAX_ALIASED} values; use fewer of them", line)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _FlowLoader(_Loader):  # type: ignore[misc]
    """YAML as Kubernetes reads it: keys are text and set once, times stay text, values are what JSON knows."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BadText("a key must be text; write it on one line", key.start_mark.line + 1)
            line = key.start_mark.line + 1
            if key.value in first and key.tag != "tag:yaml.org,2002:merge":
                message = f"the key {quote(key.value)} is already set in line {first[key.value]}; remove one of them"
                raise BadText(message, line)
            first[key.value] = line
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        line = node.start_mark.line + 1
        try:
            integer = node.tag == "tag:yaml.org,2002:int"
            return self.construct_yaml_int(node) if integer else _finite(node.value, line)
        except ValueError:
            raise BadText("a number has too many digits; put it in quotes", line) from None


def _resolvers() -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    """The implicit types: without times and base 60 (`12:30`), and with exponents that need no dot, as in JSON."""
    prefix = "tag:yaml.org,2002:"
    changed = {prefix + "timestamp", prefix + "int", prefix + "float", prefix + "value"}
    integer = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$")
    number = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$")
    found = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in changed]
        for first, pairs in _Loader.yaml_implicit_resolvers.items()
    }
    for first in "-+.0123456789":
        found.setdefault(first, []).extend([(prefix + "int", integer), (prefix + "float", number)])
    return found


_FlowLoader.yaml_implicit_resolvers = _resolvers()
for _kind in ("int", "float"):
    _FlowLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _FlowLoader.construct_number)
for _kind in ("binary", "timestamp", "omap", "pairs", "set"):
    _FlowLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", yaml.SafeLoader.construct_undefined)
