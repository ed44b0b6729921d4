"""Observe, decide, apply, publish: the whole controller in one method."""

from datetime import datetime

from zenflow.controller.applier import Applier
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.observer import Observer
from zenflow.controller.status import StatusWriter
from zenflow.dag.actions import CreateJob, Decision, EnsureClaim, EnsureConfigMap
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import Snapshot
from zenflow.runtime.cache import Key
from zenflow.runtime.loop import Result

LONGEST_REST = 86400.0  # seconds


class JobFlowReconciler:
    """Level-triggered: the key says which flow to look at, never what has happened to it."""

    def __init__(self, observer: Observer, applier: Applier, status: StatusWriter, gate: GroupGate) -> None:
        self._observer = observer
        self._gate = gate
        self._applier = applier
        self._status = status

    def reconcile(self, key: Key) -> Result:
        """Bring one flow a step further; safe to stop at any point and to call again."""
        for _ in range(2):
            snapshot = self._observer.snapshot(key)
            if snapshot is None:
                return Result()
            try:
                decision = decide(snapshot)
                if self._may_go_on(key, snapshot, decision):
                    return self._perform(key, snapshot, decision)
            finally:
                self._observer.release(key, snapshot.flow.metadata.uid)
            # Another flow has come first, or this one has changed: seen with that, it waits or is no more.
        return Result()  # whatever else has changed since is news, which wakes the flow

    def _may_go_on(self, key: Key, snapshot: Snapshot, decision: Decision) -> bool:
        """False for a flow that would start and may not. Only starting is asked for: what has ended may always go."""
        if snapshot.has_started:
            return True
        uid = snapshot.flow.metadata.uid
        if _starts(decision):
            return self._gate.enter(key, uid)
        self._gate.leave(key, uid)
        if not snapshot.problems:
            self._gate.announce(uid)
        return True

    def _perform(self, key: Key, snapshot: Snapshot, decision: Decision) -> Result:
        applied = self._applier.apply(key, snapshot.flow, decision.actions)
        if applied.look_again:
            return Result(requeue_after=0.0)
        publish_in = self._status.publish(key, snapshot.flow, decision, applied.job_uids)
        wake_in = _seconds_until(decision.wake_at, snapshot.now)
        if publish_in is None or (wake_in is not None and wake_in <= publish_in):
            return Result(requeue_after=wake_in)
        # A report that nobody waits for: Jobs of other flows are created first.
        return Result(requeue_after=publish_in, at_leisure=True)


def _starts(decision: Decision) -> bool:
    """Whether the decision is the flow's first step: it has children to make, or a start to report."""
    status = decision.status
    is_making = any(isinstance(action, CreateJob | EnsureClaim | EnsureConfigMap) for action in decision.actions)
    return is_making or (status is not None and status.start_time is not None)


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    """At most `LONGEST_REST`: threads cannot wait for the year 9999, which a status may tell of."""
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), LONGEST_REST)
