"""Custom resources against their schemas, in the words of kube-apiserver (each compared with a real one)."""

from typing import Any

import pytest

from zenflow.local.apiserver.schemas.pruning import apply_defaults, prune
from zenflow.local.apiserver.schemas.structural import Schema
from zenflow.local.apiserver.schemas.validation import validate, validate_status

_LIST_MAP = {
    "type": "array",
    "minItems": 1,
    "maxItems": 2,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["k"],
    "items": {
        "type": "object",
        "required": ["k"],
        "properties": {"k": {"type": "string", "minLength": 2}, "d": {"type": "integer", "default": 7}},
    },
}
_FIELDS: dict[str, Any] = {
    "text": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
    "choice": {"type": "string", "enum": ["A", "B"], "default": "A"},
    "count": {"type": "integer", "minimum": 1, "maximum": 10},
    "small": {"type": "integer", "format": "int32"},
    "even": {"type": "integer", "multipleOf": 2, "minimum": 0, "exclusiveMinimum": True},
    "ratio": {"type": "number"},
    "flag": {"type": "boolean"},
    "list": _LIST_MAP,
    "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
    "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"z": {"type": "integer"}}},
    "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
    "null": {"type": "string", "nullable": True},
    "map": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
    "time": {"type": "string", "format": "date-time"},
    "wait": {"type": "string", "format": "duration"},
    "pod": {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
    "nested": {"type": "object", "default": {}, "properties": {"deep": {"type": "string", "default": "q"}}},
    "either": {"type": "string", "anyOf": [{"enum": ["x"]}, {"pattern": "^y"}], "not": {"enum": ["yy"]}},
}
_SCHEMA = Schema(
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "required": ["text"], "properties": _FIELDS},
            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
        },
    }
)


def _problems(**fields: Any) -> list[str]:
    found = validate(_SCHEMA, {"spec": {"text": "ok", **fields}})
    return [f"{cause.field}: {cause.message}" for cause in found]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": "toolong"}, "spec.text: Too long: may not be more than 5 bytes"),
        ({"text": "éééééé"}, "spec.text: Too long: may not be more than 5 bytes"),
        ({"text": "A"}, "spec.text: Invalid value: \"A\": spec.text in body should match '^[a-z]+$'"),
        ({"text": "a\n"}, "spec.text: Invalid value: \"a\\n\": spec.text in body should match '^[a-z]+$'"),
        ({"text": None}, "spec.text: Required value"),
        ({"text": 1}, 'spec.text: Invalid value: "integer": spec.text in body must be of type string: "integer"'),
        ({"choice": "C"}, 'spec.choice: Unsupported value: "C": supported values: "A", "B"'),
        ({"count": 0}, "spec.count: Invalid value: 0: spec.count in body should be greater than or equal to 1"),
        ({"count": 11}, "spec.count: Invalid value: 11: spec.count in body should be less than or equal to 10"),
        ({"count": 1.5}, 'spec.count: Invalid value: "number": spec.count in body must be of type integer: "number"'),
        (
            {"count": True},
            'spec.count: Invalid value: "boolean": spec.count in body must be of type integer: "boolean"',
        ),
        (
            {"small": 2**40},
            '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.small',
        ),
        ({"even": 3}, "spec.even: Invalid value: 3: spec.even in body should be a multiple of 2"),
        ({"even": 0}, "spec.even: Invalid value: 0: spec.even in body should be greater than 0"),
        ({"ratio": "x"}, 'spec.ratio: Invalid value: "string": spec.ratio in body must be of type number: "string"'),
        ({"flag": 1}, 'spec.flag: Invalid value: "integer": spec.flag in body must be of type boolean: "integer"'),
        ({"list": []}, "spec.list: Invalid value: 0: spec.list in body should have at least 1 items"),
        ({"list": [{"k": "aa"}, {"k": "bb"}, {"k": "cc"}]}, "spec.list: Too many: 3: must have at most 2 items"),
        ({"list": [{"k": "aa"}, {"k": "aa"}]}, 'spec.list[1]: Duplicate value: {"k":"aa"}'),
        (
            {"list": [{"k": "a"}]},
            'spec.list[0].k: Invalid value: "a": spec.list[0].k in body should be at least 2 chars long',
        ),
        ({"list": [{}]}, "spec.list[0].k: Required value"),
        ({"list": {}}, 'spec.list: Invalid value: "object": spec.list in body must be of type array: "object"'),
        ({"set": ["a", "a", "a"]}, 'spec.set[1]: Duplicate value: "a"'),
        (
            {"open": {"z": "a"}},
            'spec.open.z: Invalid value: "string": spec.open.z in body must be of type integer: "string"',
        ),
        (
            {"port": 1.5},
            'spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"',
        ),
        (
            {"map": {"a": 1}},
            'spec.map.a: Invalid value: "integer": spec.map.a in body must be of type string: "integer"',
        ),
        ({"map": {"a": "", "b": "", "c": ""}}, "spec.map: Too many: 3: must have at most 2 items"),
        ({"time": "x"}, 'spec.time: Invalid value: "x": spec.time in body must be of type date-time: "x"'),
        ({"wait": "x"}, 'spec.wait: Invalid value: "x": spec.wait in body must be of type duration: "x"'),
        ({"pod": {"kind": "Pod"}}, "spec.pod.apiVersion: Required value"),
        (
            {"either": "z"},
            'spec.either: Invalid value: "z": spec.either in body must validate at least one schema (anyOf)',
        ),
        ({"either": "yy"}, 'spec.either: Invalid value: "yy": spec.either in body must not validate the schema (not)'),
    ],
)
def test_each_rule_has_its_sentence(fields: dict[str, Any], told: str) -> None:
    """One problem, one sentence, with the field's path."""
    assert _problems(**fields) == [told]


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 2.0},
        {"port": "5%"},
        {"port": 5},
        {"null": None},
        {"any": [1, {"x": None}]},
        {"time": "2026-01-01T00:00:00.5Z"},
        {"wait": "1h30m"},
        {"either": "x"},
        {"set": ["a", "b"]},
    ],
)
def test_what_fits_is_accepted(fields: dict[str, Any]) -> None:
    """No problem is told."""
    assert _problems(**fields) == []


