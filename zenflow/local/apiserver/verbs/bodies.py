"""The body of a write, decoded as far as `fieldValidation` wants it: unknown fields refused, warned of or ignored."""

from typing import Any

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.errors.field_errors import shown
from zenflow.local.apiserver.kinds.strategy import Object
from zenflow.local.apiserver.requests import parsing
from zenflow.local.apiserver.requests.options import WriteOptions
from zenflow.local.apiserver.schemas import decoding
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import arranged, to_stored
from zenflow.runtime.errors import BadRequest, Cause


def decoded(state: State, call: Call, options: WriteOptions) -> Object:
    """The object in the request's body, in its stored version. Raises 400 and 415."""
    value = parsing.parse_object(call.type, call.request.body, call.request.content_type)
    repeated = parsing.duplicate_fields(call.request.body) if options.field_validation == "Strict" else []
    unknown: list[str] = []
    try:
        stored = _stored(state, call, value, unknown)
    except decoding.WrongType as wrong:
        raise refusals.undecodable(call.type, str(wrong)) from None
    complaints = _complaints(repeated, unknown)
    if complaints and options.field_validation == "Strict":
        raise refusals.undecodable(call.type, f"strict decoding error: {', '.join(complaints)}")
    if options.field_validation != "Ignore":
        call.warnings += complaints
    return stored


def patched(state: State, call: Call, options: WriteOptions, value: Any) -> Object:
    """The same for what a patch made of an object. What does not fit is the patch's fault: 422."""
    unknown: list[str] = []
    try:
        stored = _stored(state, call, parsing.as_kind(call.type, value), unknown)
    except BadRequest as wrong:
        raise _bad_patch(value, wrong.message) from None
    except decoding.WrongType as wrong:
        raise _bad_patch(value, str(wrong)) from None
    complaints = _complaints([], unknown)
    if complaints and options.field_validation == "Strict":
        raise _bad_patch(value, f"strict decoding error: {', '.join(complaints)}")
    if options.field_validation != "Ignore":
        call.warnings += complaints
    return stored


def _bad_patch(value: Any, why: str) -> Exception:
    cause = Cause("FieldValueInvalid", f"Invalid value: {shown(shown(value))}: {why}", "patch")
    return refusals.invalid_kind("", "", "", [cause])


def _stored(state: State, call: Call, value: Object, unknown: list[str]) -> Object:
    typed = decoding.typed(call.type, value, unknown)
    if call.type.custom:
        state.custom(call.type).prune(typed, unknown)
        unknown.sort()
    typed["metadata"].pop("managedFields", None)
    return arranged(to_stored(call.type, typed))


def _complaints(repeated: list[str], unknown: list[str]) -> list[str]:
    return [f'duplicate field "{path}"' for path in repeated] + [f'unknown field "{path}"' for path in unknown]
