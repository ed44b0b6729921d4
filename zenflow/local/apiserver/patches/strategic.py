"""Strategic merge patch for built-in kinds: lists are merged by the keys that their types name.

Directives: `$patch: delete|replace|merge`, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`,
`$retainKeys`. Rules: Kubernetes API conventions, "strategic merge patch".
"""

from collections.abc import Mapping
from typing import Any

from zenflow.local.apiserver.errors.refusals import bad_request
from zenflow.local.apiserver.schemas.builtin import FieldType

_DIRECTIVE = "$patch"
_DELETE_ITEMS = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


def merge(type_: FieldType, target: Any, patch: Any) -> Any:
    """The target with the patch applied; the target is not changed. Raises 400 for malformed directives."""
    if not isinstance(patch, dict):
        return patch
    if type_.kind not in ("object", "map"):
        return {name: value for name, value in patch.items() if value is not None}
    if patch.get(_DIRECTIVE) == "replace":
        return {name: value for name, value in patch.items() if name != _DIRECTIVE}
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    merged = dict(target) if isinstance(target, dict) else {}
    if _RETAIN in patch:
        merged = {name: value for name, value in merged.items() if name in patch[_RETAIN]}
    for name, value in patch.items():
        if not name.startswith("$"):
            _merge_field(type_, merged, name, value)
    _apply_directives(type_, merged, patch)
    return merged


def _merge_field(type_: FieldType, merged: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        merged.pop(name, None)
        return
    child = _child(type_, name)
    if isinstance(value, list) and child.merges:
        merged[name] = _merge_list(child, merged.get(name) or [], value)
    elif isinstance(value, dict):
        merged[name] = merge(child, merged.get(name), value)
    else:
        merged[name] = value


_UNKNOWN = FieldType({})


def _child(type_: FieldType, name: str) -> FieldType:
    return type_.items if type_.kind == "map" else type_.properties.get(name, _UNKNOWN)


def _merge_list(type_: FieldType, target: list[Any], patch: list[Any]) -> list[Any]:
    if not type_.merge_key:
        return [*target, *(item for item in patch if item not in target)]
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if _DIRECTIVE not in item]
    merged = list(target)
    for item in patch:
        _merge_item(type_, merged, item)
    return merged


def _merge_item(type_: FieldType, merged: list[Any], item: Any) -> None:
    key = type_.merge_key
    if not isinstance(item, dict) or key not in item:
        raise bad_request(f"map: {item} does not contain declared merge key: {key}")
    at = next((index for index, known in enumerate(merged) if known.get(key) == item[key]), None)
    if item.get(_DIRECTIVE) == "delete":
        if at is not None:
            del merged[at]
    elif at is None:
        merged.append(merge(type_.items, {}, item))
    else:
        merged[at] = merge(type_.items, merged[at], item)


def _apply_directives(type_: FieldType, merged: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if name.startswith(_DELETE_ITEMS):
            field = name.removeprefix(_DELETE_ITEMS)
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif name.startswith(_ORDER) and isinstance(merged.get(name.removeprefix(_ORDER)), list):
            field = name.removeprefix(_ORDER)
            merged[field] = _ordered(merged[field], value, _child(type_, field).merge_key)


def _ordered(items: list[Any], order: list[Any], key: str) -> list[Any]:
    """The items in the order given; those it does not name keep their places relative to the one before them."""
    wanted = [entry.get(key) if key else entry for entry in order]
    rank = {value: index for index, value in enumerate(wanted)}
    placed: list[tuple[int, int, Any]] = []
    last = -1
    for index, item in enumerate(items):
        last = rank.get(item.get(key) if key else item, last)
        placed.append((last, index, item))
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]
