"""A slow look at every flow that has not ended: the net under all that wakes flows.

A wake-up can only be lost by a bug, here or in what stands between the controller and the API server. Then a flow that
would hang for ever goes on within half an hour. A look reads the caches and makes no request.
"""

from collections.abc import Callable

from zenflow.controller.objects import FlowRecord
from zenflow.runtime.cache import Cache
from zenflow.runtime.queue import WorkQueue

# Seconds in which each flow is looked at once.
INTERVAL = 900.0


class Resync:
    """Puts flows on the queue, spread over the interval by `random`, which gives numbers in [0, 1)."""

    def __init__(self, flows: Cache[FlowRecord], queue: WorkQueue, random: Callable[[], float]) -> None:
        self._flows = flows
        self._queue = queue
        self._random = random

    def step(self) -> float:
        """Have each flow looked at within the next interval; the seconds to wait for the next step."""
        for record in self._flows.values():
            if not record.has_ended:
                # A flow that is looked at before for another reason is not looked at twice.
                self._queue.add_after(record.metadata.key, INTERVAL * self._random(), at_leisure=True)
        return INTERVAL
