"""The fields of a batch/v1 Job and their types: what a step's template may hold. Pure.

As strict as an API server that is asked for `fieldValidation=Strict`, and by its own schema: unknown fields, which it
would drop without a word, and values of a type that it can't read. Null stands for absent, as in Go's decoder. What a
Job may mean beyond that (two containers of one name, a mount without its volume) is the API server's to judge.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

from zenflow.api import fields, openapi
from zenflow.api.openapi import Schema, Type
from zenflow.api.problems import Problem, entry, path, quote
from zenflow.api.translation import of_type

_SHIPPED = "job_schema.json"

# Of a pasted Job these are generated or the flow's; `templates` says what there is to say about the first two.
_UNREAD = frozenset({"apiVersion", "kind", "status"})

_LIMITS = {"int32": 2**31, "int64": 2**63}
# As resource.ParseQuantity reads it: a number that is left out is 0.
_QUANTITY = re.compile(r"(?=.)[+-]?[0-9]*(\.[0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,18})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)")

# Where a field belongs that stands in the wrong one of these.
_HOMES = (
    ("io.k8s.api.batch.v1.JobSpec", "the Job's spec (template.spec)"),
    ("io.k8s.api.core.v1.PodSpec", "the Pod's spec (template.spec.template.spec)"),
    ("io.k8s.api.core.v1.Container", "a container (template.spec.template.spec.containers[])"),
)

# A place in a template: the place above it and the last part of its path. Paths are written out only for problems.
_Place = tuple[Any, str | int] | str


class _Entry(str):
    """A key of a map, which a path shows in brackets."""

    __slots__ = ()


class _Enough(Exception):
    """As many problems as were asked for have been found."""


class JobSchema:
    """The types of one Kubernetes version, compiled. Immutable, and safe for threads."""

    def __init__(self, slimmed: Mapping[str, Schema]) -> None:
        """Of definitions as `openapi.definitions` makes them. Raises openapi.NoSchema."""
        self._types = openapi.types(slimmed)
        job = self._types[openapi.JOB]
        self._template = Type("struct", job.name, {k: v for k, v in job.fields.items() if k not in _UNREAD})
        self._template.fields.update(dict.fromkeys(_UNREAD, Type("anything")))
        self._claim = self._types.get(openapi.CLAIM, Type("anything"))

    def check(self, spec: Any, limit: int) -> list[Problem]:
        """Unknown fields and wrong types in the templates of a decoded flow's spec: the first `limit`, step by step.

        Whatever is no template at all is not looked at: `validation` says so.
        """
        walk = _Walk(self._types, limit)
        with suppress(_Enough):
            for field, template in _items(spec, "spec", "steps"):
                if isinstance(template.get("template"), Mapping):
                    walk.value(self._template, template["template"], path(field, "template"))
            claims = spec.get("resourceTemplates") if isinstance(spec, Mapping) else None
            for field, claim in _items(claims, "spec.resourceTemplates", "volumeClaimTemplates"):
                walk.value(self._claim, claim.get("spec"), path(field, "spec"))
        return walk.found


@cache
def shipped() -> JobSchema:
    """Of the Kubernetes version that this release was made for (tools/job_schema.py)."""
    return JobSchema(json.loads(files("zenflow.api").joinpath(_SHIPPED).read_bytes()))


def _items(owner: Any, field: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list in `owner`, each with its path."""
    found = owner.get(key) if isinstance(owner, Mapping) else None
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield path(field, key, index), item


