"""The process: starts the parts in their order, in threads, and ends them in theirs.

Serving, then caches, then the Lease, then the loops. The only room that starts threads; every part below it is
a step that somebody else calls. A part that dies takes the process with it: half a controller that goes
on holding its Lease is worse than none.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread  # noqa: TID251 - the one room that starts threads
from typing import Any

from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import LeaseLost
from zenflow.runtime.leader import LeaderElector
from zenflow.runtime.loop import Loop
from zenflow.runtime.reflector import Reflector
from zenflow.runtime.serving import HttpServer
from zenflow.runtime.turns import Turns

# How often conditions without a signal of their own (caches synced, Lease held) are looked at, in seconds.
LOOK = 0.05
# How long workers may take to finish what they hold when asked to stop: less than a Pod's grace period of 30 s.
GRACE = 20.0
# Seconds until a chore that failed by a bug is tried again.
CHORE_PAUSE = 30.0
# A healthy watch says something every minute; after three a cache is not to be relied upon.
STALE = 180.0

Task = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a controller process is made of. `loops` are given with their number of workers.

    `chores` are steps that every replica does, leader or not, by name; each returns the seconds until its next.
    """

    reflectors: Sequence[Reflector[Any]]
    loops: Sequence[tuple[Loop, int]]
    elector: LeaderElector | None = None
    servers: Sequence[HttpServer] = field(default=())
    chores: Mapping[str, Callable[[], float]] = field(default_factory=dict)


class Manager:
    """Runs the parts until it is stopped or one of them dies."""

    def __init__(self, parts: Parts, *, clock: Clock, log: Any, grace: float = GRACE) -> None:
        self._parts = parts
        self._clock = clock
        self._log = log
        self._grace = grace
        self._workers: list[Thread] = []
        # Why to end: None, because somebody asked; an exception, because a part died. A SimpleQueue may be
        # written from a signal handler, an Event may not.
        self._ends: SimpleQueue[BaseException | None] = SimpleQueue()
        self._stopping = Event()

    def run(self) -> int:
        """Work until the end; returns the exit status: 0 after `stop`, 1 when a part died or the Lease was lost."""
        parts = self._parts
        for number, server in enumerate(parts.servers):
            self._start(f"server-{number}", server.serve)
        for name, chore in parts.chores.items():
            self._start(name, partial(self._drive, _tolerant(chore, self._log.bind(chore=name))))
        for reflector in parts.reflectors:
            self._start(f"reflector-{reflector.informer.resource.plural}", partial(self._drive, reflector.step))
        reason = self._bring_up()
        self._tell(reason)
        self._shut_down(gracefully=not isinstance(reason, LeaseLost))
        return 0 if reason is None else 1

    def stop(self) -> None:
        """Ask for the end. From any thread, or a signal handler; returns at once."""
        self._ends.put(None)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT ask for the end; a second one ends the process at once. For the main thread."""

        def handle(number: int, frame: object) -> None:
            signal.signal(number, signal.SIG_DFL)
            self.stop()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why this process is not ready to be relied upon; empty when it is. A candidate for the Lease is ready."""
        return tuple(filter(None, map(_problem, self._parts.reflectors)))

    def _bring_up(self) -> BaseException | None:
        """Caches, Lease, loops; then wait. Returns why to end, whenever that comes."""
        parts = self._parts
        try:
            self._wait_until(lambda: all(reflector.informer.has_synced for reflector in parts.reflectors))
            self._log.info("caches synced")
            elector = parts.elector
            if elector is not None:
                self._start("lease", partial(self._drive, elector.step))
                self._wait_until(lambda: elector.is_leader)
                self._log.info("lease acquired", lease=elector.terms.name, identity=elector.terms.identity)
            for loop, workers in parts.loops:
                loop.set_workers(workers)
                self._workers += [
                    self._start(f"{loop.name}-{number}", partial(self._work, loop)) for number in range(workers)
                ]
            return self._ends.get()
        except _Ended as ended:
            return ended.reason

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            try:
                raise _Ended(self._ends.get(timeout=LOOK))
            except Empty:
                continue

    def _shut_down(self, *, gracefully: bool) -> None:
        """Workers first, then the Lease, then what they relied on."""
        parts = self._parts
        self._stopping.set()
        for loop, _ in parts.loops:
            loop.queue.shut_down()
        if gracefully and self._workers_ended() and parts.elector is not None:
            parts.elector.release()
        for reflector in parts.reflectors:
            reflector.close()
        for server in parts.servers:
            server.stop()

    def _workers_ended(self) -> bool:
        """Whether nothing of ours writes any more. If not, the Lease has to run out by itself."""
        deadline = self._clock.monotonic() + self._grace
        for worker in self._workers:
            worker.join(max(0.0, deadline - self._clock.monotonic()))
        return not any(worker.is_alive() for worker in self._workers)

    def _work(self, loop: Loop) -> None:
        # What is still queued at the end is left to the next leader.
        while not self._stopping.is_set():
            loop.step(timeout=None)

    def _drive(self, step: Callable[[], float]) -> None:
        while not self._stopping.is_set():
            wait = step()
            if wait > 0:
                self._stopping.wait(wait)

    def _start(self, name: str, target: Task) -> Thread:
        # daemon: a thread that hangs in a request must not keep a process alive that has lost its Lease
        thread = Thread(target=self._guard, args=(name, target), name=name, daemon=True)
        thread.start()
        return thread

    def _guard(self, name: str, target: Task) -> None:
        """A thread that ends before it was asked to ends the process."""
        try:
            target()
            death: BaseException = RuntimeError(f"{name} ended by itself")
        except BaseException as error:
            death = error
        if not self._stopping.is_set():
            self._ends.put(death)

    def _tell(self, reason: BaseException | None) -> None:
        if reason is None:
            self._log.info("stopping")
        elif isinstance(reason, LeaseLost):
            self._log.error("lease lost", error=str(reason))
        else:
            self._log.error("a part died", error=str(reason), exc_info=reason)


