"""Observe, decide, apply, publish: the whole controller in one method."""

from datetime import datetime

from zenflow.controller.applier import Applier
from zenflow.controller.observer import Observer
from zenflow.controller.status import StatusWriter
from zenflow.dag.decision import decide
from zenflow.runtime.cache import Key
from zenflow.runtime.loop import Result


class JobFlowReconciler:
    """Level-triggered: the key says which flow to look at, never what has happened to it."""

    def __init__(self, observer: Observer, applier: Applier, status: StatusWriter) -> None:
        self._observer = observer
        self._applier = applier
        self._status = status

    def reconcile(self, key: Key) -> Result:
        """Bring one flow a step further; safe to stop at any point and to call again."""
        snapshot = self._observer.snapshot(key)
        if snapshot is None:
            return Result()
        decision = decide(snapshot)
        applied = self._applier.apply(key, snapshot.flow, decision.actions)
        if applied.look_again:
            return Result(requeue_after=0.0)
        publish_in = self._status.publish(key, snapshot.flow, decision, applied.job_uids)
        return Result(requeue_after=_earlier(publish_in, _seconds_until(decision.wake_at, snapshot.now)))


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)
