"""The process around the loops, with real threads on the embedded API server."""

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.contextvars import bound_contextvars, get_contextvars

from tests.support.transport import FlakyTransport
from tests.support.waiting import eventually
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key, ObjectMeta
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import SystemClock
from zenflow.runtime.informer import Informer
from zenflow.runtime.leader import LEASES, LeaderElector, LeaseTerms
from zenflow.runtime.loop import Loop, Result
from zenflow.runtime.manager import Manager, Parts, Pool
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.queue import WorkQueue
from zenflow.runtime.reflector import Reflector

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


class ConfigMap(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class Stage:
    """A controller that writes down which ConfigMaps it has seen, in a thread of its own."""

    def __init__(self, *, elected: bool = False, workers: int = 3) -> None:
        numbers = itertools.count()
        self.clock = SystemClock()
        self.api = ApiServer(clock=self.clock, uid=lambda: f"uid-{next(numbers)}")
        self.client = Client(self.api)
        self.connection = FlakyTransport(self.api)
        self.lease_connection = FlakyTransport(self.api)
        self.reconciled: list[str] = []
        self.hold = threading.Event()  # reconciles of "slow" wait for it
        self.elector = self._elector() if elected else None
        self.queue = WorkQueue(self.clock)
        parts = Parts([self._reflector()], [(self._loop(), workers)], self.elector)
        self.manager = Manager(parts, clock=self.clock, log=structlog.get_logger(), grace=5)

    def _reflector(self) -> Reflector[ConfigMap]:
        informer = Informer(CONFIG_MAPS, msgspec.json.Decoder(ConfigMap).decode, namespace="default")
        informer.add_handler(lambda old, new: self.queue.add((new or old).metadata.key))  # type: ignore[union-attr]
        return Reflector(Client(self.connection), informer, clock=self.clock, random=lambda: 0.0)

    def _loop(self) -> Loop:
        metrics = Metrics(CollectorRegistry())
        return Loop("maps", self.queue, self, Barrier(), clock=self.clock, metrics=metrics, log=structlog.get_logger())

    def _elector(self) -> LeaderElector:
        terms = LeaseTerms("default", "lock", "me", lease_duration=3.0, renew_deadline=2.0, retry_period=0.05)
        return LeaderElector(Client(self.lease_connection), terms, clock=self.clock, random=lambda: 0.0)

    def reconcile(self, key: Key) -> Result:
        if key.name == "slow":
            self.hold.wait(10)
        if key.name == "deadly":
            raise SystemExit("a worker dies")
        self.reconciled.append(key.name)
        return Result()

    def create(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        self.client.create(CONFIG_MAPS, msgspec.json.encode(body), "default")

    def sees(self, name: str) -> None:
        """Wait until it was reconciled."""
        eventually(lambda: name in self.reconciled, within=5, every=0.01, what=f"{name} is reconciled")

    def holder(self) -> str | None:
        spec = msgspec.json.decode(self.client.get(LEASES, "lock", "default"))["spec"]
        holder: str | None = spec.get("holderIdentity")
        return holder


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Runs the manager beside the test."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


def test_it_works_until_it_is_stopped(pool: ThreadPoolExecutor) -> None:
    """What was there before and what comes later is reconciled; then the exit status is 0."""
    stage = Stage()
    stage.create("early")
    status = pool.submit(stage.manager.run)
    stage.sees("early")
    stage.create("late")
    stage.sees("late")
    stage.manager.stop()
    assert status.result(5) == 0


def test_it_is_ready_when_its_caches_are(pool: ThreadPoolExecutor) -> None:
    """And says which one is missing."""
    stage = Stage()
    stage.connection.is_down = True
    assert stage.manager.problems == ("configmaps: not listed yet",)
    status = pool.submit(stage.manager.run)
    stage.connection.is_down = False
    eventually(lambda: not stage.manager.problems, within=5, every=0.01, what="the caches are synced")
    stage.manager.stop()
    assert status.result(5) == 0


def test_it_can_be_stopped_before_it_is_ready(pool: ThreadPoolExecutor) -> None:
    """With an API server that never answers."""
    stage = Stage(elected=True)
    stage.connection.is_down = True
    status = pool.submit(stage.manager.run)
    stage.manager.stop()
    assert status.result(5) == 0
    assert stage.reconciled == []


def test_nothing_is_reconciled_before_the_lease_is_held(pool: ThreadPoolExecutor) -> None:
    """A candidate fills its caches and waits."""
    stage = Stage(elected=True)
    stage.lease_connection.is_down = True
    stage.create("a")
    status = pool.submit(stage.manager.run)
    eventually(lambda: not stage.manager.problems, within=5, every=0.01, what="the caches are synced")
    assert stage.reconciled == []
    stage.lease_connection.is_down = False
    stage.sees("a")
    stage.manager.stop()
    assert status.result(5) == 0


def test_a_clean_stop_gives_the_lease_back(pool: ThreadPoolExecutor) -> None:
    """The next leader need not wait."""
    stage = Stage(elected=True)
    stage.create("a")
    status = pool.submit(stage.manager.run)
    stage.sees("a")
    assert stage.holder() == "me"
    stage.manager.stop()
    assert status.result(5) == 0
    assert stage.holder() is None


def test_a_lost_lease_ends_the_process(pool: ThreadPoolExecutor) -> None:
    """With a status that has it started again."""
    stage = Stage(elected=True)
    stage.create("a")
    status = pool.submit(stage.manager.run)
    stage.sees("a")
    stage.lease_connection.is_down = True
    assert status.result(5) == 1


def test_a_worker_that_dies_ends_the_process(pool: ThreadPoolExecutor) -> None:
    """It must not go on renewing a Lease with half of its workers."""
    stage = Stage(elected=True)
    stage.create("deadly")
    assert pool.submit(stage.manager.run).result(5) == 1
    assert stage.elector is not None
    assert not stage.elector.is_leader


def test_a_stop_waits_for_what_is_being_done_and_not_for_what_is_queued(pool: ThreadPoolExecutor) -> None:
    """The rest belongs to the next leader."""
    stage = Stage(workers=1)
    stage.create("slow")
    status = pool.submit(stage.manager.run)
    eventually(stage.queue.held_for, within=5, every=0.01, what="the worker holds a key")
    for number in range(50):
        stage.create(f"later-{number}")
    eventually(lambda: len(stage.queue) == 50, within=5, every=0.01, what="the others are queued")
    stage.manager.stop()
    eventually(lambda: stage.queue.is_shut_down, within=5, every=0.01, what="the queue is shut down")
    assert not status.done()
    stage.hold.set()
    assert status.result(5) == 0
    assert stage.reconciled == ["slow"]


def test_sigterm_is_a_clean_stop(pool: ThreadPoolExecutor) -> None:
    """As the kubelet sends it; the manager runs in the main thread, where signals arrive."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stage = Stage()
    stage.create("a")
    stage.manager.stop_on_signals()

    def terminate() -> None:
        stage.sees("a")
        os.kill(os.getpid(), signal.SIGTERM)

    pool.submit(terminate)
    try:
        assert stage.manager.run() == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class TestPool:
    """Writes side by side."""

    def test_all_run_at_once_and_in_their_order_come_the_results(self) -> None:
        """Five that wait for each other can only end together."""
        together = threading.Barrier(5)
        failure = ValueError("the third")

        def task(number: int) -> Any:
            together.wait(5)
            if number == 2:
                raise failure

        results = Pool(4)([lambda number=number: task(number) for number in range(5)])  # type: ignore[misc]
        assert list(results) == [None, None, failure, None, None]

    def test_nothing_to_do(self) -> None:
        """No tasks, no results."""
        assert list(Pool(1)([])) == []


def test_a_worker_waits_for_no_other_workers_writes(pool: ThreadPoolExecutor) -> None:
    """Though those hold every thread of the pool, and more of them are queued."""
    released, writes = threading.Event(), Pool(2)
    wide = pool.submit(writes, [lambda: released.wait(30)] * 20)  # type: ignore[list-item]
    try:
        small = pool.submit(writes, [lambda: None] * 5)
        assert list(small.result(5)) == [None] * 5
        assert not wide.done()
    finally:
        released.set()
    assert list(wide.result(5)) == [None] * 20


def test_parallel_writes_log_under_what_their_caller_has_bound() -> None:
    """A reconcile's id is in the lines of all its writes, whichever thread makes them."""
    seen: list[dict[str, Any]] = []
    pool = Pool(4)
    with bound_contextvars(reconcileID="one"):
        pool([lambda: seen.append(get_contextvars())] * 8)
    pool([lambda: seen.append(get_contextvars())] * 8)
    assert seen == [{"reconcileID": "one"}] * 8 + [{}] * 8


def test_a_chore_is_done_by_a_replica_that_does_not_lead(pool: ThreadPoolExecutor) -> None:
    """Again and again, with the pause that it asks for."""
    done: list[int] = []

    def chore() -> float:
        done.append(1)
        return 0.01

    manager = Manager(Parts([], [], chores={"chore": chore}), clock=SystemClock(), log=structlog.get_logger())
    status = pool.submit(manager.run)
    eventually(lambda: len(done) > 2, within=5, what="the chore is done again")
    manager.stop()
    assert status.result(5) == 0


def test_a_chore_that_fails_by_a_bug_ends_nothing(pool: ThreadPoolExecutor) -> None:
    """Every replica does it, and so every replica would die of it: it is told, and tried again later."""
    failed = threading.Event()

    def chore() -> float:
        failed.set()
        raise ZeroDivisionError("a bug")

    manager = Manager(Parts([], [], chores={"chore": chore}), clock=SystemClock(), log=structlog.get_logger())
    status = pool.submit(manager.run)
    assert failed.wait(5)
    manager.stop()
    assert status.result(5) == 0