def test_all_problems_are_told() -> None:
    """Not only the first."""
    assert len(_problems(text=None, count=0, choice="C")) == 3


def test_what_an_update_leaves_alone_is_not_looked_at() -> None:
    """Ratcheting: a schema that became stricter does not lock old objects."""
    old = {"spec": {"text": "TOO LONG", "list": [{"k": "x"}]}}
    same = {"spec": {"text": "TOO LONG", "list": [{"k": "x", "d": 1}], "count": 1}}
    assert [cause.field for cause in validate(_SCHEMA, same, old)] == []
    changed = {"spec": {"text": "STILL", "list": [{"k": "x"}]}}
    assert [cause.field for cause in validate(_SCHEMA, changed, old)] == ["spec.text"]


def test_a_status_write_looks_at_the_status() -> None:
    """And its sentences begin there, as the real server's do."""
    (cause,) = validate_status(_SCHEMA, {"spec": {"text": 1}, "status": {"phase": 1}}, {})
    assert (cause.field, cause.message) == (
        "status.phase",
        'Invalid value: "integer": phase in body must be of type string: "integer"',
    )


def test_unknown_fields_are_pruned() -> None:
    """Except where the schema preserves them; apiVersion, kind and metadata are always known."""
    value: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {"name": "a"},
        "extra": 1,
        "spec": {
            "x": 1,
            "list": [{"k": "aa", "y": 1}],
            "any": {"kept": 1},
            "open": {"kept": 1},
            "map": {"kept": "1"},
            "pod": {"kind": "Pod", "metadata": {"name": "p", "nonsense": 1}, "kept": 1},
        },
    }
    unknown: list[str] = []
    prune(_SCHEMA, value, unknown)
    assert sorted(unknown) == ["extra", "spec.list[0].y", "spec.pod.metadata.nonsense", "spec.x"]
    assert value["spec"] == {
        "list": [{"k": "aa"}],
        "any": {"kept": 1},
        "open": {"kept": 1},
        "map": {"kept": "1"},
        "pod": {"kind": "Pod", "metadata": {"name": "p"}, "kept": 1},
    }


def test_defaults_come_at_every_depth() -> None:
    """Into objects that are there or have a default, and into the entries of lists; null counts as absent."""
    value: dict[str, Any] = {"spec": {"choice": None, "list": [{"k": "aa"}]}}
    apply_defaults(_SCHEMA, value)
    assert value["spec"] == {"choice": "A", "list": [{"k": "aa", "d": 7}], "nested": {"deep": "q"}}


def test_defaults_make_no_parents() -> None:
    """An absent object without a default stays absent."""
    value: dict[str, Any] = {}
    apply_defaults(_SCHEMA, value)
    assert value == {}


def test_a_default_is_not_shared() -> None:
    """Changing one object's default changes no other's."""
    first: dict[str, Any] = {"spec": {}}
    second: dict[str, Any] = {"spec": {}}
    apply_defaults(_SCHEMA, first)
    first["spec"]["nested"]["deep"] = "changed"
    apply_defaults(_SCHEMA, second)
    assert second["spec"]["nested"] == {"deep": "q"}
