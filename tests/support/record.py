"""What the recorder wrote down, read back: every Job that ever was, and when it came, ended and went."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class JobRecord:
    """One Job object, by UID, from its creation on.

    `…_at` is when the recorder saw it, on this machine's monotonic clock; `…_time` is what the object says, in whole
    seconds.
    """

    uid: str
    namespace: str
    name: str
    labels: dict[str, str]
    created_at: float
    completed_at: float | None = None
    failed_at: float | None = None
    deleted_at: float | None = None
    creation_time: datetime | None = None
    end_time: datetime | None = None
    active_most: int = 0
    succeeded: int = 0

    @property
    def ended_at(self) -> float | None:
        return self.completed_at or self.failed_at


@dataclass
class Record:
    """What the witness saw up to now."""

    jobs: dict[str, JobRecord] = field(default_factory=dict)

    def attempts(self, flow_uid: str) -> dict[tuple[str, int], list[JobRecord]]:
        """All Jobs that ever were of one flow, by step and attempt. Exactly once: each list holds one."""
        found: dict[tuple[str, int], list[JobRecord]] = defaultdict(list)
        for job in self.jobs.values():
            if job.labels.get("workflow.zen.io/flow-uid") == flow_uid:
                found[job.labels["workflow.zen.io/step"], int(job.labels["workflow.zen.io/attempt"])].append(job)
        return dict(found)

    def add(self, entry: dict[str, Any]) -> None:
        at = entry["at"]
        job = self.jobs.get(entry["uid"])
        if job is None:
            job = JobRecord(entry["uid"], entry["namespace"], entry["name"], entry["labels"], created_at=at)
            job.creation_time = datetime.fromisoformat(entry["creation_time"])
            self.jobs[job.uid] = job
        job.active_most = max(job.active_most, entry["active"])
        job.succeeded = entry["succeeded"]
        if "Complete" in entry["conditions"]:
            job.completed_at = job.completed_at or at
        if "Failed" in entry["conditions"]:
            job.failed_at = job.failed_at or at
        if entry["end_time"]:
            job.end_time = datetime.fromisoformat(entry["end_time"])
        if entry["type"] == "DELETED":
            job.deleted_at = at
