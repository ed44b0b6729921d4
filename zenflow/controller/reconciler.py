"""Observe, decide, apply, publish: the whole controller in one method."""

from datetime import datetime

from zenflow.api.names import concurrency_group
from zenflow.api.types import ConcurrencyPolicy, JobFlow
from zenflow.controller.applier import Applier
from zenflow.controller.memory import Memory
from zenflow.controller.observer import Observer
from zenflow.controller.status import StatusWriter
from zenflow.dag.actions import Decision
from zenflow.dag.decision import decide
from zenflow.runtime.cache import Key
from zenflow.runtime.loop import Result


class JobFlowReconciler:
    """Level-triggered: the key says which flow to look at, never what has happened to it."""

    def __init__(self, observer: Observer, applier: Applier, status: StatusWriter, memory: Memory) -> None:
        self._observer = observer
        self._memory = memory
        self._applier = applier
        self._status = status

    def reconcile(self, key: Key) -> Result:
        """Bring one flow a step further; safe to stop at any point and to call again."""
        snapshot = self._observer.snapshot(key)
        if snapshot is None:
            return Result()
        decision = decide(snapshot)
        if not snapshot.has_started and _starts(decision) and not self._enter(snapshot.flow):
            return Result(requeue_after=0.0)
        applied = self._applier.apply(key, snapshot.flow, decision.actions)
        if applied.look_again:
            return Result(requeue_after=0.0)
        publish_in = self._status.publish(key, snapshot.flow, decision, applied.job_uids)
        wake_in = _seconds_until(decision.wake_at, snapshot.now)
        if publish_in is None or (wake_in is not None and wake_in <= publish_in):
            return Result(requeue_after=wake_in)
        # A report that nobody waits for: Jobs of other flows are created first.
        return Result(requeue_after=publish_in, at_leisure=True)

    def _enter(self, flow: JobFlow) -> bool:
        policy, meta = flow.spec.execution_policy, flow.metadata
        group = concurrency_group(policy.concurrency_group, meta.generate_name, meta.name)
        alone = policy.concurrency_policy is not ConcurrencyPolicy.ALLOW
        return self._memory.enter(f"{meta.namespace}/{group}", meta.uid, alone=alone)


def _starts(decision: Decision) -> bool:
    """Whether the decision is the flow's first step: it has children to make, or a start to report."""
    status = decision.status
    return bool(decision.actions) or (status is not None and status.start_time is not None)


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (moment - now).total_seconds())
