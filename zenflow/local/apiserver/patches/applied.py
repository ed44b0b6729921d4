"""Server-side apply, as functions from values to values: what is joined, what is taken away, what is in conflict."""

from collections.abc import Mapping, Sequence
from typing import Any

from zenflow.local.apiserver.errors.field_errors import shown
from zenflow.local.apiserver.schemas.builtin import FieldType, object_meta
from zenflow.local.apiserver.schemas.structural import Schema

_IDENTITY = frozenset(("apiVersion", "kind"))


Typed = FieldType | Schema | None
"""The type of a value: built-in, custom, or unknown (then lists are atomic)."""


def conflicts(type_: Typed, values: tuple[Any, Any, Any], path: str) -> list[str]:
    """The paths where the applied value differs from what the other manager applied and what is still there."""
    live, applied, theirs = values
    if isinstance(applied, dict) and isinstance(theirs, dict) and isinstance(live, dict):
        found = []
        for name in applied.keys() & theirs.keys() & live.keys() - _IDENTITY:
            below = (live[name], applied[name], theirs[name])
            found += conflicts(_child(type_, name), below, f"{path}.{name}")
        return sorted(found)
    if isinstance(applied, list) and isinstance(theirs, list) and type_ is not None and type_.list_type != "atomic":
        return _item_conflicts(type_, values, path) if type_.list_type == "map" else []
    return [path] if applied != theirs and theirs == live else []


def _item_conflicts(type_: FieldType | Schema, values: tuple[Any, Any, Any], path: str) -> list[str]:
    live, applied, theirs = values
    found = []
    for item in applied:
        at, other = _find(type_, live, item), _find(type_, theirs, item)
        if at is not None and other is not None:
            keys = {key: item[key] for key in type_.list_keys if key in item}
            below = (live[at], item, theirs[other])
            found += conflicts(type_.items, below, f"{path}[{','.join(f'{k}={shown(v)}' for k, v in keys.items())}]")
    return found


def _child(owner: Typed, name: str) -> Typed:
    if owner is None:
        return None
    found = owner.properties.get(name)
    if found is not None:
        return found
    if isinstance(owner, Schema):
        return object_meta() if name == "metadata" else owner.additional
    return owner.items if owner.kind == "map" else None


def joined(type_: Typed, live: Any, applied: Any) -> Any:
    """The live value with all that is applied."""
    if isinstance(live, dict) and isinstance(applied, dict):
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = joined(_child(type_, name), live.get(name), value)
        return merged
    if isinstance(live, list) and isinstance(applied, list) and type_ is not None:
        if type_.list_type == "set":
            return [*live, *(item for item in applied if item not in live)]
        if type_.list_type == "map":
            return _joined_map(type_, live, applied)
    return applied


def _joined_map(type_: FieldType | Schema, live: Sequence[Any], applied: Sequence[Any]) -> list[Any]:
    merged = list(live)
    for item in applied:
        at = _find(type_, merged, item)
        if at is None:
            merged.append(item)
        else:
            merged[at] = joined(type_.items, merged[at], item)
    return merged


def _find(type_: FieldType | Schema, items: Sequence[Any], wanted: Any) -> int | None:
    """The entry with the same keys; a key that is left out stands for its default and fits any."""
    if not isinstance(wanted, Mapping):
        return None
    keys = [key for key in type_.list_keys if key in wanted]
    matching = (i for i, item in enumerate(items) if all(item.get(key) == wanted[key] for key in keys))
    return next(matching, None)


def without(type_: Typed, live: Any, previous: Any, kept: Sequence[Any]) -> Any:
    """The live value without what was applied before and is in none of `kept`."""
    if not isinstance(live, dict) or not isinstance(previous, dict):
        return live
    left = dict(live)
    for name, value in previous.items():
        if name not in left:
            continue
        child, keeping = _child(type_, name), [item[name] for item in kept if isinstance(item, dict) and name in item]
        if not keeping:
            left.pop(name)
        elif isinstance(value, dict):
            left[name] = without(child, left[name], value, keeping)
        elif isinstance(value, list) and child is not None and child.list_type in ("map", "set"):
            left[name] = _without_items(child, left[name], value, keeping)
    return left


def _without_items(type_: FieldType | Schema, live: list[Any], previous: list[Any], kept: Sequence[Any]) -> list[Any]:
    left = []
    kept_items = [item for items in kept if isinstance(items, list) for item in items]
    for item in live:
        if type_.list_type == "set":
            if item in kept_items or item not in previous:
                left.append(item)
            continue
        before = _find_in(type_, previous, item)
        if before is None:
            left.append(item)
            continue
        keeping = [other for other in kept_items if _find(type_, [item], other) is not None]
        if keeping:
            left.append(without(type_.items, item, before, keeping))
    return left


def _find_in(type_: FieldType | Schema, items: Sequence[Any], live: Any) -> Any:
    return next((item for item in items if _find(type_, [live], item) is not None), None)
