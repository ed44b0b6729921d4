"""The schema of Jobs is the API server's own, read when it is new; where there is none, the shipped one serves."""

from typing import Any

import pytest
from structlog.testing import CapturingLogger

from tests.support.transport import ScriptedTransport, refusal, reply
from zenflow.api import job_schema, openapi
from zenflow.controller.job_schemas import LOOK_AGAIN, JobSchemas
from zenflow.runtime.client import Client
from zenflow.runtime.errors import RuntimeFault, Unreachable
from zenflow.runtime.transport import Response


def index(hash_: str = "1") -> Response:
    return reply({"paths": {"apis/batch/v1": {"serverRelativeURL": f"/openapi/v3/apis/batch/v1?hash={hash_}"}}})


def document(*fields: str) -> Response:
    """Of Jobs that have these fields."""
    properties = {name: {"type": "string"} for name in fields}
    return reply({"components": {"schemas": {openapi.JOB: {"type": "object", "properties": properties}}}})


def schemas(*script: Response | RuntimeFault) -> tuple[JobSchemas, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return JobSchemas(Client(transport), log=CapturingLogger()), transport


def knows(schema: job_schema.JobSchema, field: str) -> bool:
    return not schema.check({"steps": [{"template": {field: "x"}}]}, 1)


def test_what_a_job_may_hold_is_what_the_server_says() -> None:
    """A field that this release has never heard of included."""
    held, transport = schemas(index("abc"), document("spec", "fieldOfTheNextRelease"))
    assert held.step() == LOOK_AGAIN
    assert knows(held.current(), "fieldOfTheNextRelease")
    assert not knows(held.current(), "backofLimit")
    assert [request.path for request in transport.requests] == ["/openapi/v3", "/openapi/v3/apis/batch/v1"]
    assert transport.requests[1].query == (("hash", "abc"),)


def test_the_document_is_read_again_only_when_it_has_changed() -> None:
    """A look is one small request, and a server may be upgraded while we run."""
    held, transport = schemas(index("1"), document("spec"), index("1"), index("2"), document("spec", "newer"))
    held.step()
    held.step()
    assert len(transport.requests) == 3
    assert not knows(held.current(), "newer")
    held.step()
    assert knows(held.current(), "newer")


def test_nobody_gets_a_schema_before_the_server_was_asked() -> None:
    """A verdict on a flow is final, and the server may know fields that the shipped schema doesn't."""
    held, _ = schemas()
    assert held.known is None
    with pytest.raises(Unreachable):
        held.current()


@pytest.mark.parametrize(
    "fault", [Unreachable("down"), refusal(503, "ServiceUnavailable"), refusal(429, "TooManyRequests")]
)
def test_a_server_that_does_not_answer_is_asked_for_a_minute(fault: Any) -> None:
    """Then the shipped schema serves: flows wait no longer. The server's own comes when it answers."""
    held, transport = schemas(*[fault] * 7)
    waits = []
    while held.known is None:
        waits.append(held.step())
    assert sum(waits[:-1]) == 60
    assert waits[-1] == LOOK_AGAIN
    assert held.current() is job_schema.shipped()
    transport.then(index(), document("spec", "newer"))
    held.step()
    assert knows(held.current(), "newer")


@pytest.mark.parametrize(
    "script",
    [
        [refusal(403, "Forbidden")],
        [refusal(404, "NotFound")],
        [reply([])],
        [reply({"paths": {}})],
        [reply({"paths": {"apis/batch/v1": None}})],
        [Response(200, b"<html>", {})],
        [Response(200, b"[" * 100_000, {})],
        [index(), reply({"components": {}})],
        [index(), refusal(404, "NotFound")],
        [reply({"paths": {"apis/batch/v1": {"serverRelativeURL": 5}}}), refusal(404, "NotFound")],
    ],
)
def test_where_the_server_does_not_say_the_shipped_schema_serves(script: list[Response]) -> None:
    """Whatever comes instead of a schema."""
    held, _ = schemas(*script)
    assert held.step() == LOOK_AGAIN
    assert held.current() is job_schema.shipped()


def test_a_schema_that_was_read_outlives_faults() -> None:
    """The newest that is known serves."""
    held, transport = schemas(index(), document("spec", "newer"))
    held.step()
    transport.then(Unreachable("down"), refusal(403, "Forbidden"), index("2"), reply({}))
    for _ in range(3):
        assert held.step() == LOOK_AGAIN
        assert knows(held.current(), "newer")
