"""A plain HTTP(S) server on loopback, which answers as a test tells it and keeps what it was asked."""

import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[["Asked"], None]
PEM = serialization.Encoding.PEM


@dataclass
class Asked:
    """One request as it arrived, and the handler to answer it with."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler
    user: str = ""  # the common name of the client's certificate

    def answer(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        """A whole answer."""
        self.handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def begin_stream(self) -> None:
        """An answer in chunks, as a watch is sent."""
        self.handler.send_response(200)
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()

    def chunk(self, data: bytes) -> None:
        """The next chunk; an empty one ends the answer."""
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()


@dataclass
class Httpd:
    """The running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)  # set when the test is over: for scripts that wait


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Httpd]:
    """Answer every request by `script`, each connection in its thread, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, self, _user(self.request))
            httpd.asked.append(asked)
            script(asked)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = handle_any  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that go away are part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    httpd = Httpd(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="httpd")  # noqa: TID251 - the other side
    thread.start()
    try:
        yield httpd
    finally:
        httpd.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority of one test, which signs for 127.0.0.1 and for users."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("test-ca")
        builder = _builder(self._name, self._name, self._key.public_key())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(certificate.public_bytes(PEM))

    def issue(self, name: str) -> Identity:
        """A certificate for a server on 127.0.0.1, or a user, of this common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        signed = _builder(_name(name), self._name, key.public_key()).add_extension(address, critical=False)
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        identity.certificate.write_bytes(signed.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        private = serialization.PrivateFormat.PKCS8
        identity.key.write_bytes(key.private_bytes(PEM, private, serialization.NoEncryption()))
        return identity

    def server_context(self, *, client_certificates: bool = False) -> ssl.SSLContext:
        """For a server that this authority vouches for, and that may ask clients for their certificate."""
        identity = self.issue("server")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(identity.certificate, identity.key)
        if client_certificates:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251 - certificates are checked against the machine's clock
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


def _user(connection: Any) -> str:
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    subject: Any = (certificate or {}).get("subject", ())
    return next((str(value) for part in subject for kind, value in part if kind == "commonName"), "")
