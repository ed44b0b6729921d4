"""From the caches and the clock to one Snapshot. Writes nothing.

The caches answer everything but two questions. Whether a Job that a status knows of is really gone: an
irreversible decision never rests on a cache's silence. And why a Job does not get going where only Events say so.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from zenflow.api import names
from zenflow.api.types import FlowMeta, JobFlow, JobRef, Step, StepPhase, StepStatus
from zenflow.controller.caches import BY_OWNER, Caches
from zenflow.controller.evidence import exits_of, pod_failures_of, suspension_of, trouble_of, unreadable_of
from zenflow.controller.inquiry import Inquiry, standstill_of
from zenflow.controller.memory import Memory, Notes
from zenflow.controller.objects import (
    JOBS,
    PODS,
    Condition,
    FlowRecord,
    Job,
    Pod,
    decode_job,
    decode_pod,
    readable,
    remains_of,
)
from zenflow.controller.ownership import flow_uid, has_marks, has_place, is_attempt, is_pod_of
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import Origin, Provenance
from zenflow.controller.rivals import Rivals
from zenflow.controller.tries import tries_of
from zenflow.dag.snapshot import JOB_DELETED, Attempt, Outcome, Snapshot, Trouble
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import NotFound

# How long the cause of a failure may be under way after the news of it.
EVIDENCE_PATIENCE = timedelta(seconds=1)


class Observer:
    """Makes Snapshots. Called by several workers at once, never for one key by two."""

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        caches: Caches,
        parsed: ParsedFlows,
        memory: Memory,
        rivals: Rivals,
        provenance: Provenance,
        client: Client,
        *,
        clock: Clock,
    ) -> None:
        self._caches = caches
        self._parsed = parsed
        self._memory = memory
        self._rivals = rivals
        self._provenance = provenance
        self._client = client
        self._clock = clock
        self._inquiry = Inquiry(client, clock)

    def release(self, key: Key, uid: str) -> None:
        """After a look: of a flow that has ended or gone meanwhile nothing stays noted. Nobody would ever forget it."""
        record = self._caches.flows.get(key)
        if record is None or record.metadata.uid != uid or record.has_ended:
            self._memory.forget(uid)

    def snapshot(self, key: Key) -> Snapshot | None:
        """The flow and its world now; None for a flow that is not there."""
        self._provenance.begin()
        record = self._caches.flows.get(key)
        if record is None:
            return None
        if record.has_ended:
            return self._after_the_end(record)
        reading = self._parsed.reading(record)
        flow = JobFlow.model_construct(metadata=_meta(record), spec=reading.spec, status=self._parsed.status(record))
        notes = self._memory.of(record.metadata.uid)
        problems = (*reading.problems, *_size_problems(record, notes))
        templates = reading.spec.resource_templates if reading.graph else None
        has_templates = templates and (templates.volume_claim_templates or templates.config_map_templates)
        return Snapshot(
            now=self._clock.now(),
            flow=flow,
            graph=None if problems else reading.graph,
            problems=problems,
            attempts=self._attempts(flow, notes),
            rivals=self._rivals.of(record),
            leftovers=self._rivals.leftovers(record),
            refusals=dict(notes.refusals),
            resource_refusals=dict(notes.resource_refusals),
            resources_ready=notes.resources_ready or not has_templates,
        )

    def _after_the_end(self, record: FlowRecord) -> Snapshot:
        """A flow that has ended, and what still runs of it: nothing is read of it, nothing remembered."""
        flow = JobFlow.model_construct(
            metadata=_meta(record), spec=self._parsed.reading(record).spec, status=self._parsed.status(record)
        )
        known = self._memory.find(record.metadata.uid)
        attempts: dict[str, tuple[Attempt, ...]] = defaultdict(tuple)
        for job in self._caches.jobs.by_index(BY_OWNER, record.metadata.uid):
            is_ours = job.metadata.uid in record.failed_jobs or self._provenance.of(job, known) is not Origin.FOREIGN
            if is_ours and has_marks(job) and not job.is_finished:
                ended = StepStatus(name=job.step, phase=StepPhase.FAILED)
                attempts[job.step] += (self._attempt(job, ended, known or Notes()),)
        return Snapshot(now=self._clock.now(), flow=flow, graph=None, attempts=attempts)

    def _attempts(self, flow: JobFlow, notes: Notes) -> Mapping[str, tuple[Attempt, ...]]:
        by_step: dict[str, dict[int, Attempt]] = defaultdict(dict)
        recorded = {status.name: status for status in flow.status.steps}
        for job, origin, is_gone in self._children(flow, notes, recorded):
            attempt = self._attempt(job, recorded.get(job.step), notes, is_gone=is_gone)
            by_step[job.step][job.attempt] = replace(attempt, is_inherited=origin is Origin.INHERITED)
        for status in flow.status.steps:
            if status.job_ref is not None and not status.phase.is_terminal:
                self._fill_gap(flow, status, by_step[status.name], notes)
        return {step: tuple(attempts[number] for number in sorted(attempts)) for step, attempts in by_step.items()}

    def _children(
        self, flow: JobFlow, notes: Notes, recorded: Mapping[str, StepStatus]
    ) -> Iterator[tuple[Job, Origin, bool]]:
        """The Jobs that count as attempts, and whether each is gone; those that are there come last."""
        steps = {step.name: step for step in flow.spec.steps}
        jobs = self._caches.jobs.by_index(BY_OWNER, flow.metadata.uid)
        if not jobs and not notes.deleted.jobs():
            return
        for job, is_gone in chain(((job, True) for job in notes.deleted.jobs()), ((job, False) for job in jobs)):
            status = recorded.get(job.step)
            origin = self._provenance.of(job, notes, status)
            if origin is not Origin.FOREIGN and _counts(job, flow, steps.get(job.step), status):
                yield job, origin, is_gone

    def _fill_gap(self, flow: JobFlow, status: StepStatus, attempts: dict[int, Attempt], notes: Notes) -> None:
        """The attempt that the status knows of, where no cache and no watch event shows its Job."""
        number = _number(status)
        if status.job_ref is None or any(known >= number for known in attempts):
            return
        if status.phase is StepPhase.RUNNING:
            job = self._look_up(flow, status.job_ref)
            if job is not None:
                attempts[number] = replace(self._attempt(job, status, notes), step=status.name, number=number)
                return
        attempts[number] = self._lost(flow, status, status.job_ref, number)

    def _look_up(self, flow: JobFlow, ref: JobRef) -> Job | None:
        """The Job itself, not another of its name."""
        try:
            job = remains_of(decode_job, self._client.get(JOBS, ref.name, flow.metadata.namespace))
        except NotFound:
            return None
        if ref.uid:
            return job if job.metadata.uid == ref.uid else None
        return job if is_attempt(job) and flow_uid(job.metadata) == flow.metadata.uid else None

    def _attempt(self, job: Job, recorded: StepStatus | None, notes: Notes, *, is_gone: bool = False) -> Attempt:
        outcome, at, reason, message = _outcome(job)
        if is_gone and outcome is Outcome.ACTIVE and not self._has_pods(job.metadata.name, job.metadata.uid):
            at = job.metadata.deletion_timestamp or self._clock.now()
            outcome, reason = Outcome.FAILED, JOB_DELETED
            message = _was_deleted(job.metadata.name)
        has_ended = recorded is not None and recorded.phase.is_terminal
        pods = () if outcome is Outcome.SUCCEEDED or has_ended else self._pods(job, notes)
        settles_at = None
        if outcome is Outcome.FAILED and not (is_gone or _is_recorded(job, recorded) or _tell(pods)):
            pods, settles_at = self._await_evidence(job, notes)
        return Attempt(
            step=job.step,
            number=job.attempt,
            job_name=job.metadata.name,
            job_uid=job.metadata.uid,
            outcome=Outcome.ACTIVE if settles_at else outcome,
            created_at=job.metadata.creation_timestamp or self._clock.now(),
            finished_at=at,
            reason=reason,
            message=message,
            is_deleting=job.metadata.deletion_timestamp is not None,
            is_gone=is_gone,
            exits=exits_of(pods),
            pod_failures=pod_failures_of(pods),
            tries=None if has_ended or is_gone or outcome is not Outcome.ACTIVE else tries_of(job, pods),
            trouble=None if has_ended or outcome is not Outcome.ACTIVE else self._trouble(job, pods, notes),
            settles_at=settles_at,
        )

    def _trouble(self, job: Job, pods: tuple[Pod, ...], notes: Notes) -> Trouble | None:
        """Why the Job does not get going: by its own word or its Pods', else by what the Events say of it."""
        if job.metadata.deletion_timestamp is not None:
            return None
        known = unreadable_of(job) or suspension_of(job) or trouble_of(pods)
        standstill = standstill_of(job, pods) if known is None else None
        return self._inquiry.explain(standstill, notes.answers) if standstill else known

    def _await_evidence(self, job: Job, notes: Notes) -> tuple[tuple[Pod, ...], datetime | None]:
        """The Pods of a Job that failed before its Pods were seen to, or until when to wait for them.

        Jobs and Pods come by two watches: the news of a Job's failure may overtake that of its cause. After a
        moment the API server itself is asked, once; a Job may fail without any container having failed.
        """
        uid = job.metadata.uid
        until = notes.failures.setdefault(uid, self._clock.now()) + EVIDENCE_PATIENCE
        if self._clock.now() < until:
            return (), until
        if not notes.deleted.knows_pods(uid):
            notes.deleted.keep_pods(uid, *self._list_pods(job))
        return tuple(notes.deleted.pods(uid)), None

    def _list_pods(self, job: Job) -> list[Pod]:
        labels = (names.LABEL_FLOW_UID, names.LABEL_STEP, names.LABEL_ATTEMPT)
        selector = ",".join(f"{label}={job.metadata.labels.get(label, '')}" for label in labels)
        pages = self._client.pages(PODS, job.metadata.namespace, label_selector=selector)
        found = readable(decode_pod, pages)
        return [pod for pod in found if is_pod_of(pod, job.metadata.name, job.metadata.uid)]

    def _has_pods(self, name: str, uid: str) -> bool:
        """Whether a Pod of the Job may still run. Those of a Job that is gone are on their way out."""
        pods = self._caches.pods.by_index(BY_OWNER, uid) if uid else ()
        return any(not pod.is_over and is_pod_of(pod, name, uid) for pod in pods)

    def _pods(self, job: Job, notes: Notes) -> tuple[Pod, ...]:
        meta = job.metadata
        there = self._caches.pods.by_index(BY_OWNER, meta.uid)
        return (*notes.deleted.pods(meta.uid), *(pod for pod in there if is_pod_of(pod, meta.name, meta.uid)))

    def _lost(self, flow: JobFlow, status: StepStatus, ref: JobRef, number: int) -> Attempt:
        """An attempt that only the status remembers."""
        ran = status.phase is StepPhase.RUNNING
        return Attempt(
            step=status.name,
            number=number,
            job_name=ref.name,
            job_uid=ref.uid,
            outcome=Outcome.ACTIVE if self._has_pods(ref.name, ref.uid) else Outcome.FAILED,
            created_at=status.start_time or flow.metadata.creation_timestamp,
            reason=JOB_DELETED if ran else "JobFailed",
            message=_was_deleted(ref.name) if ran else status.message or "",
            is_gone=True,
        )


