"""Everything that can go wrong between us and an API server.

RuntimeFault
├── Unreachable            no answer: the request may or may not have been carried out
├── StreamEnded            the server closed a watch; open it again from the last version
│   └── StreamSilent       a watch said nothing for longer than the inactivity limit
├── Undecodable            an object is not of the shape we read; the others around it are fine
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


class StreamEnded(RuntimeFault):
    """The server closed the watch, as it does every few minutes."""


class StreamSilent(StreamEnded):
    """Nothing, not even a bookmark, within the inactivity limit."""


class Undecodable(RuntimeFault):
    """One object of a list or watch that our types refuse. The cache keeps what it had of it."""


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
    """The narrowest error for a decoded meta/v1 Status (`code`, `reason`, `message`, `details.causes`)."""
    code = int(body.get("code") or 500)
    reason = str(body.get("reason") or "")
    kind = _BY_STATUS.get(code, ServerFault if code >= 500 else ApiError)
    if code == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    details = body.get("details") or {}
    causes = [
        Cause(str(c.get("reason") or ""), str(c.get("message") or ""), str(c.get("field") or ""))
        for c in details.get("causes") or ()
    ]
    if retry_after is None and details.get("retryAfterSeconds"):
        retry_after = float(details["retryAfterSeconds"])
    message = str(body.get("message") or reason or code)
    return kind(code, reason, message, causes=causes, retry_after=retry_after, details=details)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for a refusal as it came over the wire; a body that is no Status (a proxy's page) is the message."""
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = None
    if not isinstance(decoded, dict) or decoded.get("kind") != "Status":
        decoded = {"message": body[:1024].decode(errors="replace").strip()}
    return from_status({**decoded, "code": status}, retry_after=_seconds(headers.get("retry-after", "")))


def _seconds(header: str) -> float | None:
    """Retry-After in its seconds form, the only one API servers send."""
    return float(header) if header.isdecimal() else None
