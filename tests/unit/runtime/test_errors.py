"""The tree of refusals."""

import pytest

from zenflow.runtime import errors
from zenflow.runtime.errors import from_response

STATUS = b'{"kind":"Status","code":%d,"reason":"%s","message":"m","details":{"causes":[{"field":"spec.x"}]}}'


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Expired),
        (410, "Gone", errors.Expired),
        (418, "", errors.ApiError),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerFault),
        (503, "ServiceUnavailable", errors.ServerFault),
    ],
)
def test_each_status_is_its_own_error(code: int, reason: str, kind: type[errors.ApiError]) -> None:
    """Code and reason choose the narrowest class, and the facts of the Status come along."""
    error = from_response(code, {}, STATUS % (code, reason.encode()))
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (code, reason, "m")
    assert error.causes[0].field == "spec.x"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b'"text"', b"[]", b"\xff\xfe", b'{"half":', b"[" * 9_000]
)
def test_an_answer_that_is_no_status_is_an_error_all_the_same(body: bytes) -> None:
    """Proxies answer with pages of their own; the HTTP status decides then."""
    error = from_response(502, {}, body)
    assert isinstance(error, errors.ServerFault)
    assert error.status == 502
    assert str(error)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"retry-after": "7"}, b"{}", 7.0),
        ({}, b'{"retryAfterSeconds":3}', 3.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"{}", None),
        ({}, b"{}", None),
    ],
)
def test_the_wait_that_was_asked_for_is_kept(headers: dict[str, str], details: bytes, seconds: float | None) -> None:
    """From the header, else from the Status."""
    body = b'{"kind":"Status","code":429,"details":%s}' % details
    assert from_response(429, headers, body).retry_after == seconds


@pytest.mark.parametrize(
    "fields",
    [
        b'"details":7',
        b'"details":{"causes":7}',
        b'"details":{"causes":[7]},"reason":{}',
        b'"code":"soon","message":[]',
        b'"details":{"retryAfterSeconds":"soon"}',
        b'"details":{"retryAfterSeconds":-1}',
    ],
)
def test_a_status_of_another_shape_is_an_error_all_the_same(fields: bytes) -> None:
    """Its strange parts count as absent; the HTTP status decides."""
    error = from_response(403, {}, b'{"kind":"Status",%s}' % fields)
    assert isinstance(error, errors.Forbidden)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("headers", "details"), [({"retry-after": "9" * 400}, b"{}"), ({}, b'{"retryAfterSeconds":99999}')]
)
def test_nobody_is_made_to_wait_for_ever(headers: dict[str, str], details: bytes) -> None:
    """A number too large is a mistake of somebody; nothing is to hang on it."""
    body = b'{"kind":"Status","code":429,"details":%s}' % details
    assert from_response(429, headers, body).retry_after == errors.LONGEST_RETRY_AFTER


def test_a_quota_is_told_from_other_refusals() -> None:
    """Both are 403; only the message differs."""
    quota = from_response(403, {}, b'{"kind":"Status","message":"exceeded quota: q, requested: count/jobs.batch=1"}')
    rbac = from_response(403, {}, b'{"kind":"Status","message":"User cannot create resource"}')
    assert isinstance(quota, errors.Forbidden)
    assert isinstance(rbac, errors.Forbidden)
    assert (quota.is_quota, rbac.is_quota) == (True, False)
