"""The embedded API server on its socket: who may speak to it, how much, and how streams begin and end."""

import http.client
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.waiting import eventually
from zenflow.local.apiserver.admission import AdmissionRequest, AdmissionResponse
from zenflow.local.apiserver.server import ApiServer
from zenflow.local.http.server import MAX_BODY, HttpServer
from zenflow.runtime.clock import SystemClock
from zenflow.runtime.transport import Request

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
WATCH = f"{CONFIG_MAPS}?watch=1&resourceVersion=0"


class Served:
    """A server, and connections to it that trust its certificate."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.users: list[str] = []
        self.api = ApiServer(clock=SystemClock(), uid=lambda: f"uid-{next(numbers)}", admission=[self._note_user])
        self.server = HttpServer(self.api, clock=SystemClock())
        self.tls = ssl.create_default_context(cadata=self.server.certificate)
        self.authorized = {"Authorization": f"Bearer {self.server.token}"}

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=self.tls, timeout=10)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """One request on a connection of its own, with the token; `headers` take precedence."""
        connection = self.connect()
        connection.request(method, path, body, self.authorized | (headers or {}))
        return connection.getresponse()

    def _note_user(self, request: AdmissionRequest) -> AdmissionResponse:
        self.users.append(request.user)
        return AdmissionResponse()

    def create(self, name: str) -> None:
        body = json.dumps({"metadata": {"name": name}}).encode()
        assert self.api.send(Request("POST", CONFIG_MAPS, body=body)).status == 201


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    served.server.start()
    yield served
    served.server.stop()


def event_of(response: http.client.HTTPResponse) -> Any:
    return json.loads(response.readline())


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Basic abc", "bearer"])
@pytest.mark.proves("security.local-server")
def test_nobody_is_answered_without_the_token(served: Served, authorization: str) -> None:
    """401, as a Status."""
    response = served.ask("GET", CONFIG_MAPS, headers={"Authorization": authorization})
    assert (response.status, json.loads(response.read())["reason"]) == (401, "Unauthorized")


def test_health_needs_no_token(served: Served) -> None:
    """A probe has none."""
    response = served.ask("GET", "/readyz", headers={"Authorization": ""})
    assert (response.status, response.read()) == (200, b"ok")


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1", "localhost:1", ""])
@pytest.mark.proves("security.local-server")
def test_a_name_that_is_not_ours_is_refused(served: Served, name: str) -> None:
    """A page whose name was made to resolve to 127.0.0.1 reaches nothing, not even health."""
    assert served.ask("GET", "/healthz", headers={"Host": name}).status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_loopback_names_with_our_port_are_served(served: Served, name: str) -> None:
    """As a kubeconfig may have them."""
    assert served.ask("GET", "/version", headers={"Host": f"{name}:{served.server.port}"}).status == 200


@pytest.mark.proves("security.local-server")
def test_it_listens_on_loopback_only(served: Served) -> None:
    """Other addresses of this machine don't answer: the whole of 127/8 is loopback, one address of it is ours."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", served.server.port), timeout=2)


def test_a_body_above_3_mib_is_refused_in_a_sentence(served: Served) -> None:
    """Also to a client that sends all of it before it looks at the answer."""
    response = served.ask("POST", CONFIG_MAPS, b"x" * (10 * 2**20))
    refusal = json.loads(response.read())
    assert (response.status, refusal["reason"]) == (413, "RequestEntityTooLarge")
    assert refusal["message"] == f"Request entity too large: limit is {MAX_BODY}"


def test_a_body_without_a_length_is_refused(served: Served) -> None:
    """Nobody who talks to an API server sends one."""
    connection = served.connect()
    connection.putrequest("POST", CONFIG_MAPS)
    for name, value in {**served.authorized, "Transfer-Encoding": "chunked"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 411


def test_a_connection_serves_many_requests(served: Served) -> None:
    """A refused one does not end it."""
    connection = served.connect()
    statuses = []
    for path in ("/version", f"{CONFIG_MAPS}/nope", "/version"):
        connection.request("GET", path, headers=served.authorized)
        response = connection.getresponse()
        response.read()
        statuses.append((response.status, connection.sock is not None))
    assert statuses == [(200, True), (404, True), (200, True)]


def test_a_watch_event_arrives_when_it_happens(served: Served) -> None:
    """Not when a buffer is full: one small event gets through while the watch stays open."""
    response = served.ask("GET", WATCH)
    served.create("a")
    assert event_of(response)["object"]["metadata"]["name"] == "a"
    served.create("b")
    assert event_of(response)["object"]["metadata"]["name"] == "b"


def test_a_watch_ends_cleanly_at_its_timeout(served: Served) -> None:
    """With the last chunk, so that the client knows that nothing is missing."""
    response = served.ask("GET", f"{WATCH}&timeoutSeconds=1")
    assert response.read() == b""


def test_a_watch_that_cannot_begin_is_an_ordinary_refusal(served: Served) -> None:
    """With its status, before anything is streamed."""
    response = served.ask("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion=abc")
    assert (response.status, json.loads(response.read())["kind"]) == (500, "Status")


def test_a_client_that_leaves_gives_its_watch_back(served: Served) -> None:
    """Although nothing happens that could be written to it."""
    response = served.ask("GET", WATCH)
    assert len(watchers(served)) == 1
    response.close()
    eventually(lambda: not watchers(served), within=5, what="the watch is closed")


def test_stopping_ends_open_watches(served: Served) -> None:
    """No client is left waiting, no thread behind."""
    response = served.ask("GET", WATCH)
    served.server.stop()
    with pytest.raises((http.client.IncompleteRead, OSError)):
        response.read()
    eventually(lambda: not watchers(served), within=5, what="the watch's thread is gone")
    with pytest.raises(ConnectionRefusedError):
        served.connect().connect()


def test_a_client_that_speaks_no_tls_harms_nobody(served: Served) -> None:
    """Nor does one that says nothing at all."""
    silent = socket.create_connection(("127.0.0.1", served.server.port), timeout=5)
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=5) as plain:
        plain.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"gitVersion" not in plain.recv(1024)
    assert served.ask("GET", "/version").status == 200
    silent.close()


@pytest.mark.parametrize(("headers", "user"), [({}, "admin"), ({"Impersonate-User": "alice"}, "alice")])
def test_a_request_can_be_made_in_anothers_name(served: Served, headers: dict[str, str], user: str) -> None:
    """As `kubectl --as` does: whoever has the token may be anyone."""
    assert served.ask("POST", CONFIG_MAPS, b'{"metadata":{"name":"x"}}', headers).status == 201
    assert served.users[-1] == user


def watchers(served: Served) -> list[str]:
    """The threads of open connections."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("apiserver-http-")]
