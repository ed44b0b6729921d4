"""What only this process knows of a flow, because no object shows it.

Losing it costs nothing but time: a refused request is made again, a deleted Job is found missing by its
recorded name. It is therefore never written anywhere, and a restart begins with none of it.
"""

import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime

from zenflow.controller.inquiry import Answer
from zenflow.controller.objects import Job, Pod
from zenflow.dag.snapshot import Refusal

# Of the failed Pods of one Job that were deleted, so many are kept as evidence: the latest.
MOST_PODS = 100


class Deleted:
    """What an informer saw deleted, and no cache shows any more. Safe for threads: informers write, a worker reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both mappings
        self._jobs: dict[tuple[str, int], Job] = {}  # by step and attempt
        self._pods: dict[str, dict[str, Pod]] = {}  # by Job UID, by Pod UID

    def keep_job(self, job: Job) -> None:
        """An attempt's Job, as it was at its end."""
        with self._lock:
            self._jobs[(job.step, job.attempt)] = job

    def jobs(self) -> tuple[Job, ...]:
        """All Jobs at this moment."""
        with self._lock:
            return tuple(self._jobs.values())

    def keep_pods(self, job_uid: str, *pods: Pod) -> None:
        """Pods of a Job, as they were at their end; without any it is known that there are none."""
        with self._lock:
            kept = self._pods.setdefault(job_uid, {})
            kept.update((pod.metadata.uid, pod) for pod in pods)
            for uid in list(kept)[:-MOST_PODS]:
                del kept[uid]

    def pods(self, job_uid: str) -> tuple[Pod, ...]:
        """All Pods of a Job at this moment."""
        with self._lock:
            return tuple(self._pods.get(job_uid, {}).values())

    def knows_pods(self, job_uid: str) -> bool:
        """Whether anybody has kept Pods of the Job, or said that there are none."""
        with self._lock:
            return job_uid in self._pods


@dataclass(slots=True)
class Notes:
    """About one flow. Changed by the one worker that holds its key; only `deleted` by the informers' handlers too.

    `resources`: by `Kind/name` the UIDs that creations from resource templates were answered.
    `created`: by name the UIDs that creations of Jobs were answered. `unanswered`: names of Jobs whose creation was
    sent and not answered, so that it may have been carried out.
    """

    refusals: dict[str, Refusal] = field(default_factory=dict)
    resource_refusals: dict[str, Refusal] = field(default_factory=dict)
    refused_times: dict[str, int] = field(default_factory=dict)  # by cause; of a resource template by Kind/name
    forbidden: dict[str, None] = field(default_factory=dict)  # steps whose Job was, the latest last
    hold: Refusal | None = None  # no Job of the flow is tried before this: see `creation_backoff`
    resources_ready: bool = False
    resources: dict[str, str] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    deleted: Deleted = field(default_factory=Deleted)
    failures: dict[str, datetime] = field(default_factory=dict)  # by Job UID: when it was first seen without a cause
    answers: dict[str, Answer] = field(default_factory=dict)  # by UID of a Job or Pod that does not get going
    unpublished_since: float | None = None  # monotonic
    published_version: str = ""  # of the flow, as our latest status made it
    status_room: int = sys.maxsize  # bytes; a status of more was refused
    outgrown_at: int | None = None  # the flow's size without its status, which left no room for the least one


class Memory:
    """Notes by flow UID. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the mapping; notes are guarded by whoever holds the flow's key
        self._notes: dict[str, Notes] = {}

    def of(self, uid: str) -> Notes:
        """The notes about a flow, made at the first call."""
        with self._lock:
            return self._notes.setdefault(uid, Notes())

    def find(self, uid: str) -> Notes | None:
        """The notes about a flow, if there are any; for readers who hold no key."""
        return self._notes.get(uid)

    def forget(self, uid: str) -> None:
        """The flow has ended or is gone."""
        with self._lock:
            self._notes.pop(uid, None)

    def __len__(self) -> int:
        return len(self._notes)