class _Walk:
    """One look through values; no deeper than the schema, however deep they are. Raises _Enough at the limit."""

    def __init__(self, types: Mapping[str, Type], limit: int) -> None:
        self._types = types
        self._limit = limit
        self.found: list[Problem] = []

    def value(self, type_: Type, value: Any, place: _Place) -> None:
        """Look at a value of this type. A chain of comparisons by frequency: it is the loop that costs."""
        if value is None:
            return
        match type_.kind:
            case "string":
                if type(value) is not str:
                    self._report(of_type(_path(place), value, "string"))
            case "struct":
                self._struct(type_, value, place)
            case "array":
                self._array(type_, value, place)
            case "map":
                self._map(type_, value, place)
            case "anything":
                pass
            case kind:
                problem = _PLAIN[kind](value, place)
                if problem is not None:
                    self._report(problem)

    def _struct(self, type_: Type, value: Any, place: _Place) -> None:
        if not isinstance(value, Mapping):
            self._report(of_type(_path(place), value, "object"))
            return
        known = type_.fields
        for name, inner in value.items():
            field_type = known.get(name)
            if field_type is not None:
                self.value(field_type, inner, (place, name))
            else:
                self._report(self._unknown(type_, str(name), _path(place)))

    def _map(self, type_: Type, value: Any, place: _Place) -> None:
        if not isinstance(value, Mapping):
            self._report(of_type(_path(place), value, "object"))
        elif type_.items is not None:
            for name, inner in value.items():
                self.value(type_.items, inner, (place, _Entry(name)))

    def _array(self, type_: Type, value: Any, place: _Place) -> None:
        if not isinstance(value, list):
            self._report(of_type(_path(place), value, "array"))
        elif type_.items is not None:
            for index, inner in enumerate(value):
                self.value(type_.items, inner, (place, index))

    def _unknown(self, type_: Type, name: str, field: str) -> Problem:
        is_here = any(known.lower() == name.lower() for known in type_.fields)
        homes = () if is_here else (self._home(home, where, name) for home, where in _HOMES)
        return fields.unknown_field(field, name, type_.fields, elsewhere=next(filter(None, homes), ""))

    def _home(self, type_name: str, where: str, name: str) -> str:
        type_ = self._types.get(type_name)
        exact = next((known for known in type_.fields if known.lower() == name.lower()), "") if type_ else ""
        return f"write {quote(exact)} in {where}" if exact else ""

    def _report(self, problem: Problem) -> None:
        self.found.append(problem)
        if len(self.found) >= self._limit:
            raise _Enough


def _path(place: _Place) -> str:
    if isinstance(place, str):
        return place
    above, last = place
    return entry(_path(above), last) if isinstance(last, _Entry) else path(_path(above), last)


def _boolean(value: Any, place: _Place) -> Problem | None:
    return None if isinstance(value, bool) else of_type(_path(place), value, "boolean")


def _integer(bits: str) -> Callable[[Any, _Place], Problem | None]:
    limit = _LIMITS[bits]

    def check(value: Any, place: _Place) -> Problem | None:
        if not _is_whole(value):
            return of_type(_path(place), value, "integer")
        if -limit <= value < limit:
            return None
        return Problem(_path(place), quote(value), "", f"must be between {-limit} and {limit - 1}")

    return check


def _is_whole(value: Any) -> bool:
    """2.0 is a whole number: the API server stores it as 2."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _number(value: Any, place: _Place) -> Problem | None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return None if good else of_type(_path(place), value, "number")


def _time(value: Any, place: _Place) -> Problem | None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return None
    return Problem(_path(place), quote(value), "", 'must be a time, such as "2026-01-31T12:00:00Z"')


def _quantity(value: Any, place: _Place) -> Problem | None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if good or (isinstance(value, str) and _QUANTITY.fullmatch(value.strip())):
        return None
    return Problem(_path(place), quote(value), "", 'must be a number and a unit, such as "500m", "2" or "1Gi"')


def _int_or_string(value: Any, place: _Place) -> Problem | None:
    if isinstance(value, str):
        return None
    if not _is_whole(value):
        return Problem(_path(place), quote(value), "", "must be a whole number or text")
    return _PLAIN["int32"](value, place)


_PLAIN: Mapping[str, Callable[[Any, _Place], Problem | None]] = {
    "boolean": _boolean,
    "int32": _integer("int32"),
    "int64": _integer("int64"),
    "number": _number,
    "time": _time,
    "quantity": _quantity,
    "int-or-string": _int_or_string,
}
