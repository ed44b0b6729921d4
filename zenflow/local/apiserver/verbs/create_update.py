"""Create and update, in kube-apiserver's order: decode, default, admit, prepare, validate, admit, compare, store."""

from dataclasses import dataclass
from typing import Any

from zenflow.local.apiserver.admission import Operation, Phase
from zenflow.local.apiserver.errors import field_errors, refusals
from zenflow.local.apiserver.kinds import metadata
from zenflow.local.apiserver.kinds.catalog import ACCESS_REVIEWS
from zenflow.local.apiserver.kinds.strategy import Frozen, Object
from zenflow.local.apiserver.requests.options import WriteOptions, write_options
from zenflow.local.apiserver.requests.routes import Target
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import rendered
from zenflow.local.apiserver.storage.store import Entry, ObjectTooLarge, object_key
from zenflow.local.apiserver.verbs import bodies, consequences
from zenflow.runtime.errors import Cause


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb answers."""

    status: int
    body: bytes


def create(state: State, call: Call) -> Answer:
    """POST to a collection."""
    options = write_options(call.request, "CreateOptions")
    new = bodies.decoded(state, call, options)
    check_namespace(call.target, new)
    return Answer(201, store_new(state, call, new, options))


def check_namespace(target: Target, new: Object) -> None:
    """The namespace of the body is the path's, or left out. Raises 400."""
    given = new["metadata"].get("namespace", "")
    if given and given != target.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.namespace:
        new["metadata"]["namespace"] = target.namespace


def store_new(state: State, call: Call, new: Object, options: WriteOptions) -> bytes:
    """Everything after decoding; the created object."""
    type_, strategy = call.type, state.strategy(call.type)
    if new["metadata"].pop("resourceVersion", "") not in ("", "0"):
        raise refusals.internal("resourceVersion should not be set on objects to be created")
    strategy.default(new)
    consequences.require_namespace(state, call.target, str(new["metadata"].get("name", "")))
    admitted = state.admit(call, Phase.MUTATING, Operation.CREATE, new, None, dry_run=options.dry_run)
    new = _readmitted(state, call, new, admitted)
    metadata.fill_in(new["metadata"], state.uid(), state.now())
    found = metadata.problems(new["metadata"], strategy.name_rule) if type_ is not ACCESS_REVIEWS else []
    if strategy.standard_finalizers:
        found += metadata.standard_finalizer_problems(new["metadata"])
    strategy.prepare_for_create(new)
    if strategy.counts_generation:
        new["metadata"]["generation"] = 1
    _refuse(call, new, found + strategy.problems(new))
    state.admit(call, Phase.VALIDATING, Operation.CREATE, new, None, dry_run=options.dry_run)
    return _store_new(state, call, new, options)


def _store_new(state: State, call: Call, new: Object, options: WriteOptions) -> bytes:
    if call.type is ACCESS_REVIEWS:
        answer = {**new, "metadata": {}, "status": {"allowed": True}}
        return rendered(call.type, Entry("", 0, answer))
    name = new["metadata"]["name"]
    key = object_key(call.target.namespace, name)
    known = state.store.storage(call.type.storage_name).entries.get(key)
    if known is not None:
        raise refusals.already_exists(call.type, name, going="deletionTimestamp" in known.decoded["metadata"])
    if options.dry_run:
        return rendered(call.type, Entry(key, 0, new))
    entry = _put(state, call, key, new)
    consequences.written(state, call.type, entry)
    return rendered(call.type, entry)


def _put(state: State, call: Call, key: str, new: Object) -> Entry:
    try:
        return state.store.put(call.type.storage_name, key, new)
    except ObjectTooLarge:
        raise refusals.internal("etcdserver: request is too large") from None


def _readmitted(state: State, call: Call, new: Object, admitted: Object | None) -> Object:
    """What a plug-in changed is defaulted again."""
    if admitted is None or admitted is new:
        return new
    state.strategy(call.type).default(admitted)
    return admitted


