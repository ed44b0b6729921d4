"""What kube-apiserver answers besides REST, wrapped round the embedded API server.

Discovery, OpenAPI, version and health come from here; other requests go on to the ApiServer, whose answers are put
into the form that the client's Accept header asks for (Table, PartialObjectMetadata). `server` puts it on a socket.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.requests import routes
from zenflow.local.apiserver.server import ApiServer, refused
from zenflow.local.http import discovery, protobuf
from zenflow.local.http.accept import Form, form_of
from zenflow.local.http.openapi import EMPTY_V2, PATH_V2, OpenApi
from zenflow.local.http.printing import tables
from zenflow.local.streams import LocalStream
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError
from zenflow.runtime.transport import JSON, Request, Response

HEALTH = ("/healthz", "/livez", "/readyz")
_OBJECT_EVENTS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")
_AGGREGATED = f"{JSON};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

Shape = Callable[[bytes], bytes]


class Gateway:
    """One API server as its HTTP clients see it. Safe for threads."""

    def __init__(self, api: ApiServer, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._openapi = OpenApi(api.registry)

    def send(self, request: Request, user: str) -> Response:
        """Answer one request; refusals are answers too."""
        if request.path == PATH_V2:
            return Response(200, EMPTY_V2, {"content-type": _OPENAPI_V2})
        form = form_of(request.accept)
        if form is None:
            return refused(_not_acceptable())
        own = self._own(request.path, form) if request.method == "GET" else None
        if own is not None:
            return own
        try:
            request = _in_json(request)
        except protobuf.Malformed as wrong:
            return refused(refusals.bad_request(str(wrong)))
        response = self._api.as_user(user).send(replace(request, accept=JSON))
        if form not in (Form.TABLE, Form.PARTIAL) or not 200 <= response.status < 300:
            return response
        return replace(response, body=self._shaped(request, form, response.body))

    def stream(self, request: Request, user: str) -> LocalStream:
        """Open a watch or a log that is followed. Raises `errors.ApiError`."""
        form = form_of(request.accept)
        if form is None:
            raise _not_acceptable()
        stream = self._api.as_user(user).stream(replace(request, accept=JSON), silence=0.0)
        if form is Form.TABLE:
            return _Shaped(stream, self._table_events(request))
        return _Shaped(stream, _partial_event) if form is Form.PARTIAL else stream

    def _own(self, path: str, form: Form) -> Response | None:
        """The answer to what no resource answers, or None."""
        if path in HEALTH:
            return Response(200, b"ok", {"content-type": "text/plain; charset=utf-8"})
        if path == "/version":
            return _json(discovery.VERSION)
        with self._api.store.lock:
            if path.startswith("/openapi/"):
                content = self._openapi.answer(path)
                return None if content is None else Response(200, content, {"content-type": JSON})
            document = discovery.document(self._api.registry, path, aggregated=form is Form.AGGREGATED)
        if document is None:
            return None
        return _json(document, _AGGREGATED if document["kind"] == "APIGroupDiscoveryList" else JSON)

    def _type(self, request: Request) -> ResourceType:
        with self._api.store.lock:
            return routes.parse(self._api.registry, request.path).type

    def _shaped(self, request: Request, form: Form, body: bytes) -> bytes:
        """An object or a list in another form; a Status stays one."""
        answer = msgspec.json.decode(body)
        if answer.get("kind") == "Status":
            return body
        metadata = answer["metadata"]
        if form is Form.PARTIAL:
            partial = tables.partial_list(answer["items"], metadata) if "items" in answer else tables.partial(answer)
            return msgspec.json.encode(partial)
        objects = answer.get("items", [answer])
        table = tables.render(
            self._type(request), objects, self._clock.now(), metadata=metadata, include=_include(request)
        )
        return msgspec.json.encode(table)

    def _table_events(self, request: Request) -> Shape:
        """Watch events as tables of one row; only the first has headings, as from the real server."""
        type_, include = self._type(request), _include(request)
        headings = True

        def table(item: dict[str, Any]) -> dict[str, Any]:
            nonlocal headings
            rendered = tables.render(
                type_, [item], self._clock.now(), metadata=item["metadata"], include=include, headings=headings
            )
            headings = False
            return rendered

        return lambda line: _event(line, table)


class _Shaped:
    """A stream whose lines are put into another form."""

    def __init__(self, stream: LocalStream, shape: Shape) -> None:
        self._stream = stream
        self._shape = shape

    def read(self) -> Sequence[bytes]:
        return [self._shape(line) for line in self._stream.read()]

    def wait(self, timeout: float) -> None:
        self._stream.wait(timeout)

    def close(self) -> None:
        self._stream.close()


def _in_json(request: Request) -> Request:
    """A request whose body was protobuf, in JSON. Of an unknown kind it stays as it is: the API server refuses it."""
    if not request.body or not request.content_type.startswith(protobuf.MEDIA_TYPE):
        return request
    body = protobuf.to_json(request.body)
    return request if body is None else replace(request, body=body, content_type=JSON)


def _partial_event(line: bytes) -> bytes:
    return _event(line, tables.partial)


def _event(line: bytes, shape: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A watch event with its object in another form; an ERROR carries a Status and stays."""
    event = msgspec.json.decode(line)
    if event["type"] not in _OBJECT_EVENTS:
        return line
    return msgspec.json.encode({"type": event["type"], "object": shape(event["object"])})


def _include(request: Request) -> tables.Include:
    wanted = request.param("includeObject")
    return next((include for include in tables.Include if include.value == wanted), tables.Include.METADATA)


def _json(value: Any, content_type: str = JSON) -> Response:
    return Response(200, msgspec.json.encode(value), {"content-type": content_type})


def _not_acceptable() -> ApiError:
    message = "406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch"
    return ApiError(406, "NotAcceptable", message)
