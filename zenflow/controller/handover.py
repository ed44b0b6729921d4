"""How long a step that may start waits for its Job: the controller's own share of a flow's time.

The times of Kubernetes have whole seconds, so this is measured on the monotonic clock of one process: from the moment
its informer saw the last dependency's Job end to the moment its creation of the step's Job was answered.
"""

import threading
from collections.abc import Callable

from zenflow.api.types import MAX_STEPS, Step
from zenflow.controller.objects import FlowRecord, Job
from zenflow.runtime.cache import Cache
from zenflow.runtime.clock import Clock


class Handover:
    """Remembers when Jobs of live flows were seen to end. Safe for threads.

    Only what is certain is measured: first attempts of steps all of whose dependencies are Jobs that this process saw
    end, with no change of the spec since, for that change (a suspension lifted) may be what was waited for.
    """

    def __init__(self, flows: Cache[FlowRecord], clock: Clock, observe: Callable[[float], None]) -> None:
        self._flows = flows
        self._clock = clock
        self._observe = observe
        self._lock = threading.Lock()  # guards the mapping below
        self._ended: dict[str, dict[str, float]] = {}  # flow UID -> step -> monotonic

    def job_changed(self, old: Job | None, new: Job | None) -> None:
        """An informer's handler; to be called before the one that wakes the flow."""
        if old is None or new is None or old.is_finished or not new.is_finished:
            return
        uid = new.metadata.controller_uid
        with self._lock:
            flow = self._flows.get(new.flow_key)
            if flow is not None and flow.metadata.uid == uid and not flow.has_ended:
                ended = self._ended.setdefault(uid, {})
                if new.step in ended or len(ended) < MAX_STEPS:  # labels can be written by others
                    ended[new.step] = self._clock.monotonic()

    def flow_changed(self, old: FlowRecord | None, new: FlowRecord | None) -> None:
        """An informer's handler: nothing is remembered of a flow that is gone, has ended or has a new spec."""
        record = new or old
        assert record is not None
        if new is None or new.has_ended or old is None or old.metadata.generation != new.metadata.generation:
            with self._lock:
                self._ended.pop(record.metadata.uid, None)

    def job_created(self, flow_uid: str, step: Step, attempt: int) -> None:
        """The creation of a step's Job was answered."""
        if attempt != 1 or not step.dependencies:
            return
        now = self._clock.monotonic()
        with self._lock:
            ended = self._ended.get(flow_uid, {})
            times = [ended.get(dependency) for dependency in step.dependencies]
        known = [time for time in times if time is not None]
        if len(known) == len(times):
            self._observe(now - max(known))

    def __len__(self) -> int:
        return len(self._ended)
