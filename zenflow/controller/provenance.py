"""Which Jobs that look like ours are: those that this process made, that are on record, or that were there before it.

Whoever may create Jobs can write everything that `controller.ownership` asks for, for names can be foretold. The UID
cannot be chosen: a Job counts if its UID is what our creation was answered, or what the status of its step says. What
is left are Jobs that an earlier process made and had not recorded when it was killed. They are older than everything
that came after this process began, so only those are believed, and only as far as the flow could have come to them
(`dag.inheritance`).
"""

import threading
from datetime import datetime, timedelta
from enum import Enum, auto

from zenflow.api.types import StepStatus
from zenflow.controller.caches import BY_OWNER, Caches
from zenflow.controller.memory import Memory, Notes
from zenflow.controller.objects import FlowRecord, Job
from zenflow.controller.ownership import has_marks, has_place, is_attempt
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.runtime.clock import Clock

# A request of the process before may still be carried out so long after its end: the API server's own limit for a
# webhook in its way. And a cache may show so late what was there.
LATE = timedelta(seconds=30)


class Origin(Enum):
    """Who made a Job."""

    OURS = auto()
    INHERITED = auto()  # perhaps an earlier process of the controller
    FOREIGN = auto()


class Provenance:
    """Tells the origin of Jobs. Safe for threads. An informer's handler, and asked by everything that counts Jobs.

    Times of Jobs are compared with each other only, never with a clock of ours: a Job is inherited if it is not younger
    than the youngest that was seen before this process had decided anything, and for `LATE` after.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the two below
        self._closes_at: float | None = None  # monotonic; None until the first decision
        self._youngest: datetime | None = None

    def begin(self) -> None:
        """This process is about to decide: what comes `LATE` after this is made by it, or is foreign."""
        with self._lock:
            if self._closes_at is None:
                self._closes_at = self._clock.monotonic() + LATE.total_seconds()

    def job_changed(self, old: Job | None, new: Job | None) -> None:
        """An informer's handler."""
        created_at = new.metadata.creation_timestamp if new is not None else None
        if old is not None or created_at is None:
            return
        with self._lock:
            if self._is_open() and (self._youngest is None or created_at > self._youngest):
                self._youngest = created_at

    def of(self, job: Job, notes: Notes | None, status: StepStatus | None = None) -> Origin:
        """The origin of a Job; `notes` are those about its flow and `status` is that of its step, where there are any.

        Another Job under the name of one of ours is foreign, whatever else it shows.
        """
        name, uid = job.metadata.name, job.metadata.uid
        made = notes.created.get(name) if notes else None
        if made is None and status is not None and status.job_ref is not None and status.job_ref.name == name:
            made = status.job_ref.uid or None
            if made == uid and has_marks(job) and job.attempt == status.retry_count + 1:
                return Origin.OURS  # whatever names were made of identities when it was created
        if made not in (None, uid) or not is_attempt(job):
            return Origin.FOREIGN
        if made == uid or (notes is not None and name in notes.unanswered):
            return Origin.OURS
        return Origin.INHERITED if self._may_be_inherited(job) else Origin.FOREIGN

    def _may_be_inherited(self, job: Job) -> bool:
        created_at = job.metadata.creation_timestamp
        with self._lock:
            if self._is_open():
                return True
            youngest = self._youngest
        return created_at is not None and youngest is not None and created_at <= youngest

    def _is_open(self) -> bool:
        return self._closes_at is None or self._clock.monotonic() < self._closes_at


class Starts:
    """Which flows have started although no status says so yet: a crash may have come between Jobs and report."""

    def __init__(self, caches: Caches, memory: Memory, parsed: ParsedFlows, provenance: Provenance) -> None:
        self._caches = caches
        self._memory = memory
        self._parsed = parsed
        self._provenance = provenance

    def is_evident(self, flow: FlowRecord) -> bool:
        """Whether a Job of it counts as an attempt: what the flow itself will see, and others of its group must."""
        notes = self._memory.find(flow.metadata.uid)
        jobs = self._caches.jobs.by_index(BY_OWNER, flow.metadata.uid)
        ours = [job for job in jobs if self._provenance.of(job, notes) is not Origin.FOREIGN]
        if not ours:
            return False
        steps = {step.name: step for step in self._parsed.reading(flow).spec.steps}
        return any(job.step in steps and has_place(job, steps[job.step]) for job in ours)