def _counts(job: Job, flow: JobFlow, step: Step | None, status: StepStatus | None) -> bool:
    """Whether the spec or the record has a place for the attempt."""
    if step is None:  # the spec cannot be read, or was edited though admission forbids it: what runs is to be stopped
        return flow.status.start_time is not None or not flow.spec.steps
    is_on_record = status is not None and status.job_ref is not None and job.attempt == _number(status)
    return is_on_record or (has_place(job, step) and not _is_behind(job, status))


def _is_behind(job: Job, status: StepStatus | None) -> bool:
    """Whether the record tells of a later attempt: this one's failure is settled, whoever made the Job."""
    return status is not None and status.job_ref is not None and job.attempt < _number(status)


def _number(status: StepStatus) -> int:
    """The attempt that the record tells of, whatever somebody wrote into it."""
    return min(max(status.retry_count, 0) + 1, names.MAX_ATTEMPTS)


def _size_problems(record: FlowRecord, notes: Notes) -> tuple[str, ...]:
    """That the object has no room for a status, as writing one has shown; until it is smaller."""
    if notes.outgrown_at is None or record.size < notes.outgrown_at:
        return ()
    text = f"Too long: the object has {record.size} bytes and no room for its status"
    return (f"metadata: {text}; remove annotations, labels or finalizers, or make the spec smaller",)


