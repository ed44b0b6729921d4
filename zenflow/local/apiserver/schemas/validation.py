"""Is a custom resource what its schema says? Every problem is found, in the words of the real server.

A value that an update left as it was is not looked at again ("ratcheting"), which also makes a status write
cost no more than the status. CEL rules (x-kubernetes-validations) are not evaluated: see docs/local-cluster.md.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.schemas.structural import MISSING, Schema
from zenflow.runtime.errors import Cause

_OF_TYPE: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def validate(schema: Schema, decoded: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Cause]:
    """What is wrong with the fields of a whole object besides its metadata."""
    problems: list[Cause] = []
    for name, child in schema.properties.items():
        if name in decoded and name not in ("apiVersion", "kind", "metadata"):
            previous = old.get(name, MISSING) if old is not None else MISSING
            _validate(child, decoded[name], previous, (name, name), problems)
    problems += [field_errors.required(name) for name in schema.required if name not in decoded]
    return problems


def validate_status(schema: Schema, decoded: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with the status; sentences name its fields from there, as the real server's do."""
    problems: list[Cause] = []
    child = schema.properties.get("status")
    if child is not None and "status" in decoded:
        _validate(child, decoded["status"], old.get("status", MISSING), ("status", ""), problems)
    return problems


def _validate(schema: Schema, value: Any, old: Any, at: tuple[str, str], problems: list[Cause]) -> None:
    """`at`: the path of the field, and the same as sentences give it."""
    if old is not MISSING and value == old and type(value) is type(old):
        return
    if value is None and schema.nullable:
        return
    wrong_type = _type_problem(schema, value, at)
    if wrong_type is not None:
        problems.append(wrong_type)
        return
    problems += _check_problems(schema, value, at)
    if isinstance(value, dict):
        _validate_object(schema, value, old, at, problems)
    elif isinstance(value, list):
        _validate_list(schema, value, old, at, problems)
    if schema.combinations:
        _validate_combinations(schema, value, at, problems)


def _check_problems(schema: Schema, value: Any, at: tuple[str, str]) -> list[Cause]:
    found = [problem for check in schema.checks if (problem := check(value, *at)) is not None]
    too_long = [problem for problem in found if problem.reason == "FieldValueTooLong"]
    return too_long or found


def _type_problem(schema: Schema, value: Any, at: tuple[str, str]) -> Cause | None:
    if schema.int_or_string:
        expected, fits = "integer,string", isinstance(value, (int, str)) and not isinstance(value, bool)
    elif not schema.type:
        return None
    else:
        expected, fits = schema.type, _fits(schema.type, value)
    if fits:
        return None
    found = _type_name(value)
    return field_errors.type_invalid(at[0], found, f'{at[1]} in body must be of type {expected}: "{found}"')


def _fits(expected: str, value: Any) -> bool:
    if isinstance(value, bool):
        return expected == "boolean"
    if expected == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _OF_TYPE[expected])


_TYPE_NAMES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _type_name(value: Any) -> str:
    return _TYPE_NAMES[type(value)]


def _validate_object(
    schema: Schema, value: Mapping[str, Any], old: Any, at: tuple[str, str], problems: list[Cause]
) -> None:
    before = old if isinstance(old, dict) else {}
    for name, item in value.items():
        child = schema.properties.get(name) or schema.additional
        if child is not None and not (item is None and _null_is_absent(child)):
            _validate(child, item, before.get(name, MISSING), _below(at, name), problems)
    needed = (*schema.required, *(("apiVersion", "kind") if schema.embedded else ()))
    problems += [field_errors.required(f"{at[0]}.{name}") for name in needed if _lacks(schema, value, name)]


def _lacks(schema: Schema, value: Mapping[str, Any], name: str) -> bool:
    if value.get(name) is not None:
        return False
    return name not in value or _null_is_absent(schema.properties.get(name))


def _null_is_absent(child: Schema | None) -> bool:
    return child is not None and not child.nullable


def _below(at: tuple[str, str], name: str) -> tuple[str, str]:
    return f"{at[0]}.{name}", f"{at[1]}.{name}" if at[1] else name


def _validate_list(schema: Schema, value: list[Any], old: Any, at: tuple[str, str], problems: list[Cause]) -> None:
    previous = _by_key(schema, old)
    if schema.items is not None:
        for index, item in enumerate(value):
            before = previous.get(_key(schema, item), MISSING) if previous else MISSING
            _validate(schema.items, item, before, (f"{at[0]}[{index}]", f"{at[1]}[{index}]"), problems)
    if schema.list_type != "atomic":
        problems += _repeated(schema, value, at[0])


def _by_key(schema: Schema, old: Any) -> Mapping[Any, Any]:
    """The entries that an entry of the new list can be compared with; none where a list is one value."""
    if schema.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key(schema, item): item for item in old}


def _key(schema: Schema, item: Any) -> Any:
    if schema.list_type == "map" and isinstance(item, dict):
        return msgspec.json.encode([item.get(key) for key in schema.list_keys])
    return msgspec.json.encode(item)


def _repeated(schema: Schema, value: list[Any], field: str) -> list[Cause]:
    problems: list[Cause] = []
    seen: dict[Any, bool] = {}
    for index, item in enumerate(value):
        at = f"{field}[{index}]"
        if schema.list_type == "map" and not isinstance(item, dict):
            problems.append(field_errors.invalid(at, item, "must be an object for an array of list-type map"))
            continue
        key = _key(schema, item)
        if seen.get(key) is False:
            shown = {name: item.get(name) for name in schema.list_keys} if schema.list_type == "map" else item
            problems.append(field_errors.duplicate(at, shown))
        # Told once, however often it is repeated.
        seen[key] = key in seen
    return problems


_COMBINATION_SENTENCES: Mapping[str, str] = {
    "allOf": "must validate all the schemas (allOf)",
    "anyOf": "must validate at least one schema (anyOf)",
    "oneOf": "must validate one and only one schema (oneOf)",
    "not": "must not validate the schema (not)",
}


def _validate_combinations(schema: Schema, value: Any, at: tuple[str, str], problems: list[Cause]) -> None:
    for word, children in schema.combinations:
        found = []
        for child in children:
            inner: list[Cause] = []
            _validate(child, value, MISSING, at, inner)
            found.append(inner)
        fulfilled = sum(1 for inner in found if not inner)
        if word == "allOf":
            problems += [problem for inner in found for problem in inner]
        elif not _combination_holds(word, fulfilled):
            problems.append(field_errors.invalid(at[0], value, f"{at[1]} in body {_COMBINATION_SENTENCES[word]}"))


def _combination_holds(word: str, fulfilled: int) -> bool:
    if word == "anyOf":
        return fulfilled > 0
    return fulfilled == (1 if word == "oneOf" else 0)
