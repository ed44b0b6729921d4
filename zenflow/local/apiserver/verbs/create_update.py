"""Create and update, in kube-apiserver's order: decode, default, admit, prepare, validate, admit, compare, store."""

from dataclasses import dataclass
from typing import Any

from zenflow.local import aftermath, bodies, field_errors, metadata, refusals
from zenflow.local.admission import Operation, Phase
from zenflow.local.builtins import ACCESS_REVIEWS
from zenflow.local.core import Call, Core
from zenflow.local.kinds.strategy import Frozen, Object
from zenflow.local.options import WriteOptions, write_options
from zenflow.local.representation import rendered
from zenflow.local.routes import Target
from zenflow.local.store import Entry, object_key
from zenflow.runtime.errors import Cause


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb answers."""

    status: int
    body: bytes


def create(core: Core, call: Call) -> Outcome:
    """POST to a collection."""
    options = write_options(call.request, "CreateOptions")
    new = bodies.decoded(core, call, options)
    check_namespace(call.target, new)
    return Outcome(201, store_new(core, call, new, options))


def check_namespace(target: Target, new: Object) -> None:
    """The namespace of the body is the path's, or left out. Raises 400."""
    given = new["metadata"].get("namespace", "")
    if given and given != target.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.namespace:
        new["metadata"]["namespace"] = target.namespace


def store_new(core: Core, call: Call, new: Object, options: WriteOptions) -> bytes:
    """Everything after decoding; the created object."""
    type_, strategy = call.type, core.strategy(call.type)
    if new["metadata"].pop("resourceVersion", "") not in ("", "0"):
        raise refusals.internal("resourceVersion should not be set on objects to be created")
    strategy.default(new)
    aftermath.require_namespace(core, call.target, str(new["metadata"].get("name", "")))
    admitted = core.admit(call, Phase.MUTATING, Operation.CREATE, new, None, dry_run=options.dry_run)
    new = _readmitted(core, call, new, admitted)
    metadata.fill_in(new["metadata"], core.uid(), core.now())
    found = metadata.problems(new["metadata"], strategy.name_rule) if type_ is not ACCESS_REVIEWS else []
    if strategy.standard_finalizers:
        found += metadata.standard_finalizer_problems(new["metadata"])
    strategy.prepare_for_create(new)
    if strategy.counts_generation:
        new["metadata"]["generation"] = 1
    _refuse(call, new, found + strategy.problems(new))
    core.admit(call, Phase.VALIDATING, Operation.CREATE, new, None, dry_run=options.dry_run)
    return _store_new(core, call, new, options)


def _store_new(core: Core, call: Call, new: Object, options: WriteOptions) -> bytes:
    if call.type is ACCESS_REVIEWS:
        answer = {**new, "metadata": {}, "status": {"allowed": True}}
        return rendered(call.type, Entry("", 0, answer))
    name = new["metadata"]["name"]
    key = object_key(call.target.namespace, name)
    if key in core.store.storage(call.type.storage_name).entries:
        raise refusals.already_exists(call.type, name)
    if options.dry_run:
        return rendered(call.type, Entry(key, 0, new))
    entry = core.store.put(call.type.storage_name, key, new)
    aftermath.written(core, call.type, entry)
    return rendered(call.type, entry)


def _readmitted(core: Core, call: Call, new: Object, admitted: Object | None) -> Object:
    """What a plug-in changed is defaulted again."""
    if admitted is None or admitted is new:
        return new
    core.strategy(call.type).default(admitted)
    return admitted


def _refuse(call: Call, new: Object, found: list[Cause]) -> None:
    if found:
        raise refusals.invalid(call.type, new["metadata"].get("name", ""), found)


def update(core: Core, call: Call) -> Outcome:
    """PUT."""
    options = write_options(call.request, "UpdateOptions")
    new = bodies.decoded(core, call, options)
    _check_name(call.target, new)
    old = core.store.storage(call.type.storage_name).entries.get(call.target.key)
    if old is None:
        return _create_on_update(core, call, new, options)
    _check_uid(call, new, old.decoded["metadata"]["uid"])
    return Outcome(200, store_update(core, call, old, new, options))


