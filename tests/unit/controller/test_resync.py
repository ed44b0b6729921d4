"""The slow look at every flow that has not ended."""

import json
from itertools import cycle

from tests.support.clock import VirtualClock
from zenflow.controller.objects import FlowRecord, decode_flow
from zenflow.controller.resync import INTERVAL, Resync
from zenflow.runtime.cache import Cache
from zenflow.runtime.queue import WorkQueue


def flow(name: str, **status: str) -> FlowRecord:
    return decode_flow(json.dumps({"metadata": {"name": name, "uid": name}, "status": status}).encode())


def test_each_flow_that_has_not_ended_is_looked_at_once_in_the_interval() -> None:
    """Not all at the same moment, and those that have ended never."""
    clock, flows = VirtualClock(), Cache[FlowRecord]({})
    for record in (flow("new"), flow("runs", phase="Running"), flow("waits"), flow("over", phase="Succeeded")):
        flows.put(record)
    queue, parts = WorkQueue(clock), cycle((0.5, 0.0, 0.9))
    resync = Resync(flows, queue, lambda: next(parts))
    assert resync.step() == INTERVAL
    began, seen = clock.monotonic(), []
    while (due := queue.next_due()) is not None or len(queue):
        clock.advance(max(due - clock.monotonic(), 0.0) if due is not None and not len(queue) else 0.0)
        key = queue.try_get()
        assert key is not None
        queue.done(key)
        seen.append((key.name, clock.monotonic() - began))
    assert seen == [("runs", 0.0), ("new", 450.0), ("waits", 810.0)]
