"""The last write of a reconcile: the status, if it is new, guarded by the version it was computed from; then Events.

Not every change is written at once: a status write costs the API server by the size of the whole object
(docs/performance.md), so changes that nobody waits for are written together. A crash in between loses
nothing, for what happens next is derived from the Jobs.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import msgspec

from zenflow.api import sizes
from zenflow.api.names import API_VERSION, KIND
from zenflow.api.types import JobFlow, JobFlowStatus, JobRef, StepPhase, StepStatus
from zenflow.controller.announcements import announce
from zenflow.controller.journal import Journal
from zenflow.controller.memory import Memory, Notes
from zenflow.controller.objects import JOBFLOWS, FlowRecord, decode_metadata
from zenflow.dag import small_statuses
from zenflow.dag.actions import Decision
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError
from zenflow.runtime.events import EventRecorder
from zenflow.runtime.informers import Informers
from zenflow.runtime.transport import JSON_PATCH

_SHORTEST_INTERVAL = 0.05
_LONGEST_INTERVAL = 5.0
_SECONDS_PER_STEP = 1 / 200


def interval(steps: int) -> float:
    """Seconds for which changes that nobody waits for are gathered: 50 ms for a few steps, 1 s at 200, 5 s at most."""
    return min(_LONGEST_INTERVAL, max(_SHORTEST_INTERVAL, steps * _SECONDS_PER_STEP))


class StatusWriter:
    """Publishes decisions."""

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        client: Client,
        flows: Informers[FlowRecord],
        barrier: Barrier,
        memory: Memory,
        events: EventRecorder,
        journal: Journal,
        *,
        clock: Clock,
    ) -> None:
        self._client = client
        self._flows = flows
        self._barrier = barrier
        self._memory = memory
        self._events = events
        self._journal = journal
        self._clock = clock

    def publish(self, key: Key, flow: JobFlow, decision: Decision, job_uids: Mapping[str, str]) -> float | None:
        """Write the decision's status, or say in how many seconds it is time to.

        Raises `Conflict` when the flow has changed since the snapshot: its decision is void.
        """
        if decision.status is None:
            return None
        notes = self._memory.of(flow.metadata.uid)
        now = self._clock.monotonic()
        if not decision.is_urgent:
            # Not even the first change is written at once: Jobs of other flows are created first.
            if notes.unpublished_since is None:
                notes.unpublished_since = now
            left = notes.unpublished_since + interval(len(flow.spec.steps)) - now
            if left > 0:
                return left
        status = small_statuses.bounded(_with_uids(decision.status, job_uids))
        status = small_statuses.noted_again(status, flow.status)
        written = self._write(key, flow, status, notes)
        if written is None:
            return 0.0  # the observer knows now, and the flow will end for it
        notes.unpublished_since = None
        if written != flow.status:
            self._tell(flow, _told(flow.status, status, written), notes.published_version)
        return None

    def _write(self, key: Key, flow: JobFlow, status: JobFlowStatus, notes: Notes) -> JobFlowStatus | None:
        """Write the status, or the largest of its smaller ones that the object has room for.

        None where not even the least fits and the flow has not ended: `notes` say so. Of one that has ended the last
        resort is tried whatever the object's size.
        """
        record = self._flows.cache.get(key)
        size = record.size if record is not None else 0
        room = min(sizes.MAX_OBJECT - size, notes.status_room)
        for candidate in chain((status,), small_statuses.smaller(status)):
            if candidate == flow.status:
                return candidate  # all that can be said of it is on record
            body = encode(candidate, is_terse=candidate is not status)
            if sizes.stored(body) > room and candidate.steps:
                continue
            try:
                self._patch(key, flow, body, notes)
            except ApiError as error:
                if not (_is_too_large(error) and candidate.steps):
                    raise
                room = notes.status_room = len(body) - 1
            else:
                return candidate
        notes.outgrown_at = size
        return None

    def _patch(self, key: Key, flow: JobFlow, body: bytes, notes: Notes) -> None:
        """Replace the whole status. A resourceVersion in a patch makes it conditional."""
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": flow.metadata.resource_version},
            {"op": "add", "path": "/status", "value": msgspec.Raw(body)},
        ]
        answer = self._client.patch(
            JOBFLOWS,
            key.name,
            msgspec.json.encode(patch),
            key.namespace,
            content_type=JSON_PATCH,
            subresource="status",
        )
        version = decode_metadata(answer).resource_version
        self._barrier.expect(key, self._flows.of(key.namespace), version)
        notes.published_version = version

    def _tell(self, flow: JobFlow, status: JobFlowStatus, version: str) -> None:
        reference = _reference(flow, version)
        for one in announce(flow.status, status):
            self._events.record(reference, one.type, one.reason, one.message)
        self._journal.published(flow, status)


def encode(status: JobFlowStatus, *, is_terse: bool) -> bytes:
    """As JSON; tersely, without what an entry of a step says by leaving it out."""
    value = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"steps"})
    steps = [step.model_dump(mode="json", by_alias=True, exclude_none=True) for step in status.steps]
    return msgspec.json.encode({**value, "steps": [_terse(step) for step in steps] if is_terse else steps})


def _terse(step: dict[str, Any]) -> dict[str, Any]:
    job = step.get("jobRef")
    if job is not None and not job.get("uid"):
        step = {**step, "jobRef": {"name": job["name"]}}
    return {key: value for key, value in step.items() if not (key == "retryCount" and value == 0)}


def _told(before: JobFlowStatus, status: JobFlowStatus, written: JobFlowStatus) -> JobFlowStatus:
    """What Events and metrics are told: the whole of each step whose record has changed, and nothing twice."""
    if written is status:
        return status
    was = {step.name: step for step in before.steps}
    now = {step.name: step for step in written.steps}
    steps = (
        step if was.get(step.name) != now.get(step.name) else was.get(step.name) or _unstarted(step.name)
        for step in status.steps
    )
    return status.model_copy(update={"steps": tuple(steps)})


def _unstarted(name: str) -> StepStatus:
    return StepStatus(name=name, phase=StepPhase.PENDING)


def _with_uids(status: JobFlowStatus, job_uids: Mapping[str, str]) -> JobFlowStatus:
    """The UIDs of Jobs that were created after the decision was made."""
    if not job_uids:
        return status
    return status.model_copy(update={"steps": tuple(_with_uid(step, job_uids) for step in status.steps)})


def _with_uid(step: StepStatus, job_uids: Mapping[str, str]) -> StepStatus:
    uid = job_uids.get(step.job_ref.name) if step.job_ref else None
    if uid is None or step.job_ref is None:
        return step
    return step.model_copy(update={"job_ref": JobRef(name=step.job_ref.name, uid=uid)})


def _is_too_large(error: ApiError) -> bool:
    return error.status == 413 or "too large" in error.message.lower()


def _reference(flow: JobFlow, version: str) -> Mapping[str, str]:
    meta = flow.metadata
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "resourceVersion": version,
    }
