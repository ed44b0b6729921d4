"""One trace for each flow, made when it has ended from the times that its status and its Jobs record.

Nothing is traced while a flow runs, so that traces cost a reconcile nothing. Ids are functions of identity: a trace
that is sent twice is the same trace. Messages of containers stay out of it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, Full, Queue
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter

from zenflow.api.types import FlowPhase, JobFlow, JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.caches import BY_OWNER
from zenflow.controller.metrics import end_reason
from zenflow.controller.objects import Job
from zenflow.runtime.cache import Cache

# Ended flows that wait to be sent. What does not fit is counted as dropped: memory stays bounded, and nobody waits.
CAPACITY: Final = 256
IDLE: Final = 1.0  # seconds between looks at an empty queue


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a flow's time. `failure` is the reason of one that failed, else ""."""

    name: str
    id: int
    parent: int | None
    start: datetime
    end: datetime
    failure: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """The root span first, each parent before its children."""

    id: int
    spans: tuple[Span, ...]


def trace_of(flow: JobFlow, status: JobFlowStatus, jobs: Sequence[Job]) -> Trace:
    """The flow, its steps that ran or asked, and the attempts of each. Pure."""
    meta = flow.metadata
    root = Span(
        name=meta.name,
        id=_id(8, meta.uid),
        parent=None,
        start=status.start_time or meta.creation_timestamp,
        end=status.completion_time or status.start_time or meta.creation_timestamp,
        failure=end_reason(status) if status.phase is FlowPhase.FAILED else "",
        attributes={
            "k8s.namespace.name": meta.namespace,
            "zenflow.flow.name": meta.name,
            "zenflow.flow.uid": meta.uid,
            "zenflow.flow.phase": str(status.phase),
            "zenflow.flow.reason": end_reason(status),
        },
    )
    below = (span for step in status.steps if step.start_time for span in _of_step(step, root, meta.uid, jobs))
    return Trace(_id(16, meta.uid), (root, *below))


def _of_step(step: StepStatus, root: Span, uid: str, jobs: Sequence[Job]) -> Iterator[Span]:
    span = Span(
        name=step.name,
        id=_id(8, uid, step.name),
        parent=root.id,
        start=step.start_time or root.start,
        end=step.completion_time or root.end,
        failure=(step.reason or "Failed") if step.phase is StepPhase.FAILED else "",
        attributes={
            "zenflow.step.name": step.name,
            "zenflow.step.phase": str(step.phase),
            "zenflow.step.reason": step.reason or "",
            "zenflow.step.retries": step.retry_count,
        },
    )
    yield span
    for job in sorted((job for job in jobs if job.step == step.name), key=lambda job: job.attempt):
        yield _of_attempt(job, span, uid)


def _of_attempt(job: Job, step: Span, uid: str) -> Span:
    ended = job.condition("Complete") or job.condition("Failed")
    has_failed = ended is None or ended.type == "Failed"  # without an end of its own it was stopped with its step
    return Span(
        name=f"attempt {job.attempt}",
        id=_id(8, uid, step.name, job.attempt),
        parent=step.id,
        start=job.metadata.creation_timestamp or step.start,
        end=ended.last_transition_time or step.end if ended else step.end,
        failure=(ended.reason if ended else step.failure or "Stopped") if has_failed else "",
        attributes={
            "zenflow.step.attempt": job.attempt,
            "k8s.job.name": job.metadata.name,
            "k8s.job.uid": job.metadata.uid,
        },
    )


def _id(size: int, *identity: object) -> int:
    """Never 0, which is no id."""
    digest = hashlib.sha256("/".join(map(str, identity)).encode()).digest()
    return int.from_bytes(digest[:size], "big") or 1


class Traces:
    """Takes ended flows from the workers and sends their traces from a thread of its own. `step` blocks in `send`.

    `send` raises, or returns whether the collector took the trace. A trace that could not be sent is not kept.
    """

    def __init__(
        self, jobs: Cache[Job], send: Callable[[Trace], bool], registry: CollectorRegistry, *, log: Any
    ) -> None:
        self._jobs = jobs
        self._send = send
        self._log = log
        self._waiting: Queue[tuple[JobFlow, JobFlowStatus, Sequence[Job]]] = Queue(CAPACITY)
        self._count = Counter("zenflow_traces", "Traces of ended flows, by result.", ["result"], registry=registry)
        for result in ("sent", "failed", "dropped"):
            self._count.labels(result)

    def published(self, flow: JobFlow, status: JobFlowStatus) -> None:
        """Take a flow that has just ended. Never waits: what does not fit is dropped."""
        was, now = flow.status.phase, status.phase
        if now is None or not now.is_terminal or now is was:
            return
        try:
            # The Jobs now: they may be gone when the trace is made.
            self._waiting.put_nowait((flow, status, self._jobs.by_index(BY_OWNER, flow.metadata.uid)))
        except Full:
            self._count.labels("dropped").inc()

    def step(self) -> float:
        """Send one trace, if there is one; the seconds to wait for the next."""
        try:
            ended = self._waiting.get_nowait()
        except Empty:
            return IDLE
        result = "sent" if self._try(*ended) else "failed"
        self._count.labels(result).inc()
        return 0.0

    def flush(self) -> None:
        """Send what still waits, up to the first that fails: the process ends."""
        while self._waiting.qsize() and self._try(*self._waiting.get_nowait()):
            self._count.labels("sent").inc()

    def _try(self, flow: JobFlow, status: JobFlowStatus, jobs: Sequence[Job]) -> bool:
        try:
            return self._send(trace_of(flow, status, jobs))
        except Exception as error:  # whatever a status says, and a collector does to its client, flows go on
            self._log.warning("trace not sent", error=type(error).__name__)
            return False
