"""API servers whose watches are late or fall silent, and whose caches answer with the past."""

from collections.abc import Callable, Sequence

from tests.support.clock import VirtualClock
from zenflow.runtime.errors import StreamSilent
from zenflow.runtime.transport import Request, Response, Stream, Transport


class LateStream:
    """Holds every line back until the moment given."""

    def __init__(self, stream: Stream, is_due: Callable[[], bool]) -> None:
        self._stream = stream
        self._is_due = is_due

    def read(self) -> Sequence[bytes]:
        return self._stream.read() if self._is_due() else ()

    def close(self) -> None:
        self._stream.close()


class SilentStream:
    """Gives its first lines and then nothing; like a network stream it is declared dead after `silence` seconds."""

    def __init__(self, stream: Stream, lines: int, clock: VirtualClock, silence: float) -> None:
        self._stream = stream
        self._left = lines
        self._clock = clock
        self._silence = silence
        self._heard_at = clock.monotonic()

    def read(self) -> Sequence[bytes]:
        lines = self._stream.read()[: self._left] if self._left else ()
        self._left -= len(lines)
        now = self._clock.monotonic()
        if lines:
            self._heard_at = now
        elif now >= self._heard_at + self._silence:
            raise StreamSilent(f"nothing for {self._silence:g} s")
        return lines

    def close(self) -> None:
        self._stream.close()


class LateWatches:
    """A transport on which the watches of one resource are late: nothing of it is heard before `until` seconds."""

    def __init__(self, transport: Transport, clock: VirtualClock, plural: str, until: float) -> None:
        self._transport = transport
        self._clock = clock
        self._plural = plural
        self._until = until

    def send(self, request: Request) -> Response:
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        stream = self._transport.stream(request, silence=silence)
        if not request.path.endswith(self._plural):
            return stream
        return LateStream(stream, lambda: self._clock.monotonic() >= self._until)


class FirstWatchFallsSilent:
    """A transport on which the first watch of one resource is dropped without a word after so many lines."""

    def __init__(self, transport: Transport, clock: VirtualClock, plural: str, lines: int) -> None:
        self._transport = transport
        self._clock = clock
        self._plural = plural
        self._lines = lines
        self._watches = 0

    def send(self, request: Request) -> Response:
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        stream = self._transport.stream(request, silence=silence)
        if not request.path.endswith(self._plural):
            return stream
        self._watches += 1
        return SilentStream(stream, self._lines, self._clock, silence) if self._watches == 1 else stream


class OldCaches:
    """A transport to an API server whose caches are as old as it: a list at resourceVersion 0 is the first one ever."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._first: dict[str, Response] = {}

    def send(self, request: Request) -> Response:
        is_list = request.method == "GET" and "limit" in dict(request.query)
        if is_list and request.param("resourceVersion") == "0" and request.path in self._first:
            return self._first[request.path]
        response = self._transport.send(request)
        if is_list:
            self._first.setdefault(request.path, response)
        return response

    def stream(self, request: Request, *, silence: float) -> Stream:
        return self._transport.stream(request, silence=silence)
