"""One worker step: a key from the queue, through the barrier, to the reconciler.

The only place that logs and counts failed reconciles. Starts no thread: the Manager runs several
`step`s at once, the simulator one at a time.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from structlog.contextvars import bound_contextvars

from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, Conflict, RuntimeFault
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.queue import WorkQueue

# The event that fills the cache wakes a waiting key; this is for the event that never comes.
SAFETY_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a reconcile wants next: to be called again after so many seconds, or only when something changes.

    A key that asks for less than a second again and again, with no news of it, is held back: see `WorkQueue.requeue`.
    `at_leisure`: then, but after all other keys for which there is something to do.
    """

    requeue_after: float | None = None
    at_leisure: bool = False


class Reconciler(Protocol):
    """Brings one object closer to what it should be. Called with any key, any number of times, by several threads."""

    def reconcile(self, key: Key) -> Result:
        """Raises to be called again later, ever more rarely."""
        ...


class Loop:
    """Takes keys off a queue and reconciles them.

    Every line that is logged while a key is held names it under `subject`, and carries the reconcile's own id, as
    controller-runtime's `reconcileID`: what one reconcile did can be found by it.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        name: str,
        queue: WorkQueue,
        reconciler: Reconciler,
        barrier: Barrier,
        *,
        clock: Clock,
        metrics: Metrics,
        log: Any,
        subject: str = "object",
        new_id: Callable[[], object] = uuid.uuid4,
    ) -> None:
        self.name = name
        self.queue = queue
        self._reconciler = reconciler
        self._barrier = barrier
        self._clock = clock
        self._metrics = metrics.loop(name)
        self._log = log
        self._subject = subject
        self._new_id = new_id
        self._patient: set[Key] = set()  # held up by the barrier while at leisure
        barrier.on_ready(self._resume)

    def set_workers(self, workers: int) -> None:
        """Say how many threads step this loop; only the metrics care."""
        self._metrics.set_workers(workers)

    def step(self, timeout: float | None = 0.0) -> bool:
        """Reconcile the next key and say whether there was one.

        Waits up to `timeout` seconds for it (0: not at all; None: until there is one or the queue is
        shut down). An exception of the reconciler ends in the log and a later attempt, never here.
        """
        key = self.queue.get(timeout)
        if key is None:
            return False
        try:
            self._handle(key)
        finally:
            self.queue.done(key)
        return True

    def _resume(self, key: Key) -> None:
        """The caches have seen our writes: as urgent as it was."""
        self.queue.add_after(key, 0.0, at_leisure=key in self._patient)

    def _handle(self, key: Key) -> None:
        self._patient.discard(key)
        if self.queue.is_at_leisure(key):
            self._patient.add(key)  # before the barrier is asked: from then on it may wake the key
        if not self._barrier.is_ready(key):
            self.queue.add_after(key, SAFETY_WAIT)
            return
        self._patient.discard(key)
        # The reconcile says anew when it wants to be called; an older wish would only repeat it.
        self.queue.cancel_delay(key)
        facts = {"controller": self.name, self._subject: str(key), "reconcileID": self._new_id()}
        with bound_contextvars(**facts):
            self._reconcile(key)

    def _reconcile(self, key: Key) -> None:
        started = self._clock.monotonic()
        self._metrics.started()
        try:
            result = self._reconciler.reconcile(key)
        except Exception as error:  # one key's failure never touches another
            self._metrics.finished(_outcome(error), self._clock.monotonic() - started)
            self._retry(key, error)
            return
        after = result.requeue_after
        self._metrics.finished("success" if after is None else "requeue_after", self._clock.monotonic() - started)
        self.queue.forget(key)
        if self.queue.requeue(key, after, at_leisure=result.at_leisure):
            self._log.warning("turns in place: asks to be looked at again and again without news; held back")

    def _retry(self, key: Key, error: Exception) -> None:
        if isinstance(error, Conflict):
            self._log.debug("object changed meanwhile, reconciling again", error=str(error))
        elif isinstance(error, RuntimeFault):
            self._log.warning("reconcile failed", error=str(error), reason=type(error).__name__)
        else:
            self._metrics.panicked()
            self._log.error("reconcile failed", error=str(error), exc_info=error)
        asked = error.retry_after if isinstance(error, ApiError) else None
        if asked:
            self.queue.add_after(key, asked)
        else:
            self.queue.add_rate_limited(key)


def _outcome(error: Exception) -> str:
    return "requeue" if isinstance(error, Conflict) else "error"