def _create_on_update(core: Core, call: Call, new: Object, options: WriteOptions) -> Outcome:
    if call.target.subresource or not core.strategy(call.type).create_on_update:
        raise refusals.not_found(call.type, call.target.name)
    _check_uid(call, new, "")
    check_namespace(call.target, new)
    new["metadata"].pop("resourceVersion", None)
    return Outcome(201, store_new(core, call, new, options))


def _check_uid(call: Call, new: Object, uid: str) -> None:
    asked = new["metadata"].get("uid")
    if asked and asked != uid:
        why = f"Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}"
        raise refusals.conflict(call.type, call.target.name, why)


def _check_name(target: Target, new: Object) -> None:
    name, namespace = new["metadata"].get("name", ""), new["metadata"].get("namespace", "")
    if not name:
        raise refusals.bad_request(
            f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        )
    if name != target.name:
        raise refusals.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    if namespace and namespace != target.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def store_update(core: Core, call: Call, old: Entry, new: Object, options: WriteOptions) -> bytes:
    """Everything after decoding; the updated object. Nothing is written where nothing changed."""
    strategy, before = core.strategy(call.type), old.decoded
    metadata.carry_over(new["metadata"], before["metadata"])
    strategy.default(new)
    admitted = core.admit(call, Phase.MUTATING, Operation.UPDATE, new, before, dry_run=options.dry_run)
    new = _readmitted(core, call, new, admitted)
    _check_version(core, call, old, new)
    if call.target.subresource == "status":
        found = _prepare_status(core, call, new, before)
    else:
        found = _prepare(core, call, new, before)
    _refuse(call, new, found)
    core.admit(call, Phase.VALIDATING, Operation.UPDATE, new, before, dry_run=options.dry_run)
    return _store_update(core, call, old, new, options)


def _prepare(core: Core, call: Call, new: Object, before: Frozen) -> list[Cause]:
    strategy = core.strategy(call.type)
    strategy.prepare_for_update(new, before)
    if strategy.counts_generation and strategy.spec_changed(new, before):
        new["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
    found = metadata.update_problems(new["metadata"], before["metadata"])
    if strategy.standard_finalizers:
        found += metadata.standard_finalizer_problems(new["metadata"])
    return found + strategy.update_problems(new, before)


def _prepare_status(core: Core, call: Call, new: Object, before: Frozen) -> list[Cause]:
    strategy = core.strategy(call.type)
    strategy.prepare_status_update(new, before)
    if strategy.status_keeps_metadata:
        new["metadata"] = dict(before["metadata"])
    return metadata.update_problems(new["metadata"], before["metadata"]) + strategy.status_problems(new, before)


def _check_version(core: Core, call: Call, old: Entry, new: Object) -> None:
    asked = new["metadata"].get("resourceVersion", "")
    if asked in ("", "0"):
        if not core.strategy(call.type).unconditional_update:
            cause = field_errors.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise refusals.invalid_kind(call.type.group, call.type.plural, call.target.name, [cause])
    elif not asked.isdigit():
        raise refusals.internal(f'strconv.ParseUint: parsing "{asked}": invalid syntax')
    elif int(asked) != old.version:
        raise refusals.conflict(call.type, call.target.name)


def _store_update(core: Core, call: Call, old: Entry, new: Object, options: WriteOptions) -> bytes:
    new["metadata"]["resourceVersion"] = str(old.version)
    if new == old.decoded:
        return rendered(call.type, old)
    if options.dry_run:
        return rendered(call.type, Entry(old.key, old.version, new))
    if is_finished(new["metadata"]):
        aftermath.remove(core, call.type, old.key)
        return rendered(call.type, Entry(old.key, old.version, new))
    entry = core.store.put(call.type.storage_name, old.key, new)
    aftermath.written(core, call.type, entry)
    return rendered(call.type, entry)


def is_finished(meta: dict[str, Any]) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    deleting = "deletionTimestamp" in meta and not meta.get("deletionGracePeriodSeconds")
    return deleting and not meta.get("finalizers")
