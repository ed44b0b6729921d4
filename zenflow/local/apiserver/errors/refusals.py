"""Every refusal of the embedded API server, as the error its callers would see from the real one.

The rooms of `local` raise these; the API server turns them into a meta/v1 Status, and a Transport
hands that to `runtime.errors.from_status`, which makes the same error of it again.
"""

from collections.abc import Sequence
from typing import Any

from zenflow.local.apiserver.registry import ResourceType
from zenflow.runtime import errors
from zenflow.runtime.errors import ApiError, Cause

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
_EMPTY_DETAILS = (404, 405, 422)
_UNKNOWN_PATCH = "415: Unsupported Media Type"


def status_of(error: ApiError) -> dict[str, Any]:
    """The meta/v1 Status that says this."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
    }
    if error.reason:
        status["reason"] = error.reason
    details = dict(error.details)
    if error.causes:
        details["causes"] = [_cause(cause) for cause in error.causes]
    if error.retry_after:
        details["retryAfterSeconds"] = int(error.retry_after)
    if details or error.status in _EMPTY_DETAILS or error.message == _UNKNOWN_PATCH:
        status["details"] = details
    status["code"] = error.status
    return status


def _cause(cause: Cause) -> dict[str, str]:
    given = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return {key: value for key, value in given.items() if value}


def _details(name: str, group: str, kind: str) -> dict[str, Any]:
    given = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in given.items() if value}


def about(type_: ResourceType, name: str) -> dict[str, Any]:
    """The `details` that name an object."""
    return _details(name, type_.group, type_.plural)


def bad_request(message: str) -> ApiError:
    """400: the request makes no sense."""
    return errors.BadRequest(400, "BadRequest", message)


def undecodable(type_: ResourceType, problem: str) -> ApiError:
    """400: the body is no object of this kind."""
    return bad_request(f'{type_.kind} in version "{type_.version}" cannot be handled as a {type_.kind}: {problem}')


def unknown_path() -> ApiError:
    """404: there is no such resource."""
    return errors.NotFound(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    """405: the resource does not know this verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def not_found(type_: ResourceType, name: str) -> ApiError:
    """404: there is no such object."""
    return errors.NotFound(404, "NotFound", f'{type_.qualified} "{name}" not found', details=about(type_, name))


def already_exists(type_: ResourceType, name: str, *, going: bool = False) -> ApiError:
    """409: there is such an object; `going` says that it is being deleted."""
    message = f'{"object is being deleted: " if going else ""}{type_.qualified} "{name}" already exists'
    return errors.AlreadyExists(409, "AlreadyExists", message, details=about(type_, name))


def conflict(type_: ResourceType, name: str, why: str = MODIFIED) -> ApiError:
    """409: the object is not what the writer thinks it is."""
    message = f'Operation cannot be fulfilled on {type_.qualified} "{name}": {why}'
    return errors.Conflict(409, "Conflict", message, details=about(type_, name))


def precondition_failed(type_: ResourceType, name: str, why: str) -> ApiError:
    """409: a precondition of a delete does not hold. (The real server names the kind here, not the resource.)"""
    message = f'Operation cannot be fulfilled on {type_.qualified_kind} "{name}": {why}'
    return errors.Conflict(409, "Conflict", message, details=_details(name, type_.group, type_.kind))


def forbidden(type_: ResourceType, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
    """403."""
    message = f'{type_.qualified} "{name}" is forbidden: {why}'
    return errors.Forbidden(403, "Forbidden", message, details=about(type_, name), causes=causes)


def expired(message: str, continue_token: str = "") -> ApiError:
    """410: that version is no longer in the history."""
    details = {"continue": continue_token} if continue_token else {}
    return errors.Expired(410, "Expired", message, details=details)


def too_large_version(asked: int, current: int) -> ApiError:
    """504: a version from the future (of this server)."""
    return errors.ServerFault(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        causes=[Cause("ResourceVersionTooLarge", "Too large resource version", "")],
        retry_after=1.0,
    )


def unknown_patch_type() -> ApiError:
    """415: a patch in a format that no resource takes."""
    return ApiError(415, "UnsupportedMediaType", _UNKNOWN_PATCH)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415: a body in a format that is not read here."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiError(415, "UnsupportedMediaType", message)


def internal(message: str) -> ApiError:
    """500, without a reason, as the real server has it for some malformed versions."""
    return errors.ServerFault(500, "", message)


def invalid(type_: ResourceType, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: everything that is wrong with an object, at once."""
    # What is stored as a core object is validated, and refused, as one.
    group = "" if type_.storage else type_.group
    return invalid_kind(group, type_.kind, name, causes)


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    """422: the options of a request (`CreateOptions`, `ListOptions`, ...) are wrong."""
    return invalid_kind("meta.k8s.io", kind, "", causes)


def invalid_kind(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 for any kind. One problem stands alone, several in brackets; equal ones once."""
    causes = list(dict.fromkeys(causes))
    problems = [f"{cause.field}: {cause.message}" for cause in causes]
    told = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
    qualified = f"{kind}.{group}" if group else kind
    message = f'{qualified} "{name}" is invalid: {told}'
    return errors.Invalid(422, "Invalid", message, causes=causes, details=_details(name, group, kind))


def rejected_patch() -> ApiError:
    """422: a JSON patch that does not fit the object. (The real server keeps the reason in its log.)"""
    return errors.Invalid(422, "Invalid", "the server rejected our request due to an error in our request")
