"""Server-side apply, small: who applied what is remembered beside the object, not in managedFields.

What a manager applied before and leaves out now is taken away, unless another manager applied it too. A value that
another manager applied and that still stands is a conflict, unless forced. Managers that update instead of applying
own nothing here: see docs/local-cluster.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from zenflow.local import bodies, decoding, field_errors, refusals
from zenflow.local.builtin_schema import Node, node_of, object_meta
from zenflow.local.core import Call, Core
from zenflow.local.field_errors import shown
from zenflow.local.kinds.strategy import Object
from zenflow.local.options import WriteOptions
from zenflow.local.representation import to_served
from zenflow.local.store import Entry
from zenflow.local.structural import Schema
from zenflow.local.writing import Outcome, check_namespace, store_new, store_update
from zenflow.runtime.errors import Cause, Conflict

_IDENTITY = frozenset(("apiVersion", "kind"))
Typed = Node | Schema | None
"""The type of a value: built-in, custom, or unknown (then lists are atomic)."""


def apply(core: Core, call: Call, options: WriteOptions) -> Outcome:
    """Create the object, or merge the applied configuration into it."""
    if not options.field_manager:
        cause = field_errors.required("fieldManager", "is required for apply patch")
        raise refusals.invalid_options("PatchOptions", [cause])
    applied = decoding.as_kind(call.type, decoding.parse_yaml(call.request.body))
    applied["metadata"] = {**(applied.get("metadata") or {}), "name": call.target.name}
    existing = core.store.storage(call.type.storage_name).entries.get(call.target.key)
    if existing is None:
        return _create(core, call, options, applied)
    return _merge(core, call, options, applied, existing)


def _create(core: Core, call: Call, options: WriteOptions, applied: Object) -> Outcome:
    if call.target.subresource:
        raise refusals.not_found(call.type, call.target.name)
    new = bodies.patched(core, call, options, applied)
    check_namespace(call.target, new)
    body = store_new(core, call, new, options)
    _remember(core, call, options, applied)
    return Outcome(201, body)


def _merge(core: Core, call: Call, options: WriteOptions, applied: Object, existing: Entry) -> Outcome:
    uid = existing.decoded["metadata"]["uid"]
    owners = {owner[1]: config for owner, config in core.applied.items() if owner[0] == uid}
    others = [config for manager, config in owners.items() if manager != options.field_manager]
    root = _root(core, call)
    if not options.force:
        _refuse_conflicts(root, existing.decoded, applied, owners, options.field_manager)
    live = to_served(call.type, existing.copy())
    previous = core.applied.get((uid, options.field_manager))
    if previous is not None:
        live = _without(root, live, previous, [applied, *others])
    new = bodies.patched(core, call, options, _joined(root, live, applied))
    check_namespace(call.target, new)
    body = store_update(core, call, existing, new, options)
    _remember(core, call, options, applied)
    return Outcome(200, body)


def _refuse_conflicts(
    root: Typed, live: Mapping[str, Any], applied: Object, owners: Mapping[str, Any], manager: str
) -> None:
    causes = [
        Cause("FieldManagerConflict", f"conflict with {shown(owner)}", path)
        for owner, config in owners.items()
        if owner != manager
        for path in _conflicts(root, (live, applied, config), "")
    ]
    if causes:
        listed = "\n".join(f"- {cause.message}: {cause.field}" for cause in causes)
        told = f" conflict: {causes[0].message}: {causes[0].field}" if len(causes) == 1 else f" conflicts:\n{listed}"
        raise Conflict(409, "Conflict", f"Apply failed with {len(causes)}{told}", causes=causes)


def _conflicts(type_: Typed, values: tuple[Any, Any, Any], path: str) -> list[str]:
    """The paths where the applied value differs from what the other manager applied and what is still there."""
    live, applied, theirs = values
    if isinstance(applied, dict) and isinstance(theirs, dict) and isinstance(live, dict):
        found = []
        for name in applied.keys() & theirs.keys() & live.keys() - _IDENTITY:
            below = (live[name], applied[name], theirs[name])
            found += _conflicts(_child(type_, name), below, f"{path}.{name}")
        return sorted(found)
    if isinstance(applied, list) and isinstance(theirs, list) and type_ is not None and type_.list_type != "atomic":
        return _item_conflicts(type_, values, path) if type_.list_type == "map" else []
    return [path] if applied != theirs and theirs == live else []


def _item_conflicts(type_: Node | Schema, values: tuple[Any, Any, Any], path: str) -> list[str]:
    live, applied, theirs = values
    found = []
    for item in applied:
        at, other = _find(type_, live, item), _find(type_, theirs, item)
        if at is not None and other is not None:
            keys = {key: item[key] for key in type_.list_keys if key in item}
            below = (live[at], item, theirs[other])
            found += _conflicts(type_.items, below, f"{path}[{','.join(f'{k}={shown(v)}' for k, v in keys.items())}]")
    return found


def _remember(core: Core, call: Call, options: WriteOptions, applied: Object) -> None:
    entry = core.store.storage(call.type.storage_name).entries.get(call.target.key)
    if entry is not None and not options.dry_run:
        core.applied[entry.decoded["metadata"]["uid"], options.field_manager] = applied


def _root(core: Core, call: Call) -> Typed:
    if call.type.custom:
        return core.custom(call.type).schema
    return node_of(call.type.group, call.type.version, call.type.kind)


def _child(owner: Typed, name: str) -> Typed:
    if owner is None:
        return None
    found = owner.properties.get(name)
    if found is not None:
        return found
    if isinstance(owner, Schema):
        return object_meta() if name == "metadata" else owner.additional
    return owner.items if owner.kind == "map" else None


def _joined(type_: Typed, live: Any, applied: Any) -> Any:
    """The live value with all that is applied."""
    if isinstance(live, dict) and isinstance(applied, dict):
        joined = dict(live)
        for name, value in applied.items():
            joined[name] = _joined(_child(type_, name), live.get(name), value)
        return joined
    if isinstance(live, list) and isinstance(applied, list) and type_ is not None:
        if type_.list_type == "set":
            return [*live, *(item for item in applied if item not in live)]
        if type_.list_type == "map":
            return _joined_map(type_, live, applied)
    return applied


def _joined_map(type_: Node | Schema, live: Sequence[Any], applied: Sequence[Any]) -> list[Any]:
    joined = list(live)
    for item in applied:
        at = _find(type_, joined, item)
        if at is None:
            joined.append(item)
        else:
            joined[at] = _joined(type_.items, joined[at], item)
    return joined


def _find(type_: Node | Schema, items: Sequence[Any], wanted: Any) -> int | None:
    """The entry with the same keys; a key that is left out stands for its default and fits any."""
    if not isinstance(wanted, Mapping):
        return None
    keys = [key for key in type_.list_keys if key in wanted]
    matching = (i for i, item in enumerate(items) if all(item.get(key) == wanted[key] for key in keys))
    return next(matching, None)


def _without(type_: Typed, live: Any, previous: Any, kept: Sequence[Any]) -> Any:
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
            left[name] = _without(child, left[name], value, keeping)
        elif isinstance(value, list) and child is not None and child.list_type in ("map", "set"):
            left[name] = _without_items(child, left[name], value, keeping)
    return left


def _without_items(type_: Node | Schema, live: list[Any], previous: list[Any], kept: Sequence[Any]) -> list[Any]:
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
            left.append(_without(type_.items, item, before, keeping))
    return left


def _find_in(type_: Node | Schema, items: Sequence[Any], live: Any) -> Any:
    return next((item for item in items if _find(type_, [live], item) is not None), None)
