"""A Transport that answers as it was told and keeps what it was asked. For tests of what stands on a Transport."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from zenflow.runtime.errors import RuntimeFault, StreamEnded, Unreachable
from zenflow.runtime.transport import Request, Response, Stream, Transport


def reply(body: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    return Response(status, msgspec.json.encode(body), headers)


def refusal(code: int, reason: str, message: str = "no", **headers: str) -> Response:
    """A meta/v1 Status that refuses."""
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
    return reply(body, code, **headers)


def event(type_: str, item: Any) -> bytes:
    """One line of a watch."""
    return msgspec.json.encode({"type": type_, "object": item})


class ScriptedStream:
    """Hands out the given batches of lines, then what the test pushes; an exception among them is raised."""

    def __init__(self, *batches: Sequence[bytes] | RuntimeFault) -> None:
        self._batches = deque(batches)
        self.closed = False

    def push(self, batch: Sequence[bytes] | RuntimeFault) -> None:
        """What a later read finds."""
        self._batches.append(batch)

    def read(self) -> Sequence[bytes]:
        if self.closed:
            raise StreamEnded("closed by us")
        if not self._batches:
            return ()
        batch = self._batches.popleft()
        if isinstance(batch, RuntimeFault):
            raise batch
        return batch

    def close(self) -> None:
        self.closed = True


class ScriptedTransport:
    """Answers requests in the order of the script, whatever they ask, and keeps them in `requests`."""

    def __init__(self, *script: Response | ScriptedStream | RuntimeFault) -> None:
        self._script = deque(script)
        self.requests: list[Request] = []

    def then(self, *script: Response | ScriptedStream | RuntimeFault) -> None:
        """More answers."""
        self._script.extend(script)

    def send(self, request: Request) -> Response:
        answer = self._next(request)
        assert isinstance(answer, Response), f"the script has a stream where {request} was sent"
        return answer

    def stream(self, request: Request, *, silence: float) -> ScriptedStream:
        answer = self._next(request)
        assert isinstance(answer, ScriptedStream), f"the script has a response where {request} was opened"
        return answer

    def _next(self, request: Request) -> Response | ScriptedStream:
        self.requests.append(request)
        assert self._script, f"nothing in the script answers {request}"
        answer = self._script.popleft()
        if isinstance(answer, RuntimeFault):
            raise answer
        return answer


class FlakyTransport:
    """Another transport that can be cut off, with or without the requests still arriving."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.is_down = False
        self.loses_answers = False

    def send(self, request: Request) -> Response:
        if self.is_down:
            raise Unreachable("cut off")
        response = self._transport.send(request)
        if self.loses_answers:
            raise Unreachable("the answer was lost on its way")
        return response

    def stream(self, request: Request, *, silence: float) -> Stream:
        if self.is_down:
            raise Unreachable("cut off")
        return self._transport.stream(request, silence=silence)
