"""Bytes on the controller's port by whoever can reach it: the probes answer, and nothing is kept.

Each attack holds its connections while the neighbour's flow runs; the probes are asked as the kubelet asks them.
"""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

from tests.hostile.attack import Attacks
from tests.hostile.stage import Stage

ATTACKS = Attacks("ports")
PROBE_TIMEOUT = 10  # of the shipped Deployment, at most
LINES = "GET /metrics HTTP/1.1\r\nHost: x\r\n"


def assert_probes_answer(stage: Stage) -> None:
    for path in ("/healthz", "/readyz"):
        connection = http.client.HTTPConnection(*stage.probes, timeout=PROBE_TIMEOUT)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        connection.close()


def bytes_sent(*pieces: bytes, connections: int = 1) -> Callable[[Stage], Iterator[None]]:
    """So many connections that say this and then nothing."""

    def deed(stage: Stage) -> Iterator[None]:
        with ExitStack() as held:
            for _ in range(connections):
                with suppress(OSError):
                    connection = held.enter_context(socket.create_connection(stage.metrics, timeout=5))
                    for piece in pieces:
                        connection.sendall(piece)
            assert_probes_answer(stage)
            yield
            assert_probes_answer(stage)
        assert_probes_answer(stage)

    return deed


SAYINGS = {
    "nothing": b"",
    "half-a-request": LINES.encode(),
    "garbage": bytes(range(256)) * 40,
    "a-tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 100,
    "a-megabyte-of-header": LINES.encode() + b"X: " + b"x" * 1_000_000,
    "ten-thousand-headers": LINES.encode() + b"X: y\r\n" * 10_000 + b"\r\n",
    "a-body-without-end": b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 100_000,
    "a-negative-length": b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "chunks-without-end": b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n"
    + b"x" * 9_000,
    "a-path-of-100-kilobytes": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "another-method": b"BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "two-requests-at-once": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
}
for _name, _said in SAYINGS.items():
    ATTACKS.add(_name, bytes_sent(_said))
ATTACKS.add("a-hundred-idle-connections", bytes_sent(b"", connections=100))
ATTACKS.add("a-hundred-half-requests", bytes_sent(LINES.encode(), connections=100))
ATTACKS.add("five-hundred-half-requests", bytes_sent(LINES.encode(), connections=500))


@ATTACKS.attack("slow-bytes")
def slow_bytes(stage: Stage) -> Iterator[None]:
    """70 connections, each of which says one more byte whenever it is looked at."""
    with ExitStack() as held:
        connections = []
        for _ in range(70):
            with suppress(OSError):
                connections.append(held.enter_context(socket.create_connection(stage.metrics, timeout=5)))
        for _ in range(3):
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(b"G")
            assert_probes_answer(stage)
        yield
        for connection in connections:
            with suppress(OSError):
                connection.sendall(b"E")
        assert_probes_answer(stage)
