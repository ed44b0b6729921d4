"""The other flows of a concurrency group, and what still runs of those that are no more (semantics.md, section 6).

Reads caches, writes nothing. Who must wait for whom is decided by `dag.flows`.
"""

from collections.abc import Iterator
from itertools import chain, islice

from zenflow.api import names
from zenflow.api.types import ConcurrencyPolicy
from zenflow.controller.caches import BUSY, Caches, group_of
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.group_line import Member
from zenflow.controller.objects import FlowRecord, Job, Pod
from zenflow.controller.ownership import is_attempt, is_attempts_pod
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.dag.snapshot import Rival


class Rivals:
    """Lists other flows and leftover children of a group, as far as one flow has to look at them."""

    def __init__(self, caches: Caches, parsed: ParsedFlows, gate: GroupGate) -> None:
        self._caches = caches
        self._parsed = parsed
        self._gate = gate

    def of(self, record: FlowRecord) -> tuple[Rival, ...]:
        """The flows of its group that decide about it, at most three; none once it has ended.

        The next older one that waits, the oldest that runs, and the youngest of those that would replace it.
        """
        if record.has_ended:
            return ()
        near = self._gate.neighbours(record)
        replacing = next((each for each in near.replacing if not self._is_invalid(each)), None)
        found = {each.uid: each for each in (near.before, near.running, replacing) if each is not None}
        return tuple(self._rival(each) for each in found.values())

    def leftovers(self, record: FlowRecord) -> tuple[str, ...]:
        """`Job x` or `Pod y`: the first that still runs of flows of the group that have ended or are deleted.

        Only the first in line looks, while nobody runs. A flow that has started has looked; one that runs beside
        others does not look.
        """
        if record.has_started or record.has_ended or record.policy is ConcurrencyPolicy.ALLOW or record.is_suspended:
            return ()
        near = self._gate.neighbours(record)
        if near.before is not None or near.running is not None:
            return ()
        return tuple(islice(chain(self._jobs_left(record), self._pods_left(record)), 1))

    def _rival(self, member: Member) -> Rival:
        return Rival(
            name=member.key.name,
            uid=member.uid,
            created_at=member.created_at,
            policy=member.policy,
            has_started=member.is_running,
            has_ended=False,
            is_invalid=member.is_replacing and self._is_invalid(member),
        )

    def _is_invalid(self, member: Member) -> bool:
        """A spec is read only where something depends on it: a flow replaces nobody by mistake."""
        record = self._caches.flows.get(member.key)
        return record is not None and bool(self._parsed.reading(record).problems)

    def _jobs_left(self, record: FlowRecord) -> Iterator[str]:
        for job in self._caches.jobs.by_index(BUSY, group_of(record)):
            if is_attempt(job) and self._is_left(record, job):
                yield f"Job {job.metadata.name}"

    def _pods_left(self, record: FlowRecord) -> Iterator[str]:
        """Of Jobs that are gone themselves: as long as a Job is there, it speaks for its Pods."""
        for pod in self._caches.pods.by_index(BUSY, group_of(record)):
            if is_attempts_pod(pod) and self._caches.is_orphan(pod) and self._is_left(record, pod):
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
