"""Which flows a change of an object wakes: the informers' handlers, which put keys on the queue and take notes.

Only news wakes: what a decision may read and has not read yet. The echo of our own write is none, for the decision
that made it knows what it wrote; where nobody can tell an echo from news, it wakes. Whom a change concerns in the
flow's concurrency group is the `GroupGate`'s to know.
"""

from collections.abc import Callable

from zenflow.api import names
from zenflow.controller.caches import Caches
from zenflow.controller.evidence import exits_of, is_news, pod_failures_of
from zenflow.controller.memory import Memory
from zenflow.controller.objects import UNREADABLE, FlowRecord, Job, Pod
from zenflow.controller.ownership import has_marks, is_attempts_pod, is_pod_of
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import Origin, Provenance
from zenflow.runtime.cache import Key

# The conditions of a Job that decisions read; FailureTarget is read beside Failed only, which is news by itself.
_READ = frozenset({"Complete", "Failed", "Suspended", UNREADABLE})


class Wakes:
    """Turns changes into keys. Called by the informers' threads, so everything here is quick.

    `is_flow_echo` and `is_job_echo` say of a resourceVersion whether it is what a write of ours came to.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        caches: Caches,
        memory: Memory,
        parsed: ParsedFlows,
        provenance: Provenance,
        wake: Callable[[Key], None],
        *,
        is_flow_echo: Callable[[str], bool],
        is_job_echo: Callable[[str], bool],
    ) -> None:
        self._caches = caches
        self._memory = memory
        self._parsed = parsed
        self._provenance = provenance
        self._wake = wake
        self._is_flow_echo = is_flow_echo
        self._is_job_echo = is_job_echo

    def flow_changed(self, old: FlowRecord | None, new: FlowRecord | None) -> None:
        """The flow itself; those that waited for it are woken by the `GroupGate`."""
        record = new or old
        assert record is not None
        if new is None or not self._is_flow_echo(new.metadata.resource_version):
            self._wake(record.metadata.key)
        if new is None or new.has_ended:
            self._memory.forget(record.metadata.uid)
            self._parsed.forget(record.metadata.uid)

    def job_changed(self, old: Job | None, new: Job | None) -> None:
        """The flow that it was made for. A deletion is noted: no cache shows it any more."""
        job = new or old
        assert job is not None
        if not has_marks(job):
            return
        if new is None and self._is_of_live_flow(job):
            self._keep_job(job)
        if not self._is_news(old, new):
            return
        self._wake(job.flow_key)

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """The flow, where the Pod tells something new, or was the last one of a Job that is gone."""
        pod = new or old
        assert pod is not None
        if not is_attempts_pod(pod):
            return
        if new is None and (exits_of([pod]) or pod_failures_of([pod])):
            self._keep_pod(pod)
        elif is_news(old, new) or self._ends_a_standstill(old, new):
            self._wake(pod.flow_key)
        if (new is None or new.is_over) and self._caches.is_orphan(pod):
            self._wake(pod.flow_key)

    def _ends_a_standstill(self, old: Pod | None, new: Pod | None) -> bool:
        """Whether Events were asked why there was no Pod, or why this one did not start, and now it is there or has."""
        if new is None or (old is not None and old.is_untouched == new.is_untouched):
            return False
        notes = self._memory.find(new.metadata.labels.get(names.LABEL_FLOW_UID, ""))
        asked_about = (new.metadata.controller_uid, new.metadata.uid)
        return notes is not None and not notes.answers.keys().isdisjoint(asked_about)

    def _keep_job(self, job: Job) -> None:
        """One that somebody else made is not missed."""
        notes = self._memory.of(job.metadata.controller_uid)
        if self._provenance.of(job, notes) is not Origin.FOREIGN:
            notes.deleted.keep_job(job)

    def _keep_pod(self, pod: Pod) -> None:
        """A failed Pod that is deleted stays on as evidence, where its Job is one that counts."""
        flow, job = self._caches.flows.get(pod.flow_key), self._caches.jobs.get(pod.job_key)
        if flow is None or flow.has_ended:
            return
        notes = self._memory.of(flow.metadata.uid)
        for each in notes.deleted.jobs() if job is None else (job,):
            is_its = is_pod_of(pod, each.metadata.name, each.metadata.uid)
            if is_its and self._provenance.of(each, notes) is not Origin.FOREIGN:
                notes.deleted.keep_pods(each.metadata.uid, pod)

    def _is_news(self, old: Job | None, new: Job | None) -> bool:
        if old is None or new is None:
            return new is None or not self._is_job_echo(new.metadata.resource_version)
        return _told(old) != _told(new)

    def _is_of_live_flow(self, job: Job) -> bool:
        flow = self._caches.flows.get(job.flow_key)
        return flow is not None and flow.metadata.uid == job.metadata.controller_uid and not flow.has_ended


def _told(job: Job) -> tuple[object, ...]:
    """What a decision reads of a Job that may change: how it ended, its own tries, suspension and deletion."""
    read = tuple(condition for condition in job.status.conditions if condition.type in _READ)
    tries = job.status.failed if job.spec.backoff_limit else 0
    return job.metadata.uid, job.metadata.deletion_timestamp, read, tries
