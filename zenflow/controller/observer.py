"""From the caches and the clock to one Snapshot. Writes nothing.

The caches answer everything but two questions. Whether a Job that a status knows of is really gone: an
irreversible decision never rests on a cache's silence. And why a Job does not get going where only Events say so.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from zenflow.api import names
from zenflow.api.types import FlowMeta, JobFlow, StepPhase, StepStatus
from zenflow.controller.caches import BY_OWNER, Caches
from zenflow.controller.evidence import exits_of, suspension_of, trouble_of, unreadable_of
from zenflow.controller.inquiry import Inquiry, standstill_of
from zenflow.controller.library import Library
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
from zenflow.controller.rivals import Rivals
from zenflow.dag.snapshot import JOB_DELETED, Attempt, ContainerExit, Outcome, Snapshot, Trouble
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import NotFound

# How long the cause of a failure may be under way after the news of it.
EVIDENCE_PATIENCE = timedelta(seconds=1)


class Observer:
    """Makes Snapshots. Called by several workers at once, never for one key by two."""

    def __init__(
        self, caches: Caches, library: Library, memory: Memory, rivals: Rivals, client: Client, clock: Clock
    ) -> None:
        self._caches = caches
        self._library = library
        self._memory = memory
        self._rivals = rivals
        self._client = client
        self._clock = clock
        self._inquiry = Inquiry(client, clock)

    def snapshot(self, key: Key) -> Snapshot | None:
        """The flow and its world now; None for a flow that is not there."""
        record = self._caches.flows.get(key)
        if record is None:
            return None
        reading = self._library.reading(record)
        flow = JobFlow.model_construct(metadata=_meta(record), spec=reading.spec, status=self._library.status(record))
        notes = self._memory.of(record.metadata.uid)
        templates = reading.spec.resource_templates if reading.graph else None
        has_templates = templates and (templates.volume_claim_templates or templates.config_map_templates)
        return Snapshot(
            now=self._clock.now(),
            flow=flow,
            graph=reading.graph,
            problems=reading.problems,
            attempts=self._attempts(flow, notes),
            rivals=self._rivals.of(record),
            leftovers=self._rivals.leftovers(record),
            refusals=dict(notes.refusals),
            resource_refusals=dict(notes.resource_refusals),
            resources_ready=notes.resources_ready or not has_templates,
        )

    def _attempts(self, flow: JobFlow, notes: Notes) -> Mapping[str, tuple[Attempt, ...]]:
        by_step: dict[str, dict[int, Attempt]] = defaultdict(dict)
        recorded = {status.name: status for status in flow.status.steps}
        for job in notes.deleted_jobs.values():
            by_step[job.step][job.attempt] = self._attempt(job, recorded.get(job.step), notes, is_gone=True)
        for job in self._caches.jobs.by_index(BY_OWNER, flow.metadata.uid):
            if job.step and job.attempt:
                by_step[job.step][job.attempt] = self._attempt(job, recorded.get(job.step), notes)
        for status in flow.status.steps:
            if status.job_ref is not None and not status.phase.is_terminal:
                self._fill_gap(flow, status, by_step[status.name], notes)
        return {step: _contiguous(flow, step, attempts) for step, attempts in by_step.items()}

    def _fill_gap(self, flow: JobFlow, status: StepStatus, attempts: dict[int, Attempt], notes: Notes) -> None:
        """The attempt that the status knows of, where no cache and no watch event shows its Job."""
        number = status.retry_count + 1
        if status.job_ref is None or any(known >= number for known in attempts):
            return
        if status.phase is StepPhase.RUNNING:
            job = self._look_up(flow, status.job_ref.name)
            if job is not None:
                attempts[number] = self._attempt(job, status, notes)
                return
        attempts[number] = _lost(flow, status, number, has_pods=self._has_pods(status.job_ref.uid))

    def _look_up(self, flow: JobFlow, name: str) -> Job | None:
        try:
            job = remains_of(decode_job, self._client.get(JOBS, name, flow.metadata.namespace))
        except NotFound:
            return None
        return job if job.metadata.controller_uid == flow.metadata.uid else None

    def _attempt(self, job: Job, recorded: StepStatus | None, notes: Notes, *, is_gone: bool = False) -> Attempt:
        outcome, at, reason, message = _outcome(job)
        if is_gone and outcome is Outcome.ACTIVE and not self._has_pods(job.metadata.uid):
            at = job.metadata.deletion_timestamp or self._clock.now()
            outcome, reason = Outcome.FAILED, JOB_DELETED
            message = _was_deleted(job.metadata.name)
        has_ended = recorded is not None and recorded.phase.is_terminal
        pods = () if outcome is Outcome.SUCCEEDED or has_ended else self._pods(job, notes)
        exits, settles_at = exits_of(pods), None
        if outcome is Outcome.FAILED and not (exits or is_gone or _is_recorded(job, recorded)):
            exits, settles_at = self._await_evidence(job, notes)
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
            exits=exits,
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

    def _await_evidence(self, job: Job, notes: Notes) -> tuple[tuple[ContainerExit, ...], datetime | None]:
        """The exits of a Job that failed before its Pods were seen to, or until when to wait for them.

        Jobs and Pods come by two watches: the news of a Job's failure may overtake that of its cause. After a
        moment the API server itself is asked, once; a Job may fail without any container having failed.
        """
        uid = job.metadata.uid
        until = notes.failures.setdefault(uid, self._clock.now()) + EVIDENCE_PATIENCE
        if self._clock.now() < until:
            return (), until
        if uid not in notes.deleted_pods:
            notes.deleted_pods[uid] = {pod.metadata.uid: pod for pod in self._list_pods(job)}
        return exits_of(notes.deleted_pods[uid].values()), None

    def _list_pods(self, job: Job) -> list[Pod]:
        labels = (names.LABEL_FLOW_UID, names.LABEL_STEP, names.LABEL_ATTEMPT)
        selector = ",".join(f"{label}={job.metadata.labels.get(label, '')}" for label in labels)
        pages = self._client.pages(PODS, job.metadata.namespace, label_selector=selector)
        return [pod for pod in readable(decode_pod, pages) if pod.metadata.controller_uid == job.metadata.uid]

    def _has_pods(self, job_uid: str) -> bool:
        """Whether a Pod of the Job may still run. Those of a Job that is gone are on their way out."""
        return any(not pod.is_over for pod in self._caches.pods.by_index(BY_OWNER, job_uid)) if job_uid else False

    def _pods(self, job: Job, notes: Notes) -> tuple[Pod, ...]:
        uid = job.metadata.uid
        return (*notes.deleted_pods.get(uid, {}).values(), *self._caches.pods.by_index(BY_OWNER, uid))


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


def _lost(flow: JobFlow, status: StepStatus, number: int, *, has_pods: bool) -> Attempt:
    """An attempt that only the status remembers."""
    assert status.job_ref is not None
    ran = status.phase is StepPhase.RUNNING
    name = status.job_ref.name
    return Attempt(
        step=status.name,
        number=number,
        job_name=name,
        job_uid=status.job_ref.uid,
        outcome=Outcome.ACTIVE if has_pods else Outcome.FAILED,
        created_at=status.start_time or flow.metadata.creation_timestamp,
        reason=JOB_DELETED if ran else "JobFailed",
        message=_was_deleted(name) if ran else status.message or "",
        is_gone=True,
    )


def _contiguous(flow: JobFlow, step: str, attempts: Mapping[int, Attempt]) -> tuple[Attempt, ...]:
    """All attempts from 1 to the latest. One that is missing was deleted after it had failed: a later one exists."""
    latest = max(attempts)
    return tuple(attempts.get(number) or _forgotten(flow, step, number) for number in range(1, latest + 1))


def _forgotten(flow: JobFlow, step: str, number: int) -> Attempt:
    recorded = next((status for status in flow.status.steps if status.name == step), None)
    started_at = recorded.start_time if recorded and recorded.start_time else flow.metadata.creation_timestamp
    return Attempt(
        step=step,
        number=number,
        job_name=names.job_name(flow.metadata.name, flow.metadata.uid, step, number),
        job_uid="",
        outcome=Outcome.FAILED,
        created_at=started_at,
        is_gone=True,
    )
