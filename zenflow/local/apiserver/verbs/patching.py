"""PATCH: the four kinds of patch, each applied to the object as it is now and then written as an update."""

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.kinds.strategy import Object
from zenflow.local.apiserver.patches import json_patch, strategic
from zenflow.local.apiserver.requests import parsing
from zenflow.local.apiserver.requests.options import WriteOptions, write_options
from zenflow.local.apiserver.schemas.builtin import type_of
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import to_served
from zenflow.local.apiserver.verbs import apply, bodies
from zenflow.local.apiserver.verbs.create_update import Answer, store_update
from zenflow.runtime.transport import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH

_KINDS = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)
_CUSTOM_KINDS = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)


def patch(state: State, call: Call) -> Answer:
    """PATCH of one object."""
    kind = parsing.media_type(call.request.content_type)
    if call.type.custom and kind not in _CUSTOM_KINDS:
        raise refusals.unsupported_media_type(_CUSTOM_KINDS)
    if kind not in _KINDS:
        raise refusals.unknown_patch_type()
    options = write_options(call.request, "PatchOptions")
    if kind == APPLY_PATCH:
        return apply.apply(state, call, options)
    change = _change(call)
    old = state.entry(call.target)
    value = _patched(call, kind, to_served(call.type, old.copy()), change)
    return Answer(200, _store(state, call, value, options))


def _change(call: Call) -> object:
    try:
        return parsing.decode_json(call.request.body)
    except parsing.NotJson:
        raise refusals.bad_request("invalid JSON patch") from None


def _patched(call: Call, kind: str, target: Object, value: object) -> object:
    if kind == JSON_PATCH:
        return json_patch.apply_operations(target, value)
    if not isinstance(value, dict):
        raise refusals.bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    if kind == MERGE_PATCH:
        return json_patch.merge(target, value)
    return strategic.merge(type_of(call.type.group, call.type.version, call.type.kind), target, value)


def _store(state: State, call: Call, value: object, options: WriteOptions) -> bytes:
    new = bodies.patched(state, call, options, value)
    name, namespace = new["metadata"].get("name", ""), new["metadata"].get("namespace", "")
    if name != call.target.name:
        raise refusals.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.target.name})"
        )
    if namespace != call.target.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return store_update(state, call, state.entry(call.target), new, options)
