"""Verbs become requests, refusals become errors, lists become pages."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tenacity import Retrying, stop_after_attempt

from tests.support.things import THINGS, thing
from tests.support.transport import ScriptedStream, ScriptedTransport, refusal, reply
from zenflow.runtime.client import PAGE_BYTES, Client, Resource
from zenflow.runtime.errors import (
    AnswerTooLarge,
    Conflict,
    Expired,
    NotFound,
    RuntimeFault,
    TooManyRequests,
    Unreachable,
)
from zenflow.runtime.transport import JSON_PATCH, MERGE_PATCH, Response

PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)


def three_times() -> Retrying:
    return Retrying(stop=stop_after_attempt(3))


@pytest.mark.parametrize(
    ("resource", "parts", "path"),
    [
        (PODS, ("ns", "p"), "/api/v1/namespaces/ns/pods/p"),
        (PODS, ("ns",), "/api/v1/namespaces/ns/pods"),
        (PODS, (), "/api/v1/pods"),
        (NODES, ("", "n"), "/api/v1/nodes/n"),
        (THINGS, ("ns", "t", "status"), "/apis/example.org/v1/namespaces/ns/things/t/status"),
    ],
)
def test_paths(resource: Resource, parts: tuple[str, ...], path: str) -> None:
    """Core group, named group, all namespaces, cluster scope, subresource."""
    assert resource.path(*parts) == path


def test_api_version_of_the_core_group_has_no_group() -> None:
    """As it stands in objects."""
    assert (PODS.api_version, THINGS.api_version) == ("v1", "example.org/v1")


@pytest.mark.parametrize(
    ("call", "method", "path", "content_type"),
    [
        (lambda c: c.get(THINGS, "t", "ns"), "GET", "/things/t", None),
        (lambda c: c.create(THINGS, b"{}", "ns"), "POST", "/things", "application/json"),
        (lambda c: c.replace(THINGS, "t", b"{}", "ns", subresource="status"), "PUT", "/things/t/status", None),
        (lambda c: c.patch(THINGS, "t", b"{}", "ns"), "PATCH", "/things/t", MERGE_PATCH),
        (lambda c: c.patch(THINGS, "t", b"[]", "ns", content_type=JSON_PATCH), "PATCH", "/things/t", JSON_PATCH),
        (lambda c: c.delete(THINGS, "t", "ns"), "DELETE", "/things/t", None),
    ],
)
def test_verbs(call: Callable[[Client], bytes], method: str, path: str, content_type: str | None) -> None:
    """Each verb is one request, and returns the answer's bytes as they came."""
    transport = ScriptedTransport(Response(200, b"as it came"))
    assert call(Client(transport)) == b"as it came"
    (request,) = transport.requests
    assert (request.method, request.path) == (method, "/apis/example.org/v1/namespaces/ns" + path)
    assert content_type is None or request.content_type == content_type


@pytest.mark.parametrize(
    ("arguments", "preconditions"),
    [
        ({}, {}),
        ({"uid": "u"}, {"uid": "u"}),
        ({"uid": "u", "resource_version": "7"}, {"uid": "u", "resourceVersion": "7"}),
    ],
)
def test_a_delete_carries_its_preconditions(arguments: dict[str, Any], preconditions: dict[str, str]) -> None:
    """And always says what becomes of the dependents."""
    transport = ScriptedTransport(reply({}))
    Client(transport).delete(THINGS, "t", "ns", **arguments)
    options = msgspec.json.decode(transport.requests[0].body)
    assert options["preconditions"] == preconditions
    assert options["propagationPolicy"] == "Background"


def test_a_refusal_is_raised_with_its_facts() -> None:
    """The caller gets the narrowest error."""
    client = Client(ScriptedTransport(refusal(409, "Conflict", "it was changed")))
    with pytest.raises(Conflict, match="it was changed"):
        client.replace(THINGS, "t", b"{}", "ns")


def test_a_create_is_strict() -> None:
    """A field that the API server does not know is refused, not dropped."""
    transport = ScriptedTransport(reply({}))
    Client(transport).create(THINGS, b"{}", "ns")
    assert transport.requests[0].query == (("fieldValidation", "Strict"),)


def listing(version: str, token: str, *names: str) -> Response:
    metadata = {"resourceVersion": version, "continue": token}
    return reply({"metadata": metadata, "items": [thing(name, 1) for name in names]})


def test_a_list_is_read_page_by_page_to_its_end() -> None:
    """Every item once, in order, with the version of the snapshot."""
    transport = ScriptedTransport(listing("9", "next", "a", "b"), listing("9", "", "c"))
    pages = list(Client(transport).pages(THINGS, "ns", limit=2))
    names = [msgspec.json.decode(item)["metadata"]["name"] for page in pages for item in page.items]
    assert names == ["a", "b", "c"]
    assert {page.resource_version for page in pages} == {"9"}


