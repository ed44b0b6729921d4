"""What the embedded API server streams: watches, and the logs that an executor offers."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from zenflow.runtime.errors import StreamEnded
from zenflow.runtime.transport import Request, Stream, Transport


class LocalStream(Stream, Protocol):
    """A Stream whose `read` never blocks, and which a server in another thread can wait on."""

    def wait(self, timeout: float) -> None:
        """Return when `read` may have something to say, at the latest after `timeout` seconds."""
        ...


class LocalTransport(Transport, Protocol):
    """A Transport to the embedded API server: its streams are local ones."""

    def stream(self, request: Request, *, silence: float) -> LocalStream:
        """Open a watch or a log. Raises `errors.ApiError`. `silence` is for networks only."""
        ...


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query of `pods/NAME/log`. `since` is RFC 3339; None and empty strings mean not asked for."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None
    since: str = ""


class LogSource(Protocol):
    """Where `pods/NAME/log` comes from: the executor that runs the Pods."""

    def open_log(self, namespace: str, pod: str, options: LogOptions) -> LocalStream:
        """The lines of one container; without `follow` the stream ends after what is there.

        `container` is always filled in. Raises `errors.ApiError` (400 where the container has not started).
        """
        ...


class Lines:
    """A stream of lines that are all there from the start."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = deque(lines)

    def read(self) -> Sequence[bytes]:
        if not self._lines:
            raise StreamEnded
        lines = tuple(self._lines)
        self._lines.clear()
        return lines

    def wait(self, timeout: float) -> None:
        """Never waits: what there is, is there."""

    def close(self) -> None:
        self._lines.clear()
