"""Delete and deletecollection: preconditions, grace periods, finalizers, and what becomes of dependents.

Nothing is collected here: the foreground and orphan finalizers are set, and the garbage collector lifts them.
"""

from datetime import timedelta
from typing import Any

import msgspec

from zenflow.local.apiserver.admission import Operation, Phase
from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.kinds.catalog import NAMESPACES, PODS
from zenflow.local.apiserver.kinds.strategy import Frozen, Object
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.requests import parsing
from zenflow.local.apiserver.requests.options import DeleteOptions, delete_options, list_options
from zenflow.local.apiserver.requests.routes import Target
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import rendered, rendered_list
from zenflow.local.apiserver.storage.store import Entry
from zenflow.local.apiserver.storage.watching import Selection
from zenflow.local.apiserver.verbs import consequences
from zenflow.local.apiserver.verbs.create_update import Answer, is_finished

_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_PERMANENT_NAMESPACES = ("default", "kube-system", "kube-public")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def delete(state: State, call: Call) -> Answer:
    """DELETE of one object: a Status once it is gone, the object while it is going."""
    options = _options(call)
    old = state.entry(call.target)
    left = _delete(state, call, call.target, old, options)
    if left is not None:
        return Answer(200, rendered(call.type, left))
    details = {**refusals.about(call.type, call.target.name), "uid": old.decoded["metadata"]["uid"]}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return Answer(200, msgspec.json.encode(status))


def delete_collection(state: State, call: Call) -> Answer:
    """DELETE of a collection: the list of what was deleted, as it was."""
    options, listed = _options(call), list_options(call.request)
    selection = Selection(call.target.prefix, state.selector(call.type, listed.labels, listed.fields))
    storage = state.store.storage(call.type.storage_name)
    chosen = [entry for entry in storage.prefixed(selection.prefix) if selection.includes(entry)]
    chosen = chosen[: listed.limit or None]
    version = state.store.version
    body = rendered_list(call.type, chosen, version)
    for entry in chosen:
        _delete(state, call, _target(call.type, entry), entry, options)
    return Answer(200, body)


def _target(type_: ResourceType, entry: Entry) -> Target:
    meta = entry.decoded["metadata"]
    return Target(type_, meta.get("namespace", ""), meta["name"])


def _options(call: Call) -> DeleteOptions:
    body = call.request.body
    value = parsing.parse_body(body, call.request.content_type) if body else {}
    if not isinstance(value, dict):
        raise refusals.bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
    return delete_options(call.request, value)


def _delete(state: State, call: Call, target: Target, old: Entry, options: DeleteOptions) -> Entry | None:
    """Delete, or begin to. What is left of the object to show, None if nothing is."""
    _check_preconditions(target, old.decoded["metadata"], options)
    one = Call(call.request, target, call.user, call.warnings)
    state.admit(one, Phase.MUTATING, Operation.DELETE, None, old.decoded, dry_run=bool(options.dry_run))
    state.admit(one, Phase.VALIDATING, Operation.DELETE, None, old.decoded, dry_run=bool(options.dry_run))
    if target.type is NAMESPACES:
        return _delete_namespace(state, call, target, old, options)
    new = old.copy()
    _begin(state, target.type, new, old.decoded, options)
    if not is_finished(new["metadata"]):
        return _store(state, target.type, old, new, options)
    graceful = target.type is PODS
    if graceful:
        _store(state, target.type, old, new, options)  # watchers see that it is being deleted before it has gone
    if not options.dry_run:
        consequences.remove(state, target.type, old.key, new if graceful else None)
    return Entry(old.key, old.version, new) if graceful else None


def _check_preconditions(target: Target, meta: Frozen, options: DeleteOptions) -> None:
    asked = options.preconditions
    if asked is None:
        return
    for name, wanted, found, then in (
        ("UID", asked.uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", asked.resource_version, meta["resourceVersion"], "modified"),
    ):
        if wanted is not None and wanted != found:
            why = (
                f"the {name} in the precondition ({wanted}) does not match the {name} in record ({found}). "
                f"The object might have been {then}"
            )
            raise refusals.precondition_failed(target.type, target.name, why)


def _begin(state: State, type_: ResourceType, new: Object, old: Frozen, options: DeleteOptions) -> None:
    """Mark the object as being deleted; a second delete may only shorten what the first one granted."""
    meta = new["metadata"]
    finalizers = _finalizers(state, type_, old["metadata"], options)
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    grace = state.strategy(type_).grace_period(old, options.grace_period_seconds)
    if "deletionTimestamp" in meta and grace >= meta.get("deletionGracePeriodSeconds", 0):
        return
    if "deletionTimestamp" not in meta and meta.get("generation"):
        meta["generation"] += 1
    meta["deletionTimestamp"] = (state.clock.now() + timedelta(seconds=grace)).strftime(_TIME)
    meta["deletionGracePeriodSeconds"] = grace


def _finalizers(state: State, type_: ResourceType, meta: Frozen, options: DeleteOptions) -> list[str]:
    given = list(meta.get("finalizers") or ())
    propagation = options.propagation
    if not propagation:
        if not state.strategy(type_).orphans_dependents or _FOREGROUND in given:
            return given
        propagation = "Orphan"
    kept = [name for name in given if name not in (_ORPHAN, _FOREGROUND)]
    match propagation:
        case "Orphan":
            return [*kept, _ORPHAN]
        case "Foreground":
            return [*kept, _FOREGROUND]
        case _:
            return kept


def _store(state: State, type_: ResourceType, old: Entry, new: Object, options: DeleteOptions) -> Entry:
    if new == old.decoded:
        return old
    if options.dry_run:
        return Entry(old.key, old.version, new)
    return state.store.put(type_.storage_name, old.key, new)


def _delete_namespace(state: State, call: Call, target: Target, old: Entry, options: DeleteOptions) -> Entry:
    """A namespace goes when the last object in it has gone; all of them are deleted now."""
    if target.name in _PERMANENT_NAMESPACES:
        raise refusals.forbidden(target.type, target.name, "this namespace may not be deleted")
    new: dict[str, Any] = old.copy()
    new["metadata"].setdefault("deletionTimestamp", state.now())
    new["status"]["phase"] = "Terminating"
    left = _store(state, target.type, old, new, options)
    if not options.dry_run:
        for type_, entry in state.entries_in(target.name):
            one = Target(type_, target.name, entry.decoded["metadata"]["name"])
            _delete(state, call, one, entry, DeleteOptions(propagation_policy="Background"))
        consequences.remove_if_empty(state, target.name)
    return left