def test_a_list_is_consistent() -> None:
    """No resourceVersion in the first request: "0" would be answered from a cache of any age."""
    transport = ScriptedTransport(listing("9", "next"), listing("9", ""))
    list(Client(transport).pages(THINGS, label_selector="a=b"))
    first, second = transport.requests
    assert first.query == (("labelSelector", "a=b"), ("limit", "500"))
    assert second.query == (*first.query, ("continue", "next"))


def test_a_list_whose_pages_are_too_large_is_read_with_fewer_objects_at_a_time() -> None:
    """At last one by one, and then whatever its size; what was read before is not read again."""
    too_large = AnswerTooLarge("more")
    transport = ScriptedTransport(
        listing("9", "next", "a"), too_large, too_large, too_large, listing("9", "third", "b"), listing("9", "", "c")
    )
    pages = list(Client(transport).pages(THINGS))
    names = [msgspec.json.decode(item)["metadata"]["name"] for page in pages for item in page.items]
    assert names == ["a", "b", "c"]
    asked = [(request.param("limit"), request.param("continue"), request.most) for request in transport.requests]
    most = PAGE_BYTES
    assert asked == [
        ("500", "", most),
        ("500", "next", most),
        ("62", "next", most),
        ("7", "next", most),
        ("1", "next", None),
        ("1", "third", None),
    ]


def test_a_stale_continue_token_is_told() -> None:
    """The reader was too slow, and has to start again."""
    transport = ScriptedTransport(listing("9", "next"), refusal(410, "Expired"))
    with pytest.raises(Expired):
        list(Client(transport).pages(THINGS))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"items":[', b"null", b'{"items":[]}'])
def test_an_answer_that_is_no_list_counts_as_none(body: bytes) -> None:
    """Truncated or foreign: nothing in it may be believed."""
    with pytest.raises(Unreachable):
        list(Client(ScriptedTransport(Response(200, body))).pages(THINGS))


def test_an_empty_list_may_be_null() -> None:
    """Go encodes an empty slice as null."""
    answer = reply({"metadata": {"resourceVersion": "3"}, "items": None})
    (page,) = Client(ScriptedTransport(answer)).pages(THINGS)
    assert (page.items, page.resource_version) == ((), "3")


def test_a_watch_asks_for_bookmarks_from_a_version() -> None:
    """Without bookmarks a quiet watch could not be told from a dead one."""
    transport = ScriptedTransport(ScriptedStream())
    Client(transport).watch(THINGS, "ns", resource_version="5", label_selector="a", timeout_seconds=300)
    assert dict(transport.requests[0].query) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "labelSelector": "a",
        "timeoutSeconds": "300",
    }


READ: Any = lambda c: c.get(THINGS, "t", "ns")  # noqa: E731 - rows of the table below
WRITE: Any = lambda c: c.create(THINGS, b"{}", "ns")  # noqa: E731
BUSY = refusal(429, "TooManyRequests", **{"retry-after": "1"})
BROKEN = refusal(500, "InternalError")
DRAINING = refusal(503, "ServiceUnavailable", **{"retry-after": "1"})


@pytest.mark.parametrize(
    ("call", "answer", "repeated"),
    [
        (READ, BUSY, True),
        (WRITE, BUSY, True),
        (READ, DRAINING, True),
        (WRITE, DRAINING, True),
        (READ, BROKEN, True),
        (WRITE, BROKEN, False),
        (READ, Unreachable("reset"), True),
        (WRITE, Unreachable("reset"), False),
        (READ, refusal(404, "NotFound"), False),
        (WRITE, refusal(409, "Conflict"), False),
    ],
)
def test_only_what_cannot_happen_twice_is_repeated(
    call: Callable[[Client], bytes], answer: Response | RuntimeFault, repeated: bool
) -> None:
    """Reads always; writes only when the server said that it did not begin."""
    transport = ScriptedTransport(answer, Response(200, b"fine"))
    client = Client(transport, retrying=three_times)
    if repeated:
        assert call(client) == b"fine"
    else:
        with pytest.raises(RuntimeFault):
            call(client)
    assert len(transport.requests) == (2 if repeated else 1)


def test_the_last_refusal_is_raised_when_patience_ends() -> None:
    """The policy's own exceptions never come through."""
    transport = ScriptedTransport(BUSY, BUSY, BUSY)
    with pytest.raises(TooManyRequests):
        READ(Client(transport, retrying=three_times))
    assert len(transport.requests) == 3


def test_without_a_policy_nothing_is_repeated() -> None:
    """As the simulator wants it: each request is its own event."""
    transport = ScriptedTransport(BUSY)
    with pytest.raises(TooManyRequests):
        READ(Client(transport))
    assert len(transport.requests) == 1


def test_not_found_is_an_answer() -> None:
    """And no reason to ask again."""
    with pytest.raises(NotFound):
        READ(Client(ScriptedTransport(refusal(404, "NotFound")), retrying=three_times))
