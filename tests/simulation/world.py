"""A whole cluster, a replica of the controller and the passing of time, in one thread and from one seed.

The controller is the real composition (`controller.app.build`), the cluster the embedded one with scripted
containers. Nothing waits: when no actor has anything to do, the clock goes to the next moment at which one has.
"""

import heapq
import json
import random
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from tests.simulation.faults import Crash, FaultyTransport, Plan
from tests.simulation.invariants import Historian
from tests.support.clock import VirtualClock
from zenflow.api import crd
from zenflow.controller.app import App, World, build
from zenflow.controller.objects import JOBFLOWS
from zenflow.controller.settings import LeaderElection, Settings
from zenflow.local.apiserver.admission import Admission
from zenflow.local.apiserver.storage.store import MAX_OBJECT
from zenflow.local.cluster import LocalCluster
from zenflow.local.containers.script import Script, ScriptExecutor
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.reflector import IDLE
from zenflow.runtime.transport import Transport

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
SETTINGS = Settings(leader_election=LeaderElection(enabled=False), metrics_port=0)
# A simulated crash is no news to whoever reads the test report.
_QUIET = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(50))


class Replica:
    """One process of the controller, which a plan may kill at any of its requests and which then starts anew.

    `lag`: its caches are read at random moments up to so many seconds apart.
    """

    def __init__(self, transport: Transport, clock: VirtualClock, rng: random.Random, lag: float) -> None:
        self._transport = transport
        self._clock = clock
        self._rng = rng
        self._lag = lag
        self.crashes = 0
        self._start()

    def _start(self) -> None:
        self._registry = CollectorRegistry()
        world = World(
            client=Client(self._transport),
            clock=self._clock,
            random=self._rng.random,
            log=_QUIET,
            metrics=Metrics(self._registry),
        )
        self.app: App = build(SETTINGS, world)
        self._resting = [self._clock.monotonic()] * len(self.app.reflectors)

    def step(self) -> bool:
        """Read each cache that is due, then reconcile one key. A crash loses everything but what the cluster holds."""
        try:
            return self.read() | (self.app.has_synced and self.app.loop.step(0.0))
        except Crash:
            self.crashes += 1
            self._start()
            return True

    @property
    def reconciles(self) -> float:
        """How many there were since the process started."""
        results = ("success", "requeue_after", "requeue", "error")
        name, labels = "controller_runtime_reconcile_total", {"controller": "jobflow"}
        return sum(self._registry.get_sample_value(name, {**labels, "result": each}) or 0 for each in results)

    def read(self) -> bool:
        """Read each cache that is due, and reconcile nothing, as a replica does that waits for the Lease."""
        busy = False
        for index, reflector in enumerate(self.app.reflectors):
            if self._resting[index] > self._clock.monotonic():
                continue
            wait = reflector.step()
            busy |= wait == 0
            pause = wait if wait > IDLE else self._rng.random() * self._lag * reflector.informer.has_synced
            self._resting[index] = self._clock.monotonic() + pause
        return busy

    def next_due(self) -> float | None:
        """When it has something to do although nothing changes."""
        times = [self.app.queue.next_due(), *(t for t in self._resting if t > self._clock.monotonic())]
        return min((time for time in times if time is not None), default=None)


