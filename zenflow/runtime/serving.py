"""Ports of the controller: health, metrics, and the admission webhook.

An HTTP server for few and simple requests. What a route answers is decided elsewhere; here are only the limits
that keep strangers' bytes from costing anything: sizes, times, and the number of connections. Whoever can reach a port
can open connections and say nothing, or a byte now and then: where there is no more room the connection that has been
waiting longest for its client goes, so that a probe or a review, which says all it has at once, is always heard.
"""

import contextlib
import io
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

# An AdmissionReview holds the object twice, and the API server takes objects of up to 3 MiB.
MAX_BODY = 8 * 1024 * 1024
# Seconds a client may take for its handshake, and for the whole of its next request, from when it may begin.
PATIENCE = 30.0
# Connections in all. Those whose answers are being made keep their places, all others give way to newcomers.
MAX_CONNECTIONS = 64
# Answers of one path that are made at once: far fewer than connections, so that there is always one that gives way.
MAX_ANSWERS = 24
# Bugs that are told with their place, each place once: whoever meets one may meet it at every request.
MAX_TOLD = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives back."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Route = Callable[[bytes], Answer]
"""From the request's body to the answer."""
Routes = Mapping[tuple[str, str], Route]
"""By method and path."""


def health(problems: Callable[[], Iterable[str]]) -> Route:
    """A probe: "ok" while there are no problems, else 503 with one on each line."""

    def answer(body: bytes) -> Answer:
        found = list(problems())
        return Answer(503, "\n".join(found).encode()) if found else Answer(200, b"ok")

    return answer


def metrics(registry: CollectorRegistry) -> Route:
    """What Prometheus scrapes."""
    return lambda body: Answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)


def webhook(review: Callable[[bytes], bytes]) -> Route:
    """An admission webhook: AdmissionReview in, AdmissionReview out. `review` raises ValueError for what is none."""

    def answer(body: bytes) -> Answer:
        try:
            return Answer(200, review(body), "application/json")
        except ValueError as error:
            return Answer(400, str(error).encode())

    return answer


class Credentials(Protocol):
    """What a server shows of itself."""

    def context(self) -> ssl.SSLContext:
        """For the next handshake. Raises OSError where there is nothing to show; the connection ends."""
        ...


class Certificate:
    """A certificate and its key on disk, read again when a file changes: cert-manager and the kubelet replace them."""

    def __init__(self, certificate: Path, private_key: Path) -> None:
        self._paths = (certificate, private_key)
        self._lock = threading.Lock()  # guards the two below
        self._stamp: tuple[int, ...] = ()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """For the next handshake. Files that do not fit together (half replaced) leave the previous pair in use."""
        with self._lock:
            try:
                if self._stamps() != self._stamp:
                    self._context = self._load()
            except (OSError, ssl.SSLError):
                pass
            return self._context

    def _load(self) -> ssl.SSLContext:
        stamp = self._stamps()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._paths)
        self._stamp = stamp
        return context

    def _stamps(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._paths)


