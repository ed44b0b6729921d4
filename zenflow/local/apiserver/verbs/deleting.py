"""Delete and deletecollection: preconditions, grace periods, finalizers, and what becomes of dependents.

Nothing is collected here: the foreground and orphan finalizers are set, and the garbage collector lifts them.
"""

from datetime import timedelta
from typing import Any

import msgspec

from zenflow.local import aftermath, decoding, refusals
from zenflow.local.admission import Operation, Phase
from zenflow.local.builtins import NAMESPACES, PODS
from zenflow.local.core import Call, Core
from zenflow.local.kinds.strategy import Frozen, Object
from zenflow.local.options import DeleteOptions, delete_options, list_options
from zenflow.local.registry import ResourceType
from zenflow.local.representation import rendered, rendered_list
from zenflow.local.routes import Target
from zenflow.local.store import Entry
from zenflow.local.watching import Selection
from zenflow.local.writing import Outcome, is_finished

_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_PERMANENT_NAMESPACES = ("default", "kube-system", "kube-public")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def delete(core: Core, call: Call) -> Outcome:
    """DELETE of one object: a Status once it is gone, the object while it is going."""
    options = _options(call)
    old = core.entry(call.target)
    left = _delete(core, call, call.target, old, options)
    if left is not None:
        return Outcome(200, rendered(call.type, left))
    details = {**refusals.about(call.type, call.target.name), "uid": old.decoded["metadata"]["uid"]}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return Outcome(200, msgspec.json.encode(status))


def delete_collection(core: Core, call: Call) -> Outcome:
    """DELETE of a collection: the list of what was deleted, as it was."""
    options, listed = _options(call), list_options(call.request)
    selection = Selection(call.target.prefix, core.selector(call.type, listed.labels, listed.fields))
    storage = core.store.storage(call.type.storage_name)
    chosen = [entry for entry in storage.prefixed(selection.prefix) if selection.includes(entry)]
    chosen = chosen[: listed.limit or None]
    version = core.store.version
    body = rendered_list(call.type, chosen, version)
    for entry in chosen:
        _delete(core, call, _target(call.type, entry), entry, options)
    return Outcome(200, body)


def _target(type_: ResourceType, entry: Entry) -> Target:
    meta = entry.decoded["metadata"]
    return Target(type_, meta.get("namespace", ""), meta["name"])


def _options(call: Call) -> DeleteOptions:
    body = call.request.body
    value = decoding.parse_body(body, call.request.content_type) if body else {}
    if not isinstance(value, dict):
        raise refusals.bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
    return delete_options(call.request, value)


def _delete(core: Core, call: Call, target: Target, old: Entry, options: DeleteOptions) -> Entry | None:
    """Delete, or begin to. What is left of the object to show, None if nothing is."""
    _check_preconditions(target, old.decoded["metadata"], options)
    one = Call(call.request, target, call.user, call.warnings)
    core.admit(one, Phase.MUTATING, Operation.DELETE, None, old.decoded, dry_run=bool(options.dry_run))
    core.admit(one, Phase.VALIDATING, Operation.DELETE, None, old.decoded, dry_run=bool(options.dry_run))
    if target.type is NAMESPACES:
        return _delete_namespace(core, call, target, old, options)
    new = old.copy()
    _begin(core, target.type, new, old.decoded, options)
    if not is_finished(new["metadata"]):
        return _store(core, target.type, old, new, options)
    graceful = target.type is PODS
    if not options.dry_run:
        aftermath.remove(core, target.type, old.key, new if graceful else None)
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


def _begin(core: Core, type_: ResourceType, new: Object, old: Frozen, options: DeleteOptions) -> None:
    """Mark the object as being deleted; a second delete may only shorten what the first one granted."""
    meta = new["metadata"]
    finalizers = _finalizers(core, type_, old["metadata"], options)
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    grace = core.strategy(type_).grace_period(old, options.grace_period_seconds)
    if "deletionTimestamp" in meta and grace >= meta.get("deletionGracePeriodSeconds", 0):
        return
    if "deletionTimestamp" not in meta and meta.get("generation"):
        meta["generation"] += 1
    meta["deletionTimestamp"] = (core.clock.now() + timedelta(seconds=grace)).strftime(_TIME)
    meta["deletionGracePeriodSeconds"] = grace


def _finalizers(core: Core, type_: ResourceType, meta: Frozen, options: DeleteOptions) -> list[str]:
    given = list(meta.get("finalizers") or ())
    propagation = options.propagation
    if not propagation:
        if not core.strategy(type_).orphans_dependents or _FOREGROUND in given:
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


def _store(core: Core, type_: ResourceType, old: Entry, new: Object, options: DeleteOptions) -> Entry:
    if new == old.decoded:
        return old
    if options.dry_run:
        return Entry(old.key, old.version, new)
    return core.store.put(type_.storage_name, old.key, new)


def _delete_namespace(core: Core, call: Call, target: Target, old: Entry, options: DeleteOptions) -> Entry:
    """A namespace goes when the last object in it has gone; all of them are deleted now."""
    if target.name in _PERMANENT_NAMESPACES:
        raise refusals.forbidden(target.type, target.name, "this namespace may not be deleted")
    new: dict[str, Any] = old.copy()
    new["metadata"].setdefault("deletionTimestamp", core.now())
    new["status"]["phase"] = "Terminating"
    left = _store(core, target.type, old, new, options)
    if not options.dry_run:
        for type_, entry in core.entries_in(target.name):
            one = Target(type_, target.name, entry.decoded["metadata"]["name"])
            _delete(core, call, one, entry, DeleteOptions(propagation_policy="Background"))
        aftermath.remove_if_empty(core, target.name)
    return left