def _problem(reflector: Reflector[Any]) -> str:
    name, silence = reflector.informer.resource.plural, reflector.silent_for()
    if not reflector.informer.has_synced:
        return f"{name}: not listed yet"
    return f"{name}: nothing heard for {silence:.0f} s" if silence > STALE else ""


def _tolerant(chore: Callable[[], float], log: Any) -> Callable[[], float]:
    """The chore, called again later when it fails by a bug: what every replica does, every replica would die of."""
    told: set[str] = set()

    def step() -> float:
        try:
            return chore()
        except Exception as error:
            if repr(error) not in told:
                told.clear()  # one line for each trouble that lasts, and no memory of those before it
                told.add(repr(error))
                log.error("chore failed", error=str(error), exc_info=error)
            return CHORE_PAUSE

    return step


class _Ended(Exception):
    """The end came while waiting for something else."""

    def __init__(self, reason: BaseException | None) -> None:
        super().__init__()
        self.reason = reason


class Pool:
    """Runs the writes of one reconcile side by side: in the worker itself, and in `size` threads for all workers.

    The threads serve the workers in turn, so a flow with a thousand writes queues nobody's writes behind it.
    Its threads are daemons, unlike those of concurrent.futures: a write that hangs must not keep a process alive
    that has lost its Lease.
    """

    def __init__(self, size: int) -> None:
        self._turns: Turns[tuple[Future[None], Task]] = Turns()
        for number in range(size):
            Thread(target=self._work, name=f"write-{number}", daemon=True).start()

    def __call__(self, tasks: Sequence[Task]) -> Sequence[BaseException | None]:
        """Run all of them to their end; what each raised, or None, in their order."""
        # What is bound to log lines here stays bound there.
        bound = [(Future[None](), partial(copy_context().run, task)) for task in tasks]
        batch = self._turns.add(bound)
        while (mine := self._turns.take(batch)) is not None:
            _settle(*mine)
        return [future.exception() for future, _ in bound]

    def _work(self) -> None:
        while True:
            _settle(*self._turns.get())


def _settle(future: "Future[None]", task: Task) -> None:
    try:
        task()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(None)
