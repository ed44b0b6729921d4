"""Two replicas that hold a Lease by turns: one may be stopped in the middle of a request and go on later."""

import random
from collections.abc import Callable, Sequence

from tests.simulation.invariants import Historian
from tests.simulation.shapes import Shape
from tests.simulation.world import Replica, Simulation
from zenflow.runtime.client import Client
from zenflow.runtime.errors import LeaseLost
from zenflow.runtime.leader import FencedTransport, LeaderElector, LeaseTerms
from zenflow.runtime.transport import Request, Response, Stream, Transport


class Recording:
    """Writes down each request that reaches the API server, and who sent it."""

    def __init__(self, transport: Transport, name: str, record: list[tuple[str, Request]]) -> None:
        self._transport = transport
        self._name = name
        self._record = record

    def send(self, request: Request) -> Response:
        self._record.append((self._name, request))
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        return self._transport.stream(request, silence=silence)


class Stoppable:
    """Calls `stop` before the n-th write of a replica, as SIGSTOP and SIGCONT would come there."""

    def __init__(self, transport: Transport, stop_at: int | None, stop: Callable[[], None]) -> None:
        self._transport = transport
        self._stop_at = stop_at
        self._stop = stop
        self.writes = 0

    def send(self, request: Request) -> Response:
        if request.method != "GET":
            self.writes += 1
            if self.writes - 1 == self._stop_at:
                self._stop()
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        return self._transport.stream(request, silence=silence)


class Candidate:
    """One replica with its elector, as `controller.service` puts them together."""

    def __init__(self, world: "Pair", name: str, stop_at: int | None = None) -> None:
        api = world.simulation.api.as_user(name)
        terms = LeaseTerms("default", "zen-flow", name)
        clock, rng = world.simulation.clock, random.Random(name)
        self.elector = LeaderElector(Client(api), terms, clock=clock, random=rng.random)
        fenced = FencedTransport(Recording(api, name, world.record), self.elector)
        self.transport = Stoppable(fenced, stop_at, world.stop)
        self.replica = Replica(self.transport, clock, rng, lag=0.0)
        self.name = name
        self.is_out = False  # its process has ended, as one does that has lost its Lease
        self._clock = clock
        self._elect_at = 0.0

    def step(self) -> bool:
        """Ask for the Lease when it is time, and work while it is ours."""
        if self.is_out:
            return False
        if self._clock.monotonic() >= self._elect_at:
            try:
                self._elect_at = self._clock.monotonic() + self.elector.step()
            except LeaseLost:
                self.is_out = True
                return False
        return self.replica.step() if self.elector.is_leader else self.replica.read()

    def next_due(self) -> float | None:
        times = [self._elect_at, self.replica.next_due() if self.elector.is_leader else None]
        return None if self.is_out else min(time for time in times if time is not None)


class Pair:
    """`first` leads; before its `stop_at`-th write it stands still until the other leads and has done its part."""

    def __init__(self, shape: Shape, stop_at: int | None = None) -> None:
        self.record: list[tuple[str, Request]] = []
        self.simulation = Simulation(shape.script())
        self.simulation.submit(shape.name, shape.steps)
        self.first = Candidate(self, "first", stop_at)
        self.second = Candidate(self, "second")
        self.stopped_at: int | None = None  # how many requests had reached the API server when it went on

    @property
    def history(self) -> Historian:
        return self.simulation.history

    def run(self) -> dict[str, object]:
        """The end state, once every flow has ended."""
        self._drive([self.first, self.second], self.history.all_ended)
        return self.history.end_state()

    def stop(self) -> None:
        """The first stands still in the middle of what it does; the other takes over and ends the flow."""
        self._drive([self.second], lambda: self.second.elector.is_leader and self.history.all_ended())
        self.stopped_at = len(self.record)

    def writes_after_the_stop(self) -> list[Request]:
        """What the first got through to the API server once the other had led."""
        later = self.record[self.stopped_at :] if self.stopped_at is not None else []
        return [request for name, request in later if name == "first" and request.method != "GET"]

    def _drive(self, candidates: Sequence[Candidate], is_done: Callable[[], bool], rounds: int = 5_000) -> None:
        for _ in range(rounds):
            did = [self.simulation.step_cluster(), *(each.step() for each in candidates)]
            self.history.observe()
            if any(did):
                continue
            if is_done():
                return
            times = [self.simulation.cluster_due(), *(each.next_due() for each in candidates)]
            due = min((time for time in times if time is not None), default=None)
            assert due is not None, f"nobody will ever do anything again: {self.history.end_state()}"
            self.simulation.clock.advance(max(due - self.simulation.clock.monotonic(), 0.001))
        raise AssertionError(f"flows still stand: {self.history.end_state()}")
