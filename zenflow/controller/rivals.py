"""The other flows of a concurrency group, and what still runs of those that are no more (semantics.md, section 6).

Reads caches, writes nothing. Who must wait for whom is decided by `dag.flows`.
"""

from collections.abc import Iterator

from zenflow.api import names
from zenflow.api.types import ConcurrencyPolicy
from zenflow.controller.caches import BY_GROUP, BY_OWNER, Caches, group_of
from zenflow.controller.library import Library
from zenflow.controller.memory import Memory
from zenflow.controller.objects import FlowRecord, Job, Pod
from zenflow.dag.snapshot import Rival


class Rivals:
    """Looks around for one flow."""

    def __init__(self, caches: Caches, library: Library, memory: Memory) -> None:
        self._caches = caches
        self._library = library
        self._memory = memory

    def of(self, record: FlowRecord) -> tuple[Rival, ...]:
        """The other flows of its group; none once it has ended."""
        if record.has_ended:
            return ()
        others = self._caches.flows.by_index(BY_GROUP, group_of(record))
        return tuple(self._rival(other) for other in others if other.metadata.uid != record.metadata.uid)

    def leftovers(self, record: FlowRecord) -> tuple[str, ...]:
        """`Job x`, `Pod y`: what still runs of flows of the group that have ended or are deleted.

        A flow that has started has looked; one that runs beside others does not look.
        """
        if record.has_started or record.has_ended or record.policy is ConcurrencyPolicy.ALLOW:
            return ()
        return (*self._jobs_left(record), *self._pods_left(record))

    def _rival(self, record: FlowRecord) -> Rival:
        meta, group = record.metadata, group_of(record)
        assert meta.creation_timestamp is not None
        # Its Jobs too: its status may not know yet of a start that a crash cut short.
        has_started = record.has_started or self._memory.has_entered(group, meta.uid) or self._has_jobs(record)
        return Rival(
            name=meta.name,
            uid=meta.uid,
            created_at=meta.creation_timestamp,
            policy=record.policy,
            has_started=has_started,
            has_ended=record.has_ended,
            is_deleting=meta.deletion_timestamp is not None,
            is_suspended=record.is_suspended,
            is_invalid=not has_started and self._is_invalid(record),
        )

    def _has_jobs(self, record: FlowRecord) -> bool:
        return bool(self._caches.jobs.by_index(BY_OWNER, record.metadata.uid))

    def _is_invalid(self, record: FlowRecord) -> bool:
        """A spec is read only where something depends on it: a flow replaces nobody by mistake."""
        is_replacing = record.policy is ConcurrencyPolicy.REPLACE and not record.has_ended
        return is_replacing and bool(self._library.reading(record).problems)

    def _jobs_left(self, record: FlowRecord) -> Iterator[str]:
        for job in self._caches.jobs.by_index(BY_GROUP, group_of(record)):
            if not job.is_finished and _is_of_a_flow(job) and self._is_left(record, job):
                yield f"Job {job.metadata.name}"

    def _pods_left(self, record: FlowRecord) -> Iterator[str]:
        """Of Jobs that are gone themselves: as long as a Job is there, it speaks for its Pods."""
        for pod in self._caches.pods.by_index(BY_GROUP, group_of(record)):
            if not pod.is_over and self._caches.is_orphan(pod) and self._is_left(record, pod):
                yield f"Pod {pod.metadata.name}"

    def _is_left(self, record: FlowRecord, child: Job | Pod) -> bool:
        """Whether it is of another flow, and of one that does not speak for itself any more."""
        uid = child.metadata.labels.get(names.LABEL_FLOW_UID, "")
        flow = self._caches.flows.get(child.flow_key)
        if uid == record.metadata.uid:
            return False
        if flow is None or flow.metadata.uid != uid:
            return True
        return flow.has_ended or flow.metadata.deletion_timestamp is not None


def _is_of_a_flow(job: Job) -> bool:
    return any(owner.controller and owner.kind == names.KIND for owner in job.metadata.owner_references)
