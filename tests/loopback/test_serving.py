"""The ports of the controller, asked by ordinary and by ill-mannered clients."""

import contextlib
import http.client
import logging
import select
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.support.httpd import Authority
from tests.support.waiting import eventually
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.serving import (
    MAX_ANSWERS,
    MAX_BODY,
    MAX_CONNECTIONS,
    Answer,
    Certificate,
    HttpServer,
    health,
    metrics,
    webhook,
)

POST, GET = "POST", "GET"
# Broken connections are a line for those who debug; here there are many.
LOG = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


@contextlib.contextmanager
def running(server: HttpServer) -> Iterator[HttpServer]:
    """Serve until the block ends."""
    thread = threading.Thread(target=server.serve, name="serving")  # noqa: TID251 - stands in for the Manager
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@pytest.fixture
def problems() -> list[str]:
    """What the probe of the server below finds; empty at first."""
    return []


@pytest.fixture
def server(problems: list[str]) -> Iterator[HttpServer]:
    registry = CollectorRegistry()
    Metrics(registry).loop("things").set_workers(3)

    def review(body: bytes) -> bytes:
        if not body.startswith(b"{"):
            raise ValueError("not an AdmissionReview")
        return body + b" reviewed"

    def fail(body: bytes) -> Answer:
        raise ZeroDivisionError("a bug")

    routes = {
        (GET, "/readyz"): health(lambda: problems),
        (GET, "/metrics"): metrics(registry),
        (POST, "/validate"): webhook(review),
        (GET, "/bug"): fail,
    }
    with running(HttpServer(("127.0.0.1", 0), routes, log=LOG)) as made:
        yield made


def ask(server: HttpServer, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, body)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def say(server: HttpServer, data: bytes) -> bytes:
    """Raw bytes to the port, and all that comes back before it closes the connection, however it does."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    return received


def test_a_probe_says_ok_or_what_is_wrong(server: HttpServer, problems: list[str]) -> None:
    """One problem on each line."""
    assert ask(server, GET, "/readyz?verbose") == (200, b"ok")
    problems += ["jobs: not listed yet", "pods: not listed yet"]
    assert ask(server, GET, "/readyz") == (503, b"jobs: not listed yet\npods: not listed yet")


def test_metrics_are_shown(server: HttpServer) -> None:
    """In the text format, from the registry that was given."""
    status, body = ask(server, GET, "/metrics")
    assert status == 200
    assert b'controller_runtime_max_concurrent_reconciles{controller="things"} 3.0' in body


def test_a_review_is_answered(server: HttpServer) -> None:
    """Whatever the reviewer says, as it says it."""
    assert ask(server, POST, "/validate", b"{}") == (200, b"{} reviewed")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        (GET, "/", b"", 404),
        (GET, "/validate", b"", 405),
        (POST, "/readyz", b"", 405),
        (POST, "/validate", b"garbage", 400),
        (GET, "/bug", b"", 500),
        ("DELETE", "/readyz", b"", 501),
    ],
)
def test_what_is_not_served_is_refused(server: HttpServer, method: str, path: str, body: bytes, status: int) -> None:
    """And a bug of ours shows nothing of itself."""
    answered, text = ask(server, method, path, body)
    assert answered == status
    assert b"ZeroDivisionError" not in text


def test_a_connection_serves_several_requests(server: HttpServer) -> None:
    """The API server keeps its connection to a webhook."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for _ in range(3):
        connection.request(POST, "/validate", b"{}")
        assert connection.getresponse().read() == b"{} reviewed"
    connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\x16\x03\x01" * 1000,
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"POST /validate HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /validate HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /validate HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"POST /validate HTTP/1.1\r\nContent-Length: 100\r\n\r\n{too short",
        b"POST /validate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
@pytest.mark.proves("security.ports-under-garbage")
def test_garbage_gets_no_review_and_does_no_harm(server: HttpServer, data: bytes) -> None:
    """Neither an answer of 200 nor the end of the port."""
    assert b" 200 " not in say(server, data)
    assert ask(server, GET, "/readyz") == (200, b"ok")


def strangers(server: HttpServer, data: bytes) -> list[socket.socket]:
    """As many as have room, each with so much said."""
    made = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(MAX_CONNECTIONS)]
    for each in made:
        each.sendall(data)
    return made


@pytest.mark.proves("security.ports-under-garbage")
@pytest.mark.parametrize("said", [b"", b"GET /readyz HT", b"POST /validate HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"])
def test_strangers_who_say_half_of_something_keep_nobody_out(server: HttpServer, said: bytes) -> None:
    """A probe is answered although every place is taken; who has waited longest goes. A little more said saves none."""
    there = strangers(server, said)
    for round_ in range(2):
        assert ask(server, GET, "/readyz") == (200, b"ok")
        with contextlib.suppress(OSError):
            there[-1 - round_].sendall(b"x")
    assert ask(server, POST, "/validate", b"{}") == (200, b"{} reviewed")
    assert there[0].recv(1000) == b""
    for each in there:
        each.close()


