"""Strategic merge patch for built-in kinds: lists are merged by the keys that their types name.

Directives: `$patch: delete|replace|merge`, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`,
`$retainKeys`. Rules: Kubernetes API conventions, "strategic merge patch".
"""

from collections.abc import Mapping
from typing import Any

from zenflow.local.apiserver.errors.refusals import internal
from zenflow.local.apiserver.schemas.builtin import FieldType

_DIRECTIVE = "$patch"
_DELETE_ITEMS = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


def merge(type_: FieldType, target: Any, patch: Any) -> Any:
    """The target with the patch applied; the target is not changed.

    Raises 500 where an entry has no merge key, as the real server does.
    """
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
        merged = [*target, *(item for item in patch if item not in target)]
        return _arranged(merged, patch, target, "")
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if _DIRECTIVE not in item]
    merged = list(target)
    for item in patch:
        _merge_item(type_, merged, item)
    return _arranged(merged, patch, target, type_.merge_key)


def _merge_item(type_: FieldType, merged: list[Any], item: Any) -> None:
    key = type_.merge_key
    if not isinstance(item, dict) or key not in item:
        raise internal(f"map: {_in_go(item)} does not contain declared merge key: {key}")
    at = next((index for index, known in enumerate(merged) if known.get(key) == item[key]), None)
    if item.get(_DIRECTIVE) == "delete":
        if at is not None:
            del merged[at]
    elif at is None:
        merged.append(merge(type_.items, {}, item))
    else:
        merged[at] = merge(type_.items, merged[at], item)


def _in_go(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{_in_go(item)}' for name, item in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_in_go, value))}]"
    return "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _apply_directives(type_: FieldType, merged: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if name.startswith(_DELETE_ITEMS):
            field = name.removeprefix(_DELETE_ITEMS)
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif name.startswith(_ORDER) and isinstance(merged.get(name.removeprefix(_ORDER)), list):
            field = name.removeprefix(_ORDER)
            merged[field] = _arranged(merged[field], value, merged[field], _child(type_, field).merge_key)


def _arranged(items: list[Any], patch: list[Any], before: list[Any], key: str) -> list[Any]:
    """The entries that the patch names in its order; the others keep theirs, each before the first that followed it."""
    rank = {_identity(entry, key): place for place, entry in reversed([*enumerate(patch)])}
    old = {_identity(entry, key): place for place, entry in reversed([*enumerate(before)])}
    named = sorted((item for item in items if _identity(item, key) in rank), key=lambda i: rank[_identity(i, key)])
    others = [item for item in items if _identity(item, key) not in rank]
    arranged: list[Any] = []
    while named and others:
        left, right = old.get(_identity(others[0], key)), old.get(_identity(named[0], key))
        first = others if left is not None and right is not None and left < right else named
        arranged.append(first.pop(0))
    return [*arranged, *named, *others]


def _identity(entry: Any, key: str) -> Any:
    return entry.get(key) if key and isinstance(entry, dict) else entry
