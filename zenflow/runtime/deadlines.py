"""HTTP connections on which a read timeout is a deadline for the whole answer, head and body.

A timeout of a socket begins anew with each byte: a server that sends one now and then would hold a request for ever.
"""

import http.client
import io
import socket
import time
from typing import Any

import urllib3
import urllib3.connection

# Where a connection has no timeout at all; seconds.
LONGEST = 40.0


class _Timed(io.RawIOBase):
    """What a socket receives until a moment: a timeout alone would begin anew with each byte."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase, deadline: float) -> None:
        self._connection = connection
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """An answer for the whole of which the socket's timeout counts, head and body."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        deadline = time.monotonic() + (sock.gettimeout() or LONGEST)
        self.fp = io.BufferedReader(_Timed(sock, self.fp.detach(), deadline))


class _TimedHttpConnection(urllib3.connection.HTTPConnection):
    response_class = _TimedResponse


class _TimedHttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _TimedResponse


class TimedHttpPool(urllib3.HTTPConnectionPool):
    """Plain connections whose read timeout counts for the whole of an answer."""

    ConnectionCls = _TimedHttpConnection


class TimedHttpsPool(urllib3.HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _TimedHttpsConnection