class Simulation:
    """One run: flows in, their world driven until they have all ended. `admission` sees every write, and may refuse.

    `between` puts something between the controller and the API server (`streams`).
    """

    def __init__(  # noqa: PLR0913 - all but one have a default
        self,
        script: Callable[[VirtualClock], Script],
        *,
        seed: int = 0,
        plan: Plan | None = None,
        admission: Sequence[Admission] = (),
        clock: VirtualClock | None = None,
        between: Callable[[Transport, VirtualClock], Transport] = lambda transport, clock: transport,
        max_object: int = MAX_OBJECT,
    ) -> None:
        self.plan = plan or Plan()
        self.clock = clock or VirtualClock()
        self.random = random.Random(seed)
        executor = ScriptExecutor(script(self.clock), self.clock)
        self._cluster = LocalCluster(
            lambda api: executor,
            clock=self.clock,
            random=self.random.random,
            admission=admission,
            max_object=max_object,
        )
        self.api = api = self._cluster.api
        self._user = Client(api.as_user("user"))
        self._user.create(CRDS, json.dumps(crd.build()).encode())
        self.history = Historian(api)
        server = between(api.as_user("controller"), self.clock)
        self.transport = FaultyTransport(server, self.plan, self.history.observe)
        self.replica = Replica(self.transport, self.clock, self.random, self.plan.lag)
        self._agenda: list[tuple[float, int, Callable[[Client], object]]] = []
        self._order = count()

    def submit(self, name: str, steps: Sequence[dict[str, Any]], **spec: Any) -> str:
        """Create a flow; its UID."""
        body = {
            "apiVersion": JOBFLOWS.api_version,
            "kind": JOBFLOWS.kind,
            "metadata": {"name": name},
            "spec": {"steps": list(steps), **spec},
        }
        created = json.loads(self._user.create(JOBFLOWS, json.dumps(body).encode(), "default"))
        return str(created["metadata"]["uid"])

    def later(self, seconds: float, action: Callable[[Client], object]) -> None:
        """A person does something, so many seconds after the beginning."""
        heapq.heappush(self._agenda, (seconds, next(self._order), action))

    def run(self, rounds: int = 20_000) -> dict[str, Any]:
        """Drive all actors until every flow has ended and nothing is left to do; the end state.

        AssertionError where the flows still stand after so many rounds, or wait for a timer that nobody has set.
        """
        for _ in range(rounds):
            if self._round():
                continue
            if not self._agenda and self.history.all_ended():
                return self.history.end_state()
            self._pass_time()
        raise AssertionError(f"flows still stand after {rounds} rounds: {self.history.end_state()}")

    def settle(self, seconds: float = 60.0) -> None:
        """Drive all actors for so long, whether or not flows end."""
        end = self.clock.monotonic() + seconds
        while True:
            if self._round():
                continue
            now = self.clock.monotonic()
            if now >= end:
                return
            due = self._next_due()
            self.clock.advance(end - now if due is None else min(max(due - now, 0.001), end - now))

    def as_user(self, name: str) -> Client:
        """The API as somebody else."""
        return Client(self.api.as_user(name))

    def step_cluster(self) -> bool:
        """Let the cluster alone do one thing."""
        return self._cluster.step()

    def cluster_due(self) -> float | None:
        """When the cluster will have something to do although nothing changes."""
        return self._cluster.next_due()

    def flow(self, name: str) -> dict[str, Any]:
        """The flow as the API server holds it."""
        found: dict[str, Any] = json.loads(self._user.get(JOBFLOWS, name, "default"))
        return found

    def _round(self) -> bool:
        """Give each actor its turn, in an order of the seed. False: none had anything to do."""
        actors: list[Callable[[], bool]] = [self._cluster.step, self.replica.step, self._act]
        self.random.shuffle(actors)
        did_something = [actor() for actor in actors]
        self.history.observe()
        return any(did_something)

    def _act(self) -> bool:
        if not self._agenda or self._agenda[0][0] > self.clock.monotonic():
            return False
        _, _, action = heapq.heappop(self._agenda)
        action(self._user)
        return True

    def _next_due(self) -> float | None:
        person = self._agenda[0][0] if self._agenda else None
        times = (self._cluster.next_due(), self.replica.next_due(), person)
        return min((time for time in times if time is not None), default=None)

    def _pass_time(self) -> None:
        due = self._next_due()
        assert due is not None, f"nobody will ever do anything again: {self.history.end_state()}"
        self.clock.advance(max(due - self.clock.monotonic(), 0.001))
