"""Label and field selectors: parsed once per request, matched against each object.

Grammar: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas (labels);
`path=value`, `path!=value` (fields).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.errors.name_formats import label_key, label_value

_TOKEN = re.compile(r"\s*(!=|==|=|!|,|\(|\)|>|<|[^\s!=,()<>]+)")
_SPECIAL = frozenset(("!=", "==", "=", "!", ",", "(", ")", ">", "<", ""))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. A missing label fulfils the negative ones."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case _:
                return value is not None and _compares(value, self.operator, self.values)


def _compares(value: str, operator: str, values: frozenset[str]) -> bool:
    try:
        left, right = int(value), int(next(iter(values)))
    except ValueError:
        return False
    return left > right if operator == ">" else left < right


class _Parser:
    """Recursive descent over the tokens of one label selector."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def parse(self) -> tuple[Requirement, ...]:
        found = [self._requirement()]
        while self._peek() == ",":
            self._next()
            found.append(self._requirement())
        if self._peek():
            raise refusals.bad_request(f"found '{self._peek()}', expected: ',' or 'end of string'")
        return tuple(found)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._next()
            return Requirement(self._key(), "absent")
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return Requirement(key, "exists")
        self._next()
        if operator in ("in", "notin"):
            return Requirement(key, operator, frozenset(self._set(key)))
        if operator in ("=", "==", "!="):
            return Requirement(key, "notin" if operator == "!=" else "in", frozenset((self._value(key),)))
        if operator in (">", "<"):
            return Requirement(key, operator, frozenset((self._value(key),)))
        raise _unparsable(operator, "in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._next()
        if key in _SPECIAL:
            raise _unparsable(key, "identifier")
        if wrong := label_key(key):
            raise refusals.bad_request(
                f'unable to parse requirement: <nil>: Invalid value: "{key}": {"; ".join(wrong)}'
            )
        return key

    def _value(self, key: str) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._next()
        if value in _SPECIAL:
            raise _unparsable(value, "identifier")
        return _checked(key, value)

    def _set(self, key: str) -> list[str]:
        if self._next() != "(":
            raise _unparsable(self._tokens[self._at - 1] if self._at <= len(self._tokens) else "", "'('")
        values: list[str] = []
        while True:
            token = self._next()
            if token in ("", "=", "==", "!=", "!", "(", ">", "<"):
                raise _unparsable(token, "',', ')' or identifier")
            if token == ")":
                return values or [""]
            if token != ",":
                values.append(_checked(key, token))


def _checked(key: str, value: str) -> str:
    if wrong := label_value(value):
        raise refusals.bad_request(
            f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": {"; ".join(wrong)}'
        )
    return value


def _unparsable(found: str, expected: str) -> Exception:
    return refusals.bad_request(f"unable to parse requirement: found '{found}', expected: {expected}")


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on one field, compared as text."""

    path: str
    value: str
    negated: bool = False


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector. Raises 400 with the real server's sentence."""
    return _Parser(text).parse() if text.strip() else ()


def parse_fields(text: str) -> tuple[FieldRequirement, ...]:
    """The requirements of a field selector. Raises 400."""
    found = []
    for part in filter(None, text.split(",")):
        matched = re.fullmatch(r"([^=!]*)(!=|==|=)(.*)", part)
        if matched is None:
            raise refusals.bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        found.append(FieldRequirement(matched[1].strip(), matched[3].strip(), matched[2] == "!="))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Selector:
    """Both selectors of a list or watch. `field_value` reads a field of an object as text."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()
    field_value: Callable[[Mapping[str, Any], str], str] = lambda _object, _path: ""

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, labels: Mapping[str, str], decoded: Callable[[], Mapping[str, Any]]) -> bool:
        """Whether an object is selected; `decoded` is asked for only if a field must be read."""
        if not all(requirement.matches(labels) for requirement in self.labels):
            return False
        return all(
            (self.field_value(decoded(), requirement.path) == requirement.value) != requirement.negated
            for requirement in self.fields
        )
