"""Server-side apply, small: who applied what is remembered beside the object, not in managedFields.

What a manager applied before and leaves out now is taken away, unless another manager applied it too. A value that
another manager applied and that still stands is a conflict, unless forced. Managers that update instead of applying
own nothing here: see docs/local-cluster.md.
"""

from collections.abc import Mapping
from typing import Any

from zenflow.local.apiserver.errors import field_errors, refusals
from zenflow.local.apiserver.kinds.strategy import Object
from zenflow.local.apiserver.patches.applied import Typed, conflicts, joined, without
from zenflow.local.apiserver.requests import parsing
from zenflow.local.apiserver.requests.options import WriteOptions
from zenflow.local.apiserver.schemas.builtin import type_of
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import to_served
from zenflow.local.apiserver.storage.store import Entry
from zenflow.local.apiserver.verbs import bodies
from zenflow.local.apiserver.verbs.create_update import Answer, check_namespace, store_new, store_update
from zenflow.runtime.errors import Cause, Conflict


def apply(state: State, call: Call, options: WriteOptions) -> Answer:
    """Create the object, or merge the applied configuration into it."""
    if not options.field_manager:
        cause = field_errors.required("fieldManager", "is required for apply patch")
        raise refusals.invalid_options("PatchOptions", [cause])
    applied = parsing.as_kind(call.type, parsing.parse_yaml(call.request.body))
    applied["metadata"] = {**(applied.get("metadata") or {}), "name": call.target.name}
    existing = state.store.storage(call.type.storage_name).entries.get(call.target.key)
    if existing is None:
        return _create(state, call, options, applied)
    return _merge(state, call, options, applied, existing)


def _create(state: State, call: Call, options: WriteOptions, applied: Object) -> Answer:
    if call.target.subresource:
        raise refusals.not_found(call.type, call.target.name)
    new = bodies.patched(state, call, options, applied)
    check_namespace(call.target, new)
    body = store_new(state, call, new, options)
    _remember(state, call, options, applied)
    return Answer(201, body)


def _merge(state: State, call: Call, options: WriteOptions, applied: Object, existing: Entry) -> Answer:
    uid = existing.decoded["metadata"]["uid"]
    me = _manager(call, options)
    owners = {owner[1]: config for owner, config in state.applied.items() if owner[0] == uid}
    others = [config for manager, config in owners.items() if manager != me]
    root = _root(state, call)
    if not options.force:
        _refuse_conflicts(root, existing.decoded, applied, owners, me)
    live = to_served(call.type, existing.copy())
    previous = state.applied.get((uid, me))
    if previous is not None:
        live = without(root, live, previous, [applied, *others])
    new = bodies.patched(state, call, options, joined(root, live, applied))
    check_namespace(call.target, new)
    body = store_update(state, call, existing, new, options)
    _remember(state, call, options, applied)
    return Answer(200, body)


def _manager(call: Call, options: WriteOptions) -> str:
    """Who applies: what somebody applies to a subresource takes nothing of what he applied to the object away."""
    subresource = call.target.subresource
    return f'{options.field_manager}" with subresource "{subresource}' if subresource else options.field_manager


def _refuse_conflicts(
    root: Typed, live: Mapping[str, Any], applied: Object, owners: Mapping[str, Any], manager: str
) -> None:
    causes = [
        Cause("FieldManagerConflict", f'conflict with "{owner}"', path)
        for owner, config in owners.items()
        if owner != manager
        for path in conflicts(root, (live, applied, config), "")
    ]
    if causes:
        listed = "\n".join(f"- {cause.message}: {cause.field}" for cause in causes)
        told = f" conflict: {causes[0].message}: {causes[0].field}" if len(causes) == 1 else f" conflicts:\n{listed}"
        raise Conflict(409, "Conflict", f"Apply failed with {len(causes)}{told}", causes=causes)


def _remember(state: State, call: Call, options: WriteOptions, applied: Object) -> None:
    entry = state.store.storage(call.type.storage_name).entries.get(call.target.key)
    if entry is not None and not options.dry_run:
        state.applied[entry.decoded["metadata"]["uid"], _manager(call, options)] = applied


def _root(state: State, call: Call) -> Typed:
    if call.type.custom:
        return state.custom(call.type).schema
    return type_of(call.type.group, call.type.version, call.type.kind)
