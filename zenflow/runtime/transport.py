"""One request out, one response or stream back: the only seam between the project and an API server.

`KubeTransport` below is the network one, `local.apiserver.ApiServer` the embedded one.
Nothing above this seam knows which of the two it talks to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to an API server, as values.

    `path` is percent-decoded and absolute (`/apis/batch/v1/namespaces/default/jobs`), `query` holds
    decoded pairs in order, `timeout` is in seconds (None: the transport's own default).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = JSON
    accept: str = JSON
    timeout: float | None = None

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whatever its status. Header names are lower-case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An open watch (or log) response: newline-delimited bytes.

    A refused request never becomes a Stream: `Transport.stream` raises `errors.ApiError` instead.
    """

    def read(self) -> Sequence[bytes]:
        """The complete lines that have arrived, without their newlines.

        A network stream blocks until there is at least one; the embedded one returns an empty
        sequence instead of blocking. Raises `errors.StreamEnded` when the server closed it,
        `errors.StreamSilent` when nothing came within the inactivity limit.
        """
        ...

    def close(self) -> None:
        """Give the connection back. A `read` blocked in another thread ends with `StreamEnded`. Idempotent."""
        ...


class Transport(Protocol):
    """Safe to use from several threads at once."""

    def send(self, request: Request) -> Response:
        """Send and wait for the whole answer; refusals (4xx, 5xx) are returned, not raised.

        Raises `errors.Unreachable` when no answer came: the request may or may not have been carried out.
        """
        ...

    def stream(self, request: Request, *, silence: float) -> Stream:
        """Open a watch that may be silent for `silence` seconds. Raises `errors.ApiError` or `errors.Unreachable`."""
        ...
