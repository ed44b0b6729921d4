"""What the local controllers have in common: read the mirrors, take one key, bring it closer to what it should be.

A `step` never blocks. `local.cluster` or a simulator decides when the next one is due.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from zenflow.local.loop.mirror import Mirror
from zenflow.runtime.cache import Key
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import Conflict, RuntimeFault
from zenflow.runtime.queue import WorkQueue

log = structlog.get_logger()

# A mirror that was refused is read again this much later, in seconds.
RETRY = 1.0


class Worker:
    """One queue of keys, filled by the mirrors' handlers, emptied by `sync`.

    `mirrors` may change from step to step. Whatever `sync(key)` raises is logged, and the key comes back later, ever
    more rarely.
    """

    def __init__(self, name: str, mirrors: Sequence[Mirror], sync: Callable[[Key], None], clock: Clock) -> None:
        self.queue = WorkQueue(clock)
        self._name = name
        self._mirrors = mirrors
        self._sync = sync
        self._clock = clock

    def step(self) -> bool:
        """Read the mirrors, then sync at most one key. False means that there was nothing to do."""
        changed = [mirror.catch_up() for mirror in self._mirrors]
        key = self.queue.try_get()
        if key is None:
            return any(changed)
        try:
            self._sync(key)
            self.queue.forget(key)
        except Exception as error:  # one key's failure never touches another
            self._report(key, error)
            self.queue.add_rate_limited(key)
        finally:
            self.queue.done(key)
        return True

    def look_again(self, key: Key, at: datetime | None) -> None:
        """Put the key on the queue when the wall clock reads `at`; None does nothing."""
        if at is not None:
            self.queue.add_after(key, (at - self._clock.now()).total_seconds())

    def next_due(self) -> float | None:
        """When, on the monotonic clock, a step will have something to do although nothing changes; None: never."""
        times = [self.queue.next_due()]
        if not all(mirror.is_current for mirror in self._mirrors):
            times.append(self._clock.monotonic() + RETRY)
        return min((time for time in times if time is not None), default=None)

    def _report(self, key: Key, error: Exception) -> None:
        bound = log.bind(controller=self._name, key=str(key))
        if isinstance(error, Conflict):
            bound.debug("object changed meanwhile, trying again", error=str(error))
        elif isinstance(error, RuntimeFault):
            bound.warning("sync failed", error=str(error))
        else:
            bound.error("sync failed", error=str(error), exc_info=error)