class _Places:
    """Who is connected. The accepting thread lets in, each connection's own thread says how it stands."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()  # guards the two below
        self._waiting: dict[int, socket.socket] = {}  # those that wait for their clients, the longest first
        self._answering: set[int] = set()

    def enter(self, number: int, connection: socket.socket) -> bool:
        """Take a place, from the one that has waited longest if there is none; False if nobody can give way."""
        with self._lock:
            if len(self._waiting) + len(self._answering) >= self._size:
                oldest = next(iter(self._waiting), None)
                if oldest is None:
                    return False
                _hang_up(self._waiting.pop(oldest))
            self._waiting[number] = connection
            return True

    def wait(self, number: int, connection: socket.socket) -> bool:
        """Wait for the client, from now on after an answer, else as long as before; False if the place was lost."""
        with self._lock:
            if number not in self._waiting and number not in self._answering:
                return False
            self._answering.discard(number)
            self._waiting[number] = connection
            return True

    def answer(self, number: int) -> bool:
        """Keep the place until `wait`; False if it was lost meanwhile."""
        with self._lock:
            if self._waiting.pop(number, None) is None:
                return False
            self._answering.add(number)
            return True

    def leave(self, number: int) -> None:
        """Free the place, if it was not lost."""
        with self._lock:
            self._waiting.pop(number, None)
            self._answering.discard(number)


def _hang_up(connection: socket.socket) -> None:
    """End a read or write that another thread is in. That of the plain socket: TLS keeps state that is not ours."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Punctual(io.RawIOBase):
    """Bytes from a socket until a moment, however few come at a time: a timeout alone begins anew with each of them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.deadline = 0.0  # monotonic

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class HttpServer(ThreadingTCPServer):
    """Serves the routes on one address; `serve` blocks until `stop`.

    A path that is not served is 404, a wrong method 405, a body that is too large 413; 503 where too many answers of
    the path are being made. An exception in a route is a 500 without details, and goes to the log.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not keep the process alive
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        routes: Routes,
        *,
        certificate: Credentials | None = None,
        log: Any,
        patience: float = PATIENCE,
    ) -> None:
        self.routes = routes
        self.log = log
        self.patience = patience
        self._certificate = certificate
        self.places = _Places(MAX_CONNECTIONS)
        self.rooms = {key: threading.BoundedSemaphore(MAX_ANSWERS) for key in routes}
        self._told: set[object] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)  # type: ignore[arg-type] # made by finish_request, which knows its place

    @property
    def port(self) -> int:
        """The port it listens on; where 0 was asked for, the one that was free."""
        return int(self.server_address[1])

    def serve(self) -> None:
        """Answer requests until `stop` is called from another thread."""
        self.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Stop listening. Requests that are being answered may finish."""
        self.shutdown()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection when there is no place for it, and none can be made."""
        return self.places.enter(id(request), request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, in its own thread."""
        number = id(request)  # of an object that lives as long as this does
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.leave(number)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake, where there is one, is made in the connection's thread: a slow one delays nobody."""
        number = id(request)
        request.settimeout(self.patience)
        if self._certificate is None:
            _Handler(request, client_address, self, number)
            return
        context = self._certificate.context()
        with context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as secure:
            if self.places.wait(number, secure):
                secure.do_handshake()  # its timeout is for the whole of it
                _Handler(secure, client_address, self, number)

    def tell(self, path: str, error: Exception) -> None:
        """A bug of ours, once for each place in the code."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (type(error), frames[-1].filename, frames[-1].lineno)
        if place not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(place)
            self.log.error("request failed, told once", path=path, error=str(error), exc_info=error)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections and failed handshakes are the client's affair."""
        self.log.debug("connection failed", client=str(client_address), exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the API server keeps its connection to a webhook
    server_version = "zenflow"
    sys_version = ""
    server: HttpServer

    def __init__(self, request: socket.socket, client_address: Any, server: HttpServer, number: int) -> None:
        self._number = number
        super().__init__(request, client_address, server)

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._incoming = _Punctual(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        """One request, for the whole of which the client has so many seconds."""
        if not self.server.places.wait(self._number, self.connection):
            self.close_connection = True
            return
        self._incoming.deadline = time.monotonic() + self.server.patience
        super().handle_one_request()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        answer = self._route()
        # Before it is sent: a client that does not read what it has asked for waits like one that does not ask.
        if not self.server.places.wait(self._number, self.connection):
            self.close_connection = True
            return
        self.connection.settimeout(self.server.patience)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def _route(self) -> Answer:
        path = self.path.partition("?")[0]
        body = self._body()
        if body is None:
            self.close_connection = True  # what is left of the request must not be read as the next one
            return Answer(413, b"body too large, or of unknown length")
        if (self.command, path) not in self.server.routes:
            known = any(path == served for _, served in self.server.routes)
            return Answer(405, b"method not allowed") if known else Answer(404, b"not found")
        return self._made(path, body)

    def _made(self, path: str, body: bytes) -> Answer:
        room = self.server.rooms[self.command, path]
        if not room.acquire(blocking=False):
            return Answer(503, b"too many requests at once")
        try:
            if not self.server.places.answer(self._number):
                return Answer(503, b"hung up")
            return self.server.routes[self.command, path](body)
        except Exception as error:  # the client must get an answer, and the port must live on
            self.server.tell(path, error)
            return Answer(500, b"internal error")
        finally:
            room.release()

    def _body(self) -> bytes | None:
        """The request's body; None if it is not worth reading."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY:
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Probes come every few seconds; nobody wants to read that."""
