"""What the controller did, told to everyone who keeps a record: log lines, metrics, traces.

Called after the fact, by the worker that did it; nothing here asks the API server, waits or raises. Messages of
containers and of the API server stay out of it: they may hold what the owner of the flow alone may read.
"""

from typing import Any, Protocol

from zenflow.api.types import JobFlow, JobFlowStatus, Step, StepPhase
from zenflow.controller.changes import changed_steps
from zenflow.controller.handover import Handover
from zenflow.controller.metrics import FlowMetrics, end_reason
from zenflow.controller.reasons import label


class Listener(Protocol):
    """Somebody who wants to know of each status that was published, with the flow as it was before."""

    def published(self, flow: JobFlow, status: JobFlowStatus) -> None: ...


class Journal:
    """One for the controller; its lines carry what the Loop has bound: flow and reconcileID."""

    def __init__(self, metrics: FlowMetrics, handover: Handover, log: Any) -> None:
        self._metrics = metrics
        self._handover = handover
        self._log = log
        self._listeners: list[Listener] = [metrics]

    def listen(self, listener: Listener) -> None:
        """Tell it of each status that is published from now on."""
        self._listeners.append(listener)

    def job_created(self, flow: JobFlow, step: Step, attempt: int, name: str) -> None:
        """The API server has made the Job of an attempt."""
        self._handover.job_created(flow.metadata.uid, step, attempt)
        self._metrics.job_creations.inc()
        self._log.info("job created", job=name, step=step.name, attempt=attempt)

    def job_deleted(self, name: str, step: str, attempt: int) -> None:
        """The API server has taken the deletion of a Job."""
        self._metrics.job_deletions.inc()
        self._log.info("job deleted", job=name, step=step, attempt=attempt)

    def resource_created(self, kind: str, name: str) -> None:
        """An object of the resource templates exists."""
        self._log.info("resource created", kind=kind, name=name)

    def refused(self, kind: str, name: str, reason: str) -> None:
        """The API server did not take a child."""
        self._metrics.refusals.labels(label(reason)).inc()
        self._log.warning("creation refused", kind=kind, name=name, reason=reason)

    def flow_deleted(self) -> None:
        """Its time to live is over."""
        self._log.info("flow deleted")

    def published(self, flow: JobFlow, status: JobFlowStatus) -> None:
        """A status has been written."""
        for listener in self._listeners:
            listener.published(flow, status)
        for was, now in changed_steps(flow.status, status):
            if now.phase is StepPhase.FAILED and was.phase is not now.phase:
                self._log.info("step failed", step=now.name, attempt=now.retry_count + 1, reason=now.reason)
        if status.phase is not flow.status.phase:
            self._log.info("flow phase changed", phase=status.phase, was=flow.status.phase, reason=end_reason(status))
