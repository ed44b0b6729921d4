"""What only this process knows of a flow, because no object shows it.

Losing it costs nothing but time: a refused request is made again, a deleted Job is found missing by its
recorded name. It is therefore never written anywhere, and a restart begins with none of it.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime

from zenflow.controller.inquiry import Answer
from zenflow.controller.objects import Job, Pod
from zenflow.dag.snapshot import Refusal


@dataclass(slots=True)
class Notes:
    """About one flow. Changed by the one worker that holds its key, and by the informers' handlers."""

    refusals: dict[str, Refusal] = field(default_factory=dict)
    resource_refusals: dict[str, Refusal] = field(default_factory=dict)
    refused_times: dict[str, int] = field(default_factory=dict)
    resources_ready: bool = False
    deleted_jobs: dict[tuple[str, int], Job] = field(default_factory=dict)
    deleted_pods: dict[str, dict[str, Pod]] = field(default_factory=dict)  # by Job UID, by Pod UID
    failures: dict[str, datetime] = field(default_factory=dict)  # by Job UID: when it was first seen without a cause
    answers: dict[str, Answer] = field(default_factory=dict)  # by UID of a Job or Pod that does not get going
    unpublished_since: float | None = None  # monotonic


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
