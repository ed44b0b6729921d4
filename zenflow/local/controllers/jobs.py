"""The Job controller of the local cluster: batch/v1 Jobs become Pods, ended Pods become conditions.

Watches Jobs and Pods, decides with `job_census` and `job_plan`, performs the plan here. Never runs anything.

As kube-controller-manager does it, except: Pods carry no tracking finalizer (how Pods ended is kept in memory, which
lives and dies with the embedded API server); Pods that lost their owner are not adopted. Finished Jobs are deleted by
ttlSecondsAfterFinished here too.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from zenflow.local.controllers import job_pod
from zenflow.local.controllers.job_census import Census, PodEnd, PodOutcome, end_of
from zenflow.local.controllers.job_plan import Plan, plan
from zenflow.local.loop.mirror import Mirror
from zenflow.local.loop.objects import JOBS, PODS, Job, JobStatus, Pod
from zenflow.local.loop.outgoing import NoEvents, Recorder, patch_of, reference
from zenflow.local.loop.worker import Worker
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, NotFound
from zenflow.runtime.informer import Informer

# Seconds to collect minor changes before looking at the Job: all but the end of a Pod and a new spec.
BATCH = 1.0


class JobController:
    """Steps through Jobs that need a look; see `Worker.step`.

    `random` gives numbers in [0, 1) for Pod names. `batch_period` is how many seconds an ended Pod waits before its
    Job is looked at: 1 in kube-controller-manager, 0 here because nothing is gained by waiting.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        random: Callable[[], float],
        events: Recorder | None = None,
        batch_period: float = 0.0,
    ) -> None:
        self._client = client
        self._clock = clock
        self._random = random
        self._events = events or NoEvents()
        self._batch_period = batch_period
        self._jobs: Informer[Job] = Informer(JOBS, msgspec.json.Decoder(Job).decode)
        self._pods: Informer[Pod] = Informer(
            PODS, msgspec.json.Decoder(Pod).decode, indexers={"owner": lambda pod: (pod.metadata.controller_uid,)}
        )
        self._ended: dict[str, dict[str, PodEnd]] = {}  # Job uid -> Pod uid -> how it ended
        self._jobs.add_handler(self._on_job)
        self._pods.add_handler(self._on_pod)
        # Jobs first: a Pod's end is only kept for a Job that is known.
        mirrors = (Mirror(client, self._jobs), Mirror(client, self._pods))
        self._worker = Worker("job", mirrors, self._sync, clock)
        self.step = self._worker.step
        self.next_due = self._worker.next_due

    def _on_job(self, old: Job | None, new: Job | None) -> None:
        if new is not None:
            # Without a new generation only the status has changed, most likely by ourselves.
            news = old is None or old.metadata.generation != new.metadata.generation
            self._worker.queue.add_after(new.metadata.key, 0.0 if news else BATCH)
        elif old is not None:
            self._ended.pop(old.metadata.uid, None)

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        job = self._owner_of(pod) if pod is not None else None
        if pod is None or job is None:
            return
        if new is None:
            self._count(job, pod, gone=True)
        ended = new is None or pod.is_terminal or pod.is_terminating
        self._worker.queue.add_after(job.metadata.key, self._batch_period if ended else BATCH)

    def _owner_of(self, pod: Pod) -> Job | None:
        owner = next((o for o in pod.metadata.owner_references if o.controller and o.kind == JOBS.kind), None)
        job = self._jobs.cache.get(Key(pod.metadata.namespace, owner.name)) if owner else None
        return job if job is not None and owner is not None and job.metadata.uid == owner.uid else None

    def _count(self, job: Job, pod: Pod, *, gone: bool = False) -> None:
        """Remember how the Pod ended, once: the first account of it stands."""
        ended = self._ended.setdefault(job.metadata.uid, {})
        if pod.metadata.uid not in ended:
            end = end_of(job, pod, self._clock.now(), gone=gone)
            if end is not None:
                ended[pod.metadata.uid] = end

    def _sync(self, key: Key) -> None:
        job = self._jobs.cache.get(key)
        if job is None or job.is_managed_elsewhere:
            return
        if job.is_finished:
            self._expire(job)
            return
        pods = self._pods.cache.by_index("owner", job.metadata.uid)
        for pod in pods:
            self._count(job, pod)
        census = Census(pods, self._ended.get(job.metadata.uid, {}))
        self._perform(job, plan(job, census, self._clock.now()))

    def _perform(self, job: Job, planned: Plan) -> None:
        for pod in planned.delete:
            self._delete(job, pod, counted=not planned.uncounted)
        for index in planned.create:
            self._create(job, index)
        if planned.status != job.status:
            self._write(job, planned.status)
        for event in planned.events:
            self._events.record(reference(JOBS, job.metadata), event.type, event.reason, event.message)
        self._worker.look_again(job.metadata.key, planned.look_again_at)

    def _delete(self, job: Job, pod: Pod, *, counted: bool) -> None:
        if not counted:
            # Before the request: a Pod that is gone must not look like a failure.
            end = PodEnd(PodOutcome.REMOVED, self._clock.now())
            self._ended.setdefault(job.metadata.uid, {}).setdefault(pod.metadata.uid, end)
        try:
            self._client.delete(PODS, pod.metadata.name, pod.metadata.namespace, uid=pod.metadata.uid)
        except NotFound:
            return
        self._record(job, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    def _create(self, job: Job, index: int | None) -> None:
        manifest = job_pod.build(job, index, self._random)
        try:
            self._client.create(PODS, msgspec.json.encode(manifest), job.metadata.namespace)
        except ApiError as refused:
            about = reference(JOBS, job.metadata)
            self._events.record(about, "Warning", "FailedCreate", f"Error creating: {refused.message}")
            raise
        self._record(job, "SuccessfulCreate", f"Created pod: {manifest['metadata']['name']}")

    def _write(self, job: Job, status: JobStatus) -> None:
        """Write what changed, on the version the decision was made from."""
        metadata = {"uid": job.metadata.uid, "resourceVersion": job.metadata.resource_version}
        body = {"metadata": metadata, "status": {**_fields(status), "uncountedTerminatedPods": {}}}
        self._client.patch(JOBS, job.metadata.name, patch_of(body), job.metadata.namespace, subresource="status")

    def _expire(self, job: Job) -> None:
        ttl, finished = job.spec.ttl_seconds_after_finished, _finished_at(job)
        if ttl is None or finished is None or job.metadata.deletion_timestamp is not None:
            return
        expires = finished + timedelta(seconds=ttl)
        if self._clock.now() < expires:
            self._worker.look_again(job.metadata.key, expires)
            return
        meta = job.metadata
        self._client.delete(JOBS, meta.name, meta.namespace, uid=meta.uid, propagation="Foreground")

    def _record(self, job: Job, reason: str, message: str) -> None:
        self._events.record(reference(JOBS, job.metadata), "Normal", reason, message)


def _fields(status: JobStatus) -> dict[str, Any]:
    """The status as it goes out: numbers of zero are left out where the real controller leaves them out."""
    return {
        "active": status.active or None,
        "ready": status.ready,
        "terminating": status.terminating,
        "succeeded": status.succeeded or None,
        "failed": status.failed or None,
        "completedIndexes": status.completed_indexes or None,
        "failedIndexes": status.failed_indexes,
        "startTime": status.start_time,
        "completionTime": status.completion_time,
        "conditions": list(status.conditions) or None,
    }


def _finished_at(job: Job) -> datetime | None:
    condition = job.condition("Complete") or job.condition("Failed")
    return condition.last_transition_time if condition else None
