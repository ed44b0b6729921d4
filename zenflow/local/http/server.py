"""The embedded API server on a socket, for kubectl and every other client: loopback only, TLS, one bearer token.

Bytes, connections and threads are here; what is answered is decided in `gateway`.
Each connection has a thread, which a watch keeps for as long as it lasts: a handful of clients, not a fleet.
"""

import contextlib
import hmac
import secrets
import select
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from zenflow.local.apiserver.requests import options
from zenflow.local.apiserver.server import ApiServer, refused
from zenflow.local.http import certificate
from zenflow.local.http.gateway import HEALTH, Gateway
from zenflow.local.streams import LocalStream
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, BadRequest, Forbidden, StreamEnded, Unauthorized
from zenflow.runtime.transport import JSON, Request, Response

MAX_BODY = 3 * 2**20
"""Bytes of a request's body, as kube-apiserver has it."""
_MAX_DRAINED = 64 * 2**20
_IDLE = 120.0
_LOOK_AROUND = 0.5
"""Seconds a quiet stream waits before it looks whether its connection still stands."""

_STOP_AFTER = 0.1
"""Seconds until the accepting thread notices that it is to stop."""

log = structlog.get_logger()


class HttpServer:
    """Serves an ApiServer at `https://127.0.0.1:PORT` from `start` to `stop`.

    Every request needs the bearer token, except for health. Requests are made as `user`, or as whom the client
    impersonates. Raises OSError if the port is taken. Port 0: any free one.
    """

    def __init__(
        self, api: ApiServer, *, clock: Clock, port: int = 0, token: str | None = None, user: str = "admin"
    ) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self.certificate, context = certificate.generate(clock.now())
        self._listener = _Listener(port, context, _Service(Gateway(api, clock), self.token, user))
        self._thread = threading.Thread(  # noqa: TID251 - the server of local/ is a world of its own
            target=self._listener.serve_forever, args=(_STOP_AFTER,), name="apiserver-http", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Accept connections, in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Accept nothing more, end every open watch and connection. Idempotent."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.close_all()


class _Service:
    """What all connections share."""

    def __init__(self, gateway: Gateway, token: str, user: str) -> None:
        self.gateway = gateway
        self.user = user
        self._authorization = f"Bearer {token}".encode()

    def admits(self, authorization: str) -> bool:
        """Whether this is our token, without telling by time how much of it is right."""
        return hmac.compare_digest(authorization.encode(), self._authorization)


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts connections on loopback and gives each a thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, context: ssl.SSLContext, service: _Service) -> None:
        self.service = service
        self._context = context
        self._lock = threading.Lock()  # guards _open
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The handshake is left to the connection's thread: a slow client must not hold up the others."""
        connection, address = super().get_request()
        connection.settimeout(_IDLE)
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(wrapped)
        return wrapped, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        threading.current_thread().name = f"apiserver-http-{client_address[1]}"
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients come and go, some in the middle of a handshake; only what was not foreseen is worth a line."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("connection failed", client=client_address, exc_info=error)

    def close_all(self) -> None:
        """Stop listening and hang up on everyone."""
        self.server_close()
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """One connection: its requests, one after the other, until the client leaves."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener
    connection: ssl.SSLSocket
    _methods: ClassVar = ("GET", "POST", "PUT", "PATCH", "DELETE")

    def handle(self) -> None:
        self.connection.do_handshake()
        super().handle()

    def version_string(self) -> str:
        return "zenflow"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses (malformed requests, unknown methods), as a Status like everything else."""
        self.close_connection = True
        self._answer(refused(ApiError(int(code), "", message or "malformed request")))

    def _serve(self) -> None:
        try:
            self._dispatch()
        except ApiError as refusal:
            self._answer(refused(refusal))
        except (OSError, EOFError):
            self.close_connection = True
        except Exception:
            log.exception("request failed", method=self.command, path=self.path)
            self.close_connection = True
            self._answer(refused(ApiError(500, "InternalError", "an error on the server has prevented the request")))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names the base class looks for

    def _dispatch(self) -> None:
        body = self._body()
        self._check_host()
        request = self._request(body)
        if request.path not in HEALTH and not self.server.service.admits(self.headers.get("Authorization", "")):
            raise Unauthorized(401, "Unauthorized", "Unauthorized")
        user = self.headers.get("Impersonate-User") or self.server.service.user
        if _is_stream(request):
            self._stream(self.server.service.gateway.stream(request, user), request)
        else:
            self._answer(self.server.service.gateway.send(request, user))

    def _check_host(self) -> None:
        """A page in a browser may make its name resolve to 127.0.0.1, but can't lie about the name."""
        host = self.headers.get("Host", "").lower()
        port = self.server.server_address[1]
        if host not in {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}:
            raise Forbidden(403, "Forbidden", f"host {host!r} is not served here, only 127.0.0.1 and localhost are")

    def _body(self) -> bytes:
        """All of it, so that the connection can be used again. Raises 400, 411, 413."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "LengthRequired", "a request body needs a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self.close_connection = True
            raise BadRequest(400, "BadRequest", f"invalid Content-Length {length!r}")
        if int(length) > MAX_BODY:
            self._drain(int(length))
            raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY}")
        return self.rfile.read(int(length))

    def _drain(self, length: int) -> None:
        """Read what will be refused: a client that is still sending would see a broken connection, not the refusal."""
        self.close_connection = True
        left = min(length, _MAX_DRAINED)
        while left > 0 and (chunk := self.rfile.read(min(left, 2**16))):
            left -= len(chunk)

    def _request(self, body: bytes) -> Request:
        target = urlsplit(self.path)
        return Request(
            self.command,
            unquote(target.path),
            tuple(parse_qsl(target.query, keep_blank_values=True)),
            body,
            self.headers.get("Content-Type", JSON),
            self.headers.get("Accept", ""),
        )

    def _answer(self, response: Response) -> None:
        self.send_response(response.status)
        self._headers({"content-type": JSON, **response.headers, "content-length": str(len(response.body))})
        self.wfile.write(response.body)

    def _headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name.title(), value)
        self.send_header("Cache-Control", "no-cache, private")
        self.end_headers()

    def _stream(self, stream: LocalStream, request: Request) -> None:
        """Send lines as they come, until the stream ends, the client leaves or the server hangs up."""
        try:
            self.send_response(200)
            content_type = "text/plain" if request.path.endswith("/log") else JSON
            self._headers({"content-type": content_type, "transfer-encoding": "chunked"})
            while not self._client_left():
                if lines := stream.read():
                    self._chunk(b"".join(line + b"\n" for line in lines))
                else:
                    stream.wait(_LOOK_AROUND)
            self.close_connection = True
        except StreamEnded:
            self._chunk(b"")
        finally:
            stream.close()

    def _chunk(self, data: bytes) -> None:
        """One chunk, on its way at once; an empty one ends the response."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _client_left(self) -> bool:
        """Whether the connection was closed. Nobody pipelines behind a watch: anything but silence is a farewell."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not poll.poll(0) and not self.connection.pending():
            return False
        self.connection.settimeout(0)
        try:
            self.connection.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(_IDLE)
        return True


def _is_stream(request: Request) -> bool:
    if request.method != "GET":
        return False
    return options.is_true(request, "follow" if request.path.endswith("/log") else "watch")
