"""One thread that drives a local cluster and the controller on it.

Stands where `runtime.manager` stands on a real cluster: both call the same steps. Inside one process nothing
blocks, so one thread going round is the quickest way from a Job's end to the next Job's start.
"""

import random
from collections.abc import Callable
from typing import Any

import structlog

from zenflow.controller.app import App, World, build
from zenflow.controller.settings import LeaderElection, Settings
from zenflow.local.cluster import REST, LocalCluster
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.reflector import IDLE, Reflector
from zenflow.runtime.transport import Transport

log = structlog.get_logger()

CONTROLLER_USER = "zen-flow-controller"


def controller(transport: Transport, clock: Clock) -> App:
    """The controller as on a real cluster, but alone, so without a Lease."""
    settings = Settings(leader_election=LeaderElection(enabled=False), metrics_port=0)
    return build(settings, World(client=Client(transport), clock=clock, random=random.random))


class Engine:
    """Goes round all parts. `app` is None where the controller runs elsewhere."""

    def __init__(self, cluster: LocalCluster, app: App | None, clock: Clock) -> None:
        self._cluster = cluster
        self._app = app
        self._clock = clock
        self._reflectors: tuple[Reflector[Any], ...] = app.reflectors if app else ()
        self._resting = [0.0] * len(self._reflectors)  # until when each waits after a fault

    def settle(self, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        """Go round until nothing is left to do, at most for so long; `look` is called after each round."""
        until = self._clock.monotonic() + seconds
        while True:
            busy = self._round()
            look()
            if not busy or self._clock.monotonic() >= until:
                return

    def wait(self, seconds: float) -> None:
        """Wait until there may be something to do, at most so long."""
        due = self._app.queue.next_due() if self._app else None
        left = seconds if due is None else min(seconds, max(due - self._clock.monotonic(), 0.0))
        self._cluster.wait(left)

    def close(self) -> None:
        """Give the watches back."""
        for reflector in self._reflectors:
            reflector.close()

    def _round(self) -> bool:
        """One step of each part. Parts handle their own failures; a run must outlive any other and go on."""
        try:
            return self._step()
        except Exception as error:
            log.error("step failed", error=str(error), exc_info=error)
            self._cluster.wait(REST)
            return False

    def _step(self) -> bool:
        busy = self._cluster.step()
        for index, reflector in enumerate(self._reflectors):
            now = self._clock.monotonic()
            if self._resting[index] <= now:
                wait = reflector.step()
                self._resting[index] = now + wait if wait > IDLE else now
                busy |= wait == 0
        if self._app is not None and self._app.has_synced:
            busy |= self._app.loop.step(0)
        return busy
