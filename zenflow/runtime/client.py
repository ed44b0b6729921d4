"""Verbs over raw JSON: from the words a controller uses to requests on a Transport.

Stands between everything that reads or writes objects and the one seam to an API server. Never
decodes an object (callers bring their own types) and never caches one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec
from tenacity import Retrying, retry_if_exception

from zenflow.runtime.decoding import containers, decode, shallow
from zenflow.runtime.errors import (
    AnswerTooLarge,
    RuntimeFault,
    ServerFault,
    TooManyRequests,
    Undecodable,
    Unreachable,
    from_response,
)
from zenflow.runtime.transport import MERGE_PATCH, Request, Response, Stream, Transport

Query = tuple[tuple[str, str], ...]

# In a list's JSON the array of items lies at level 2; within that array alone each item does.
_IN_ITEMS = 2
# A page of a list beyond this is asked for with so many times fewer objects: one may have 1.5 MB, and 500 do not fit.
PAGE_BYTES = 16 * 1024 * 1024
_FEWER = 8
_STRICT: Query = (("fieldValidation", "Strict"),)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type, as discovery names it; the core group is `""`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version` as it stands in objects; only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection (no name), an object, or its subresource.

        A namespaced resource without a namespace is the collection across all namespaces.
        """
        parts = [f"/apis/{self.group}" if self.group else "/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        return "/".join(parts + [part for part in (name, subresource) if part])


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list. All pages of one list carry the same `resource_version`: a snapshot."""

    items: tuple[msgspec.Raw, ...]
    resource_version: str


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: tuple[msgspec.Raw, ...] | None = None


_decode_list = msgspec.json.Decoder(_List).decode


def split(body: bytes) -> _List:
    """A list's page as its metadata and its items, which stay bytes. Raises `Undecodable` for what is no list.

    One item that is no JSON costs itself only: then the items are told apart by their brackets alone.
    """
    try:
        return decode(_decode_list, body, "list")
    except Undecodable:
        outline = decode(_decode_list, shallow(body, _IN_ITEMS), "list")
        places = [(start, end) for start, end in containers(body, _IN_ITEMS) if body[start : start + 1] == b"["]
        items = [body[start:end][at:to] for start, end in places for at, to in containers(body[start:end], _IN_ITEMS)]
        if len(items) != len(outline.items or ()):
            raise
        return _List(outline.metadata, tuple(map(msgspec.Raw, items)))


class Client:
    """The verbs of the API. Safe to use from several threads at once.

    Refusals raise the narrowest `errors.ApiError`; no answer raises `errors.Unreachable`, after which
    the write may or may not have happened. `retrying` makes a fresh tenacity policy (how often, how
    long to wait) for each request; what may be repeated at all is decided here. None never repeats.
    `timeout` is how long a request may take, in seconds (None: the transport's own limit).
    """

    def __init__(
        self, transport: Transport, *, retrying: Callable[[], Retrying] | None = None, timeout: float | None = None
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._retrying = retrying

    def get(self, resource: Resource, name: str, namespace: str = "") -> bytes:
        """The object as the API server holds it now."""
        return self._call(Request("GET", resource.path(namespace, name))).body

    def read(self, path: str, query: Query = ()) -> bytes:
        """The body at a path that is no resource's, such as `/openapi/v3`."""
        return self._call(Request("GET", path, query=query)).body

    def create(self, resource: Resource, body: bytes, namespace: str = "") -> bytes:
        """Create; returns the object as stored. Raises `AlreadyExists` when the name is taken.

        Fields that the API server does not know, or that stand there twice, are a `BadRequest`: it would drop them in
        silence, and something else than what was written would run.
        """
        return self._call(Request("POST", resource.path(namespace), query=_STRICT, body=body)).body

    def replace(
        self, resource: Resource, name: str, body: bytes, namespace: str = "", *, subresource: str = ""
    ) -> bytes:
        """Update the whole object; raises `Conflict` if `body` carries an outdated resourceVersion."""
        return self._call(Request("PUT", resource.path(namespace, name, subresource), body=body)).body

    def patch(
        self,
        resource: Resource,
        name: str,
        body: bytes,
        namespace: str = "",
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
    ) -> bytes:
        """Change the named fields; a resourceVersion in the patch makes it conditional (`Conflict`)."""
        path = resource.path(namespace, name, subresource)
        return self._call(Request("PATCH", path, body=body, content_type=content_type)).body

    def delete(  # noqa: PLR0913 - the parameters of the verb
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        grace_period: int | None = None,
    ) -> bytes:
        """Delete, on the given preconditions (`Conflict` when they do not hold); `NotFound` when it is gone.

        `grace_period` is in seconds; None leaves it to the object (a Pod's terminationGracePeriodSeconds).
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {field: value for field, value in preconditions.items() if value},
            **({} if grace_period is None else {"gracePeriodSeconds": grace_period}),
        }
        request = Request("DELETE", resource.path(namespace, name), body=msgspec.json.encode(options))
        return self._call(request).body

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
    ) -> Iterator[Page]:
        """A consistent list, page by page.

        The first request carries no resourceVersion, so it is answered from the present and not from
        some server's cache ("0" may be arbitrarily old). Raises `Expired` when the reader was so
        slow that the continue token went stale: start again. Where pages of `limit` objects are too large to be held
        in memory they are read with fewer, at last one by one.
        """
        selectors = _selectors(label_selector, field_selector)
        token = ""
        while True:
            query = (*selectors, ("limit", str(limit)), *((("continue", token),) if token else ()))
            request = Request("GET", resource.path(namespace), query=query, most=PAGE_BYTES if limit > 1 else None)
            try:
                page = self._list(request)
            except AnswerTooLarge:
                limit = max(1, limit // _FEWER)
                continue
            yield Page(page.items or (), page.metadata.resource_version)
            token = page.metadata.continue_
            if not token:
                return

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        silence: float = 70.0,
        timeout_seconds: int = 0,
    ) -> Stream:
        """Open a watch for all that happens after `resource_version`; one request, never repeated here.

        Bookmarks are asked for, so a healthy watch says something about every minute: `silence` is
        the limit after which it counts as dead. The server ends it after `timeout_seconds` (0: its own choice).
        """
        query: Query = (
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", resource_version),
            *_selectors(label_selector, ""),
        )
        if timeout_seconds:
            query += (("timeoutSeconds", str(timeout_seconds)),)
        return self._transport.stream(Request("GET", resource.path(namespace), query=query), silence=silence)

    def _list(self, request: Request) -> _List:
        body = self._call(request).body
        try:
            return split(body)
        except Undecodable as error:
            raise Unreachable(f"the answer to a list of {request.path} is no list: {error}") from error

    def _call(self, request: Request) -> Response:
        try:
            return self._once(request)
        except RuntimeFault as fault:
            if self._retrying is None or not may_repeat(request, fault):
                raise
            return self._repeat(request, self._retrying(), fault)

    def _repeat(self, request: Request, policy: Retrying, first: RuntimeFault) -> Response:
        """Under the policy, for which the request that failed is the first attempt.

        Nearly all requests need none, and setting one up costs a third of a request.
        """
        faults = [first]

        def attempt() -> Response:
            if faults:
                raise faults.pop()
            return self._once(request)

        repeatable = retry_if_exception(lambda error: may_repeat(request, error))
        return policy.copy(retry=repeatable, reraise=True)(attempt)

    def _once(self, request: Request) -> Response:
        response = self._transport.send(replace(request, timeout=self._timeout) if self._timeout else request)
        if response.status >= 400:
            raise from_response(response.status, response.headers, response.body)
        return response


def may_repeat(request: Request, error: BaseException) -> bool:
    """Whether sending the request again cannot do anything twice.

    A 429, or a 5xx that says when to come back, was refused before it was carried out. Anything else
    leaves open whether a write happened: only its author can find out.
    """
    if isinstance(error, TooManyRequests):
        return True
    if isinstance(error, ServerFault):
        return request.method == "GET" or error.retry_after is not None
    return isinstance(error, Unreachable) and request.method == "GET"


def _selectors(label_selector: str, field_selector: str) -> Query:
    named = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    return tuple((name, value) for name, value in named if value)
