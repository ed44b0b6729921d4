"""The embedded API server: the REST semantics of kube-apiserver over a store in memory.

It is a Transport: who holds it needs no socket. `local.http.server` serves the same over HTTP, with discovery.
Differences from the real one are listed in docs/local-cluster.md.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from zenflow.local.apiserver.admission import Admission
from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.errors.field_errors import shown
from zenflow.local.apiserver.errors.name_formats import path_segment
from zenflow.local.apiserver.registry import Registry
from zenflow.local.apiserver.requests import routes
from zenflow.local.apiserver.requests.options import ListOptions, list_options
from zenflow.local.apiserver.state import Call, State
from zenflow.local.apiserver.storage.rendering import rendered
from zenflow.local.apiserver.storage.store import MAX_OBJECT, Store
from zenflow.local.apiserver.storage.watching import Selection, Watch, WatchStart
from zenflow.local.apiserver.verbs import create_update, deleting, listing, patching, pod_logs
from zenflow.local.apiserver.verbs.create_update import Answer
from zenflow.local.streams import LocalStream, LocalTransport, LogSource
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError
from zenflow.runtime.transport import JSON, Request, Response

_INITIAL_NAMESPACES = ("default", "kube-system")


class ApiServer:
    """A kube-apiserver in this process, safe to use from several threads, with no thread of its own.

    `clock` gives creation times and ends watches, `uid` every uid and generated name.
    `history` is how many events of each resource a watch may lag behind before it is told 410. `max_object` is the
    largest object that is stored, in bytes.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        uid: Callable[[], str],
        admission: Sequence[Admission] = (),
        history: int = 10_000,
        max_object: int = MAX_OBJECT,
    ) -> None:
        self.store = Store(history, max_object=max_object)
        self._state = State(self.store, clock, uid, admission)
        self._logs: LogSource | None = None
        for name in _INITIAL_NAMESPACES:
            self._make_namespace(name)

    def _make_namespace(self, name: str) -> None:
        body = msgspec.json.encode({"metadata": {"name": name}})
        self.send(Request("POST", "/api/v1/namespaces", body=body))

    @property
    def registry(self) -> Registry:
        """What is served; read it under `store.lock`."""
        return self._state.registry

    def serve_logs(self, source: LogSource) -> None:
        """Answer `pods/NAME/log` from this source from now on."""
        self._logs = source

    def send(self, request: Request) -> Response:
        """Carry out one request as the user `admin`."""
        return self._send(request, "admin")

    def stream(self, request: Request, *, silence: float = 0.0) -> LocalStream:
        """Open a watch or a log as the user `admin`. Raises `errors.ApiError`. `silence` is for networks only."""
        return self._stream(request, "admin")

    def as_user(self, name: str) -> LocalTransport:
        """The same server, its requests made by this user (admission sees the name)."""
        return _AsUser(self, name)

    def _send(self, request: Request, user: str) -> Response:
        headers = {"content-type": JSON}
        try:
            with self.store.lock:
                call = Call(request, routes.parse(self.registry, request.path), user)
                log = self._open_log(call) if call.target.subresource == "log" else None
                answer = self._carry_out(call) if log is None else None
        except ApiError as refusal:
            return refused(refusal)
        if answer is None:
            # A long log is read outside of the lock: nobody else has to wait for it.
            assert log is not None
            return pod_logs.whole(log)
        if call.warnings:
            headers["warning"] = ", ".join(f"299 - {shown(warning)}" for warning in call.warnings)
        return Response(answer.status, answer.body, headers)

    def _carry_out(self, call: Call) -> Answer:
        one = bool(call.target.name)
        verb = (_ON_OBJECT if one else _ON_COLLECTION).get(call.request.method)
        if verb is None and call.type.custom and call.request.method in _ON_OBJECT:
            raise refusals.bad_request("name must be provided")
        if verb is None or not _is_served(call, verb):
            raise refusals.method_not_allowed()
        if call.type.deprecation:
            call.warnings.append(call.type.deprecation)
        if verb == "list":
            return self._list(call)
        if one and (wrong := path_segment(call.target.name)):
            raise refusals.bad_request(f'Name parameter invalid: "{call.target.name}": {wrong[0]}')
        return _VERBS[verb](self._state, call)

    def _list(self, call: Call) -> Answer:
        options = list_options(call.request)
        return Answer(200, listing.render_page(self.store, call.type, self._selection(call, options), options))

    def _selection(self, call: Call, options: ListOptions) -> Selection:
        return Selection(call.target.prefix, self._state.selector(call.type, options.labels, options.fields))

    def _stream(self, request: Request, user: str) -> LocalStream:
        with self.store.lock:
            call = Call(request, routes.parse(self.registry, request.path), user)
            if call.target.subresource == "log":
                return self._open_log(call)
            if request.method != "GET" or call.target.name or "watch" not in call.type.verbs:
                raise refusals.method_not_allowed()
            options = list_options(Request("GET", request.path, (*request.query, ("watch", "1"))))
            selection = self._selection(call, options)
            start = _watch_start(options)
            return Watch(self.store, self._state.clock, call.type, selection, start)

    def _open_log(self, call: Call) -> LocalStream:
        if call.request.method != "GET":
            raise refusals.method_not_allowed()
        return pod_logs.open_log(self._logs, self._state.entry(call.target), call.request)


class _AsUser:
    """A Transport that makes its requests in somebody's name."""

    def __init__(self, server: ApiServer, user: str) -> None:
        self._server = server
        self._user = user

    def send(self, request: Request) -> Response:
        return self._server._send(request, self._user)

    def stream(self, request: Request, *, silence: float = 0.0) -> LocalStream:
        return self._server._stream(request, self._user)


_ON_OBJECT: Mapping[str, str] = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_COLLECTION: Mapping[str, str] = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


def _is_served(call: Call, verb: str) -> bool:
    target = call.target
    if target.subresource and verb == "delete":
        return False
    if target.type.namespaced and not target.namespace and verb != "list":
        return False
    return verb in target.type.verbs


def _get(state: State, call: Call) -> Answer:
    asked = call.request.param("resourceVersion")
    if asked and listing.parse_version(asked) > state.store.version:
        raise refusals.too_large_version(int(asked), state.store.version)
    return Answer(200, rendered(call.type, state.entry(call.target)))


_VERBS: Mapping[str, Callable[[State, Call], Answer]] = {
    "get": _get,
    "create": create_update.create,
    "update": create_update.update,
    "patch": patching.patch,
    "delete": deleting.delete,
    "deletecollection": deleting.delete_collection,
}


def _watch_start(options: ListOptions) -> WatchStart:
    text = options.resource_version
    if text and not text.isdigit():
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise refusals.internal(why)
    from_now = text in ("", "0") or options.initial_events is True
    if options.initial_events is False and text in ("", "0"):
        from_now = False
    return WatchStart(
        version=None if from_now else int(text or 0),
        timeout=options.timeout,
        bookmarks=options.bookmarks,
        initial_events_end=options.bookmarks and from_now,
    )


def refused(refusal: ApiError) -> Response:
    """A refusal as it is sent: a Status, or the bare page that a path gets which nobody serves."""
    if refusal.message == routes.NO_PAGE:
        return Response(refusal.status, f"{routes.NO_PAGE}\n".encode(), {"content-type": "text/plain"})
    headers = {"content-type": JSON}
    if refusal.retry_after:
        headers["retry-after"] = str(int(refusal.retry_after))
    return Response(refusal.status, msgspec.json.encode(refusals.status_of(refusal)), headers)
