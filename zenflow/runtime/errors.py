"""Everything that can go wrong between us and an API server.

RuntimeFault
├── Unreachable            no answer: the request may or may not have been carried out
├── AnswerTooLarge         an answer larger than was wanted; ask for less
├── StreamEnded            the server closed a watch; open it again from the last version
│   └── StreamSilent       a watch said nothing for longer than the inactivity limit
├── Undecodable            an object is not of the shape we read; the others around it are fine
├── Garbled                a line of a watch does not even say which object it is about
├── LeaseLost              another replica leads, or may: this process must stop
├── Unconfigured           nothing says where the API server is, or it cannot be read
└── ApiError               the server answered with a Status (code, reason, message)
    ├── BadRequest 400     ├── Unauthorized 401   ├── Forbidden 403 (`is_quota`)
    ├── NotFound 404       ├── AlreadyExists 409  ├── Conflict 409
    ├── Expired 410        ├── Invalid 422        ├── TooManyRequests 429 (`retry_after`)
    └── ServerFault 5xx
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec


class RuntimeFault(Exception):
    """Root of the tree."""


class Unreachable(RuntimeFault):
    """No answer came. Whoever sees it must find out whether the request was carried out."""


class AnswerTooLarge(RuntimeFault):
    """The answer to a read was given up, so as not to hold all of it in memory."""


class StreamEnded(RuntimeFault):
    """The server closed the watch, as it does every few minutes."""


class StreamSilent(StreamEnded):
    """Nothing, not even a bookmark, within the inactivity limit."""


class Undecodable(RuntimeFault):
    """One object that our types refuse. `remains`, if not None, is what could be read of it, as the decoder's type."""

    def __init__(self, message: str, *, remains: Any = None) -> None:
        super().__init__(message)
        self.remains = remains


class Garbled(RuntimeFault):
    """A line of a watch that names no object. Nobody knows what it would have told: read it again, or list anew."""


class LeaseLost(RuntimeFault):
    """The Lease is held by another, or could not be renewed in time."""


class Unconfigured(RuntimeFault):
    """No usable kubeconfig, and not in a Pod."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes` in a Status."""

    reason: str
    message: str
    field: str


class ApiError(RuntimeFault):
    """The API server refused. Fields are those of the meta/v1 Status it sent."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = tuple(causes)
        self.retry_after = retry_after
        self.details = dict(details or {})


class BadRequest(ApiError):
    """400."""


class Unauthorized(ApiError):
    """401: credentials missing or expired."""


class Forbidden(ApiError):
    """403: RBAC, an admission plug-in, Pod Security, or quota."""

    @property
    def is_quota(self) -> bool:
        """Whether a ResourceQuota refused (the API server says so only in its message)."""
        return "exceeded quota" in self.message


class NotFound(ApiError):
    """404."""


class AlreadyExists(ApiError):
    """409 with reason AlreadyExists."""


class Conflict(ApiError):
    """409: the resourceVersion or a precondition did not match."""


class Expired(ApiError):
    """410: that resourceVersion or continue token is too old."""


class Invalid(ApiError):
    """422: the object itself is wrong."""


class TooManyRequests(ApiError):
    """429: wait `retry_after` seconds."""


class ServerFault(ApiError):
    """5xx."""


# Codes and seconds beyond this are nobody's.
_LARGEST = 1_000_000
# Seconds that anything waits because a server asked for it: whoever says "a year" may be wrong.
LONGEST_RETRY_AFTER = 300.0

_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(body: Mapping[str, Any], *, retry_after: float | None = None) -> ApiError:
    """The narrowest error for a decoded meta/v1 Status; parts of it that are of another shape count as absent."""
    code = _number(body.get("code")) or 500
    reason = str(body.get("reason") or "")
    kind = _BY_STATUS.get(code, ServerFault if code >= 500 else ApiError)
    if code == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    details = body.get("details")
    details = details if isinstance(details, Mapping) else {}
    causes = details.get("causes")
    if retry_after is None and (seconds := _number(details.get("retryAfterSeconds"))):
        retry_after = min(float(seconds), LONGEST_RETRY_AFTER)
    return kind(
        code,
        reason,
        str(body.get("message") or reason or code),
        causes=[_cause(each) for each in causes if isinstance(each, Mapping)] if isinstance(causes, list) else (),
        retry_after=retry_after,
        details=details,
    )


def _number(value: Any) -> int:
    """A count or code of a Status; 0 for anything that is none."""
    return value if isinstance(value, int) and 0 <= value < _LARGEST else 0


def _cause(each: Mapping[str, Any]) -> Cause:
    return Cause(str(each.get("reason") or ""), str(each.get("message") or ""), str(each.get("field") or ""))


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for a refusal as it came over the wire; a body that is no Status (a proxy's page) is the message."""
    try:
        decoded = msgspec.json.decode(body)
    except Exception:  # a proxy's page, or worse: then the text is all there is
        decoded = None
    if not isinstance(decoded, dict) or decoded.get("kind") != "Status":
        decoded = {"message": body[:1024].decode(errors="replace").strip()}
    return from_status({**decoded, "code": status}, retry_after=_seconds(headers.get("retry-after", "")))


def _seconds(header: str) -> float | None:
    """Retry-After in its seconds form, the only one API servers send."""
    return min(float(header[:20]), LONGEST_RETRY_AFTER) if header.isdecimal() else None
