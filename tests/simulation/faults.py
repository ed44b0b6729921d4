"""What may go wrong between a replica and the API server, addressed by the number of the request."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from zenflow.runtime.errors import Unreachable
from zenflow.runtime.transport import Request, Response, Stream, Transport


class Crash(BaseException):
    """`kill -9`: no handler of the controller's may see it."""


class Moment(StrEnum):
    """Where in a request the process dies."""

    BEFORE_SEND = "before send"
    AFTER_APPLY = "after apply"


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one run. `crash_at` and `lose_at` count the replica's requests from 0; `lag` is in seconds.

    The request at `lose_at` is carried out, and its answer never comes.
    """

    crash_at: int | None = None
    moment: Moment = Moment.BEFORE_SEND
    lose_at: int | None = None
    lag: float = 0.0


class FaultyTransport:
    """Counts the requests of one replica and kills it at the one the plan names. Watches count as requests."""

    def __init__(self, transport: Transport, plan: Plan, after_each: Callable[[], None]) -> None:
        self._transport = transport
        self._plan = plan
        self._after_each = after_each
        self.requests: list[str] = []
        self.sent: list[Request] = []
        self.before_each: Callable[[Request], None] = lambda request: None  # somebody else may be quicker

    def send(self, request: Request) -> Response:
        self._die_if(Moment.BEFORE_SEND, self._count(request))
        self.before_each(request)
        response = self._transport.send(request)
        self._after_each()
        self._die_if(Moment.AFTER_APPLY, len(self.requests) - 1)
        if len(self.requests) - 1 == self._plan.lose_at:
            raise Unreachable("the answer never came")
        return response

    def stream(self, request: Request, *, silence: float) -> Stream:
        self._die_if(Moment.BEFORE_SEND, self._count(request))
        return self._transport.stream(request, silence=silence)

    def _count(self, request: Request) -> int:
        self.requests.append(f"{request.method} {request.path}")
        self.sent.append(request)
        return len(self.requests) - 1

    def _die_if(self, moment: Moment, number: int) -> None:
        if moment is self._plan.moment and number == self._plan.crash_at:
            raise Crash