@pytest.mark.proves("security.ports-under-garbage")
def test_a_request_that_never_ends_is_ended(problems: list[str]) -> None:
    """The time is for the whole of it: a byte now and then wins no more."""
    routes = {(GET, "/readyz"): health(lambda: problems)}
    quick = HttpServer(("127.0.0.1", 0), routes, log=LOG, patience=0.5)
    with running(quick), socket.create_connection(("127.0.0.1", quick.port), timeout=0.05) as slow:

        def is_ended() -> bool:
            try:
                slow.sendall(b"x")
                return slow.recv(1000) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_ended, within=10, what="the slow request is ended", every=0.01)


@pytest.mark.proves("security.ports-under-garbage")
def test_answers_that_are_being_made_are_bounded_and_leave_room_for_others() -> None:
    """One path with slow answers takes none of another's."""
    go = threading.Event()

    def slow(body: bytes) -> Answer:
        go.wait(10)
        return Answer(200, b"done")

    made = HttpServer(("127.0.0.1", 0), {(GET, "/slow"): slow, (GET, "/readyz"): health(lambda: ())}, log=LOG)
    with running(made):
        there = strangers(made, b"GET /slow HTTP/1.1\r\n\r\n")
        assert ask(made, GET, "/readyz") == (200, b"ok")
        go.set()
        answers = [each.recv(1000)[:12] for each in there[-MAX_ANSWERS:]]
        assert set(answers) <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        for each in there:
            each.close()


@pytest.mark.proves("security.ports-under-garbage")
def test_connections_are_bounded(server: HttpServer) -> None:
    """A newcomer takes the place of one that has said nothing for longer; when some go, others may come."""
    idle = strangers(server, b"GET /readyz HTTP/1.1\r\n\r\n")
    for connection in idle:
        assert b"200" in connection.recv(1000)
    assert b"200" in say(server, b"GET /readyz HTTP/1.1\r\n\r\n")
    assert select.select(idle, [], [], 5)[0], "one of them was closed"
    for connection in idle:
        connection.close()
    eventually(lambda: ask(server, GET, "/readyz")[0] == 200, within=5, what="there is room again")


def test_a_bug_is_told_once(server: HttpServer) -> None:
    """Whoever has found it may ask a thousand times."""
    with capture_logs() as lines:
        for _ in range(3):
            assert ask(server, GET, "/bug")[0] == 500
    assert [line["event"] for line in lines].count("request failed, told once") <= 1


class TestTls:
    """With a certificate, which may be replaced."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @staticmethod
    def peer(server: HttpServer, authority: Authority) -> str:
        """The common name the server shows."""
        context = ssl.create_default_context(cafile=str(authority.certificate))
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert secure.recv(1000).startswith(b"HTTP/1.1 200")
            certificate = secure.getpeercert() or {}
            return str(certificate["subject"][0][0][1])

    def test_a_replaced_certificate_is_shown_without_a_restart(self, tmp_path: Path, authority: Authority) -> None:
        """And while only half of the pair has been replaced, the old one is."""
        first, second = authority.issue("first"), authority.issue("second")
        shown = (tmp_path / "tls.crt", tmp_path / "tls.key")
        shutil.copy(first.certificate, shown[0])
        shutil.copy(first.key, shown[1])
        log = structlog.get_logger()
        routes = {(GET, "/readyz"): health(lambda: ())}
        with running(HttpServer(("127.0.0.1", 0), routes, certificate=Certificate(*shown), log=log)) as server:
            assert self.peer(server, authority) == "first"
            shutil.copy(second.certificate, shown[0])
            assert self.peer(server, authority) == "first"
            shutil.copy(second.key, shown[1])
            assert self.peer(server, authority) == "second"

    def test_plain_text_is_not_understood(self, authority: Authority) -> None:
        """No answer, and the port lives on."""
        identity = authority.issue("server")
        certificate = Certificate(identity.certificate, identity.key)
        routes = {(GET, "/readyz"): health(lambda: ())}
        log = structlog.get_logger()
        with running(HttpServer(("127.0.0.1", 0), routes, certificate=certificate, log=log)) as server:
            assert b"200" not in say(server, b"GET /readyz HTTP/1.1\r\n\r\n")
            assert self.peer(server, authority) == "server"

    @pytest.mark.proves("security.ports-under-garbage")
    @pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["nothing", "half a handshake"])
    def test_strangers_who_never_shake_hands_keep_nobody_out(self, authority: Authority, said: bytes) -> None:
        """An API server that asks for a review is answered although every place is taken."""
        identity = authority.issue("server")
        certificate = Certificate(identity.certificate, identity.key)
        routes = {(GET, "/readyz"): health(lambda: ())}
        with running(HttpServer(("127.0.0.1", 0), routes, certificate=certificate, log=LOG)) as server:
            there = strangers(server, said)
            for _ in range(3):
                assert self.peer(server, authority) == "server"
            for each in there:
                each.close()