def _refuse(call: Call, new: Object, found: list[Cause]) -> None:
    if found:
        raise refusals.invalid(call.type, new["metadata"].get("name", ""), found)


def update(state: State, call: Call) -> Answer:
    """PUT."""
    options = write_options(call.request, "UpdateOptions")
    new = bodies.decoded(state, call, options)
    _check_name(call.target, new)
    old = state.store.storage(call.type.storage_name).entries.get(call.target.key)
    if old is None:
        return _create_on_update(state, call, new, options)
    _check_uid(call, new, old.decoded["metadata"]["uid"])
    return Answer(200, store_update(state, call, old, new, options))


def _create_on_update(state: State, call: Call, new: Object, options: WriteOptions) -> Answer:
    if call.target.subresource or not state.strategy(call.type).create_on_update:
        raise refusals.not_found(call.type, call.target.name)
    _check_uid(call, new, "")
    check_namespace(call.target, new)
    new["metadata"].pop("resourceVersion", None)
    return Answer(201, store_new(state, call, new, options))


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


def store_update(state: State, call: Call, old: Entry, new: Object, options: WriteOptions) -> bytes:
    """Everything after decoding; the updated object. Nothing is written where nothing changed."""
    strategy, before = state.strategy(call.type), old.decoded
    metadata.carry_over(new["metadata"], before["metadata"])
    strategy.default(new)
    admitted = state.admit(call, Phase.MUTATING, Operation.UPDATE, new, before, dry_run=options.dry_run)
    new = _readmitted(state, call, new, admitted)
    _check_version(state, call, old, new)
    if call.target.subresource == "status":
        found = _prepare_status(state, call, new, before)
    else:
        found = _prepare(state, call, new, before)
    _refuse(call, new, found)
    state.admit(call, Phase.VALIDATING, Operation.UPDATE, new, before, dry_run=options.dry_run)
    return _store_update(state, call, old, new, options)


def _prepare(state: State, call: Call, new: Object, before: Frozen) -> list[Cause]:
    strategy = state.strategy(call.type)
    strategy.prepare_for_update(new, before)
    if strategy.counts_generation and strategy.spec_changed(new, before):
        new["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
    found = metadata.update_problems(new["metadata"], before["metadata"])
    if strategy.standard_finalizers:
        found += metadata.standard_finalizer_problems(new["metadata"])
    return found + strategy.update_problems(new, before)


def _prepare_status(state: State, call: Call, new: Object, before: Frozen) -> list[Cause]:
    strategy = state.strategy(call.type)
    strategy.prepare_status_update(new, before)
    if strategy.status_keeps_metadata:
        new["metadata"] = dict(before["metadata"])
    return metadata.update_problems(new["metadata"], before["metadata"]) + strategy.status_problems(new, before)


def _check_version(state: State, call: Call, old: Entry, new: Object) -> None:
    asked = new["metadata"].get("resourceVersion", "")
    if asked in ("", "0"):
        if not state.strategy(call.type).unconditional_update:
            cause = field_errors.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise refusals.invalid_kind(call.type.group, call.type.plural, call.target.name, [cause])
    elif not asked.isdigit():
        raise refusals.internal(f'strconv.ParseUint: parsing "{asked}": invalid syntax')
    elif int(asked) != old.version:
        raise refusals.conflict(call.type, call.target.name)


def _store_update(state: State, call: Call, old: Entry, new: Object, options: WriteOptions) -> bytes:
    new["metadata"]["resourceVersion"] = str(old.version)
    if new == old.decoded:
        return rendered(call.type, old)
    if options.dry_run:
        return rendered(call.type, Entry(old.key, old.version, new))
    if is_finished(new["metadata"]):
        consequences.remove(state, call.type, old.key)
        return rendered(call.type, Entry(old.key, old.version, new))
    entry = _put(state, call, old.key, new)
    consequences.written(state, call.type, entry)
    return rendered(call.type, entry)


def is_finished(meta: dict[str, Any]) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    deleting = "deletionTimestamp" in meta and not meta.get("deletionGracePeriodSeconds")
    return deleting and not meta.get("finalizers")
