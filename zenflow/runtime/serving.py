"""Ports of the controller: health, metrics, and the admission webhook.

An HTTP server for few and simple requests. What a route answers is decided elsewhere; here are only the limits
that keep strangers' bytes from costing anything: sizes, times, and the number of connections.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

# An AdmissionReview holds the object twice, and the API server takes objects of up to 3 MiB.
MAX_BODY = 8 * 1024 * 1024
# Seconds a client may take for its handshake, its request, or until its next one.
PATIENCE = 30.0
MAX_CONNECTIONS = 64


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


class HttpServer(ThreadingTCPServer):
    """Serves the routes on one address; `serve` blocks until `stop`.

    A path that is not served is 404, a wrong method 405, a body that is too large 413. An exception in a route is
    a 500 without details, and goes to the log.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not keep the process alive
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], routes: Routes, *, certificate: Credentials | None = None, log: Any
    ) -> None:
        self.routes = routes
        self.log = log
        self._certificate = certificate
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

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
        """Refuse a connection when there is no room for its thread."""
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, in its own thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake, where there is one, is made in the connection's thread: a slow one delays nobody."""
        request.settimeout(PATIENCE)
        if self._certificate is None:
            super().finish_request(request, client_address)
            return
        with self._certificate.context().wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections and failed handshakes are the client's affair."""
        self.log.debug("connection failed", client=str(client_address), exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the API server keeps its connection to a webhook
    server_version = "zenflow"
    sys_version = ""
    timeout = PATIENCE
    server: HttpServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        answer = self._route()
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
        route = self.server.routes.get((self.command, path))
        body = self._body()
        if body is None:
            self.close_connection = True  # what is left of the request must not be read as the next one
            return Answer(413, b"body too large, or of unknown length")
        if route is None:
            known = any(path == served for _, served in self.server.routes)
            return Answer(405, b"method not allowed") if known else Answer(404, b"not found")
        try:
            return route(body)
        except Exception as error:  # the client must get an answer, and the port must live on
            self.server.log.error("request failed", path=path, error=str(error), exc_info=error)
            return Answer(500, b"internal error")

    def _body(self) -> bytes | None:
        """The request's body; None if it is not worth reading."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY:
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Probes come every few seconds; nobody wants to read that."""