def _tell(pods: tuple[Pod, ...]) -> bool:
    """Whether the Pods say why they failed."""
    return bool(exits_of(pods) or pod_failures_of(pods))


def _is_recorded(job: Job, recorded: StepStatus | None) -> bool:
    """Whether the status tells of this attempt's failure: a final phase, a later attempt, or a wait for it."""
    if recorded is None:
        return False
    waits = recorded.phase is StepPhase.PENDING and recorded.job_ref is not None
    return recorded.phase.is_terminal or recorded.retry_count >= job.attempt - (1 if waits else 0)


def _meta(record: FlowRecord) -> FlowMeta:
    meta = record.metadata
    assert meta.creation_timestamp is not None
    return FlowMeta.model_construct(
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        generate_name=meta.generate_name,
        creation_timestamp=meta.creation_timestamp,
        deletion_timestamp=meta.deletion_timestamp,
        annotations=meta.annotations,
    )


def _outcome(job: Job) -> tuple[Outcome, datetime | None, str, str]:
    """From the conditions; `Failed` and not `FailureTarget`, which is set while Pods still run."""
    complete = job.condition("Complete")
    if complete is not None:
        return Outcome.SUCCEEDED, complete.last_transition_time, "", ""
    failed = job.condition("Failed")
    if failed is not None and _failed_by_its_deletion(job, failed):
        return Outcome.FAILED, job.metadata.deletion_timestamp, JOB_DELETED, _was_deleted(job.metadata.name)
    if failed is not None:
        return Outcome.FAILED, failed.last_transition_time, failed.reason, failed.message
    return Outcome.ACTIVE, None, "", ""


def _failed_by_its_deletion(job: Job, failed: Condition) -> bool:
    """Whether it had been deleted before: in the foreground a Job outlives its Pods, and their end makes it Failed."""
    asked_at = job.metadata.deletion_timestamp
    decided_at = (job.condition("FailureTarget") or failed).last_transition_time
    return asked_at is not None and decided_at is not None and decided_at >= asked_at


def _was_deleted(name: str) -> str:
    return f"Job {name} was deleted while the step ran"
