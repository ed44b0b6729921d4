"""A CustomResourceDefinition's schema, compiled once: what pruning, defaulting and validation walk over."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.schemas.formats import FORMATS
from zenflow.runtime.errors import Cause

Check = Callable[[Any, str, str], Cause | None]
"""(value, field path, the path as the sentence names it) to what is wrong, or None."""

MISSING: Any = object()
"""Stands for the default of a field that has none (null is a default)."""


class Schema:
    """One node. `check` functions see a value only once its type is right."""

    __slots__ = (
        "additional",
        "checks",
        "combinations",
        "default",
        "defaulted",
        "embedded",
        "has_defaults",
        "int_or_string",
        "items",
        "list_keys",
        "list_type",
        "nullable",
        "preserve",
        "properties",
        "required",
        "type",
    )

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.type: str = schema.get("type", "")
        self.nullable: bool = schema.get("nullable", False)
        self.default: Any = schema.get("default", MISSING)
        self.preserve: bool = schema.get("x-kubernetes-preserve-unknown-fields", False)
        self.embedded: bool = schema.get("x-kubernetes-embedded-resource", False)
        self.int_or_string: bool = schema.get("x-kubernetes-int-or-string", False)
        self.list_type: str = schema.get("x-kubernetes-list-type", "atomic")
        self.list_keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys", ()))
        self.required: tuple[str, ...] = tuple(schema.get("required", ()))
        self.properties: dict[str, Schema] = {
            name: Schema(child) for name, child in sorted(schema.get("properties", {}).items())
        }
        self.items: Schema | None = _optional(schema.get("items"))
        self.additional: Schema | None = _additional(schema.get("additionalProperties"))
        self.defaulted = tuple(
            (name, child)
            for name, child in self.properties.items()
            if child.default is not MISSING or child.has_defaults
        )
        """The fields that have a default, or have one somewhere below them."""
        children = (self.items, self.additional)
        self.has_defaults: bool = bool(self.defaulted) or any(
            child is not None and child.has_defaults for child in children
        )
        self.checks: tuple[Check, ...] = tuple(_checks(schema))
        self.combinations: tuple[tuple[str, tuple[Schema, ...]], ...] = tuple(_combinations(schema))


def _optional(schema: Mapping[str, Any] | None) -> Schema | None:
    return Schema(schema) if schema is not None else None


def _additional(schema: Mapping[str, Any] | bool | None) -> Schema | None:
    if isinstance(schema, bool):
        return Schema({"x-kubernetes-preserve-unknown-fields": True}) if schema else None
    return _optional(schema)


def _combinations(schema: Mapping[str, Any]) -> list[tuple[str, tuple[Schema, ...]]]:
    found = [
        (word, tuple(Schema(child) for child in schema[word]))
        for word in ("allOf", "anyOf", "oneOf")
        if schema.get(word)
    ]
    if schema.get("not"):
        found.append(("not", (Schema(schema["not"]),)))
    if schema.get("x-kubernetes-int-or-string"):
        # The type itself says it; the anyOf that people repeat would only double the message.
        return [(word, children) for word, children in found if word != "anyOf"]
    return found


def _checks(schema: Mapping[str, Any]) -> list[Check]:
    made = [make(schema[word], schema) for word, make in _MAKERS.items() if word in schema]
    return [check for check in made if check is not None]


def _minimum(limit: float, schema: Mapping[str, Any]) -> Check:
    words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"

    def check(value: Any, field: str, path: str) -> Cause | None:
        if value > limit or (value == limit and not schema.get("exclusiveMinimum")):
            return None
        return field_errors.invalid(field, value, f"{path} in body should be {words} {limit:g}")

    return check


def _maximum(limit: float, schema: Mapping[str, Any]) -> Check:
    words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"

    def check(value: Any, field: str, path: str) -> Cause | None:
        if value < limit or (value == limit and not schema.get("exclusiveMaximum")):
            return None
        return field_errors.invalid(field, value, f"{path} in body should be {words} {limit:g}")

    return check


def _multiple_of(step: float, _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, field: str, path: str) -> Cause | None:
        if value % step == 0:
            return None
        return field_errors.invalid(field, value, f"{path} in body should be a multiple of {step:g}")

    return check


def _min_length(limit: int, _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, field: str, path: str) -> Cause | None:
        if len(value) >= limit:
            return None
        return field_errors.invalid(field, value, f"{path} in body should be at least {limit} chars long")

    return check


def _max_length(limit: int, _schema: Mapping[str, Any]) -> Check:
    return lambda value, field, _path: field_errors.too_long(field, limit) if len(value) > limit else None


def _pattern(pattern: str, _schema: Mapping[str, Any]) -> Check:
    # Go's $ is the end of the text; Python's also stands before a final newline.
    matcher = re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))

    def check(value: Any, field: str, path: str) -> Cause | None:
        if matcher.search(value):
            return None
        return field_errors.invalid(field, value, f"{path} in body should match '{pattern}'")

    return check


def _min_items(limit: int, _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, field: str, path: str) -> Cause | None:
        if len(value) >= limit:
            return None
        return field_errors.invalid(field, len(value), f"{path} in body should have at least {limit} items")

    return check


def _min_properties(limit: int, _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, field: str, path: str) -> Cause | None:
        if len(value) >= limit:
            return None
        return field_errors.invalid(field, len(value), f"{path} in body should have at least {limit} properties")

    return check


def _max_items(limit: int, _schema: Mapping[str, Any]) -> Check:
    return lambda value, field, _path: field_errors.too_many(field, len(value), limit) if len(value) > limit else None


def _enum(choices: list[Any], _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, field: str, _path: str) -> Cause | None:
        return None if value in choices else field_errors.unsupported(field, value, choices)

    return check


def _format(name: str, schema: Mapping[str, Any]) -> Check | None:
    if schema.get("type") == "integer":
        return _integer_format(name)
    accepts = FORMATS.get(name)
    if accepts is None:
        return None

    def check(value: Any, field: str, path: str) -> Cause | None:
        if accepts(value):
            return None
        return field_errors.type_invalid(field, value, f'{path} in body must be of type {name}: "{value}"')

    return check


def _integer_format(name: str) -> Check:
    limit = 2**31 if name == "int32" else 2**63

    def check(value: Any, field: str, _path: str) -> Cause | None:
        if -limit <= value < limit:
            return None
        # The real server names no field here, but the root.
        return field_errors.invalid("<nil>", "", f"Checked value must be of type integer with format {name} in {field}")

    return check


_MAKERS: Mapping[str, Callable[[Any, Mapping[str, Any]], Check | None]] = {
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple_of,
    "maxLength": _max_length,
    "minLength": _min_length,
    "pattern": _pattern,
    "maxItems": _max_items,
    "minItems": _min_items,
    "maxProperties": _max_items,
    "minProperties": _min_properties,
    "enum": _enum,
    "format": _format,
}
