"""Performs what a decision asks for. Twice is once: names are functions of identity, deletions name a UID.

What the API server refuses for good or for a while is noted and becomes part of the next snapshot; what
only went wrong on the way (429, 5xx, no answer) is raised, for the queue to call again later.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

from zenflow.api import names
from zenflow.api.types import JobFlow
from zenflow.controller import creation_backoff, manifests
from zenflow.controller.contents import is_as_wanted
from zenflow.controller.creation_backoff import Refused
from zenflow.controller.journal import Journal
from zenflow.controller.memory import Memory, Notes
from zenflow.controller.objects import (
    CLAIMS,
    CONFIG_MAPS,
    JOBFLOWS,
    JOBS,
    Job,
    decode_existing,
    decode_job,
    decode_metadata,
    remains_of,
)
from zenflow.controller.ownership import is_owned_by
from zenflow.controller.provenance import Origin, Provenance
from zenflow.dag.actions import Action, CreateJob, DeleteFlow, DeleteJob, EnsureClaim, EnsureConfigMap
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import Refusal
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RuntimeFault,
)
from zenflow.runtime.informers import Informers

# Nobody tells us when an object that is in the way is gone; it mostly is within seconds.
_LONGEST_DELETION = 10.0

Task = Callable[[], None]
# Runs tasks, side by side or one after another, and returns what each raised, or None.
Parallel = Callable[[Sequence[Task]], Sequence[BaseException | None]]


def one_by_one(tasks: Sequence[Task]) -> Sequence[BaseException | None]:
    """The Parallel that is none."""
    results: list[BaseException | None] = []
    for task in tasks:
        try:
            task()
        except RuntimeFault as fault:
            results.append(fault)
        else:
            results.append(None)
    return results


@dataclass(slots=True)
class Applied:
    """What came of the actions.

    `job_uids` are the UIDs of the Jobs that were created (or found to be ours), by name; `refused` what was refused for
    now. `look_again`: something was learned that the decision did not know, so its status must not be published.
    """

    job_uids: dict[str, str] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    look_again: bool = False


class Applier:
    """Writes children. Raises RuntimeFault where nothing is known about a write but that it must be tried again."""

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        client: Client,
        jobs: Informers[Job],
        barrier: Barrier,
        memory: Memory,
        journal: Journal,
        provenance: Provenance,
        *,
        clock: Clock,
        parallel: Parallel = one_by_one,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._barrier = barrier
        self._memory = memory
        self._journal = journal
        self._provenance = provenance
        self._clock = clock
        self._parallel = parallel

    def apply(self, key: Key, flow: JobFlow, actions: Sequence[Action]) -> Applied:
        """Perform all actions, side by side where there are several; then raise the first fault, if any.

        Jobs are created last, and slowly at first: one, two, four, and so on, until one is refused.
        """
        applied = Applied()
        if not actions:
            return applied
        notes = self._memory.of(flow.metadata.uid)
        creations = [action for action in actions if isinstance(action, CreateJob)]
        others = [self._task(key, flow, each, notes, applied) for each in actions if not isinstance(each, CreateJob)]
        self._run(others)
        if creations:
            self._create_jobs(key, flow, creations, notes, applied)
        if any(isinstance(action, EnsureClaim | EnsureConfigMap) for action in actions):
            notes.resources_ready = not notes.resource_refusals
            applied.look_again = True
        return applied

    def _run(self, tasks: Sequence[Task]) -> None:
        for fault in one_by_one(tasks) if len(tasks) == 1 else self._parallel(tasks):
            if fault is not None:
                raise fault

    def _create_jobs(
        self, key: Key, flow: JobFlow, creations: Sequence[CreateJob], notes: Notes, applied: Applied
    ) -> None:
        left = creation_backoff.in_turn(notes, creations)
        if not creation_backoff.is_held(notes, self._clock.now()):
            try:
                left = self._create_slowly(key, flow, left, notes, applied)
            finally:
                has_created = bool(applied.job_uids)
                creation_backoff.note(notes, applied.refused, self._clock.now(), has_created=has_created)
        if creation_backoff.is_held(notes, self._clock.now()):
            creation_backoff.hold_back(notes, left)
        applied.look_again |= bool(left)

    def _create_slowly(
        self, key: Key, flow: JobFlow, creations: Sequence[CreateJob], notes: Notes, applied: Applied
    ) -> list[CreateJob]:
        """Create in growing batches until one is refused; what was not tried."""
        tried = 0
        for batch in creation_backoff.batches(creations):
            self._run([self._task(key, flow, action, notes, applied) for action in batch])
            tried += len(batch)
            if applied.refused or any(_fails(action, notes) for action in batch):
                break
        return list(creations[tried:])

    def _task(self, key: Key, flow: JobFlow, action: Action, notes: Notes, applied: Applied) -> Task:
        match action:
            case CreateJob():
                return lambda: self._create_job(key, flow, action, notes, applied)
            case DeleteJob():
                return lambda: self._delete_job(action, flow.metadata.namespace)
            case EnsureClaim(template):
                body = manifests.claim(flow, template)
                return lambda: self._ensure(CLAIMS, flow, template.metadata.name, body, notes)
            case EnsureConfigMap(template):
                body = manifests.config_map(flow, template)
                return lambda: self._ensure(CONFIG_MAPS, flow, template.metadata.name, body, notes)
            case DeleteFlow():
                return lambda: self._delete_flow(flow)
            case _:
                assert_never(action)

    def _create_job(self, key: Key, flow: JobFlow, action: CreateJob, notes: Notes, applied: Applied) -> None:
        step = action.step.name
        try:
            body = self._create_or_find(flow, action, notes)
        except (Invalid, BadRequest) as error:
            notes.refusals[step] = Refusal("InvalidTemplate", error.message, is_final=True)
        except AlreadyExists as error:
            notes.refusals[step] = Refusal("ResourceConflict", error.message, is_final=True)
        except Forbidden as error:
            reason = _reason(error)
            applied.refused.append(Refused(step, reason, error.message))
            applied.look_again = True
            self._journal.refused(JOBS.kind, step, reason)
            return
        else:
            meta = decode_metadata(body)
            applied.job_uids[meta.name] = notes.created[meta.name] = meta.uid
            notes.unanswered.discard(meta.name)
            # Wait for the creation, not for a later version of the Job: its event is certain to come.
            self._barrier.expect(key, self._jobs.of(key.namespace), meta.resource_version)
            creation_backoff.forget(notes, step)
            return
        self._journal.refused(JOBS.kind, step, notes.refusals[step].reason)
        applied.look_again = True

    def _create_or_find(self, flow: JobFlow, action: CreateJob, notes: Notes) -> bytes:
        """The Job as stored. One that exists already is success only if we made it, be it before a restart."""
        namespace = flow.metadata.namespace
        name = names.job_name(flow.metadata.name, flow.metadata.uid, action.step.name, action.attempt)
        try:
            body = self._client.create(JOBS, manifests.job(flow, action.step, action.attempt), namespace)
        except AlreadyExists as error:
            body = self._client.get(JOBS, name, namespace)
            if self._is_ours(body, flow, action, notes):
                return body
            text = f"Job {name} exists and was not made by this flow's controller: delete or rename it"
            raise AlreadyExists(error.status, error.reason, text) from error
        except (Invalid, BadRequest, Forbidden):
            raise
        except RuntimeFault:
            notes.unanswered.add(name)  # it may have been carried out all the same
            raise
        self._journal.job_created(flow, action.step, action.attempt, name)
        return body

    def _is_ours(self, body: bytes, flow: JobFlow, action: CreateJob, notes: Notes) -> bool:
        """Whether the Job in the way is the very attempt: made by us, for this flow, step and attempt."""
        job, meta = remains_of(decode_job, body), flow.metadata
        if job.metadata.uid == action.foreign or not is_owned_by(job.metadata, meta.name, meta.uid):
            return False
        if (job.step, job.attempt) != (action.step.name, action.attempt):
            return False
        return self._provenance.of(job, notes) is not Origin.FOREIGN

    def _ensure(self, resource: Resource, flow: JobFlow, name: str, body: bytes, notes: Notes) -> None:
        refusal = self._refusal_of(resource, flow, name, body, notes)
        subject = _subject(resource, name)
        if refusal is None:
            notes.resource_refusals.pop(subject, None)
        else:
            notes.resource_refusals[subject] = refusal
            self._journal.refused(resource.kind, name, refusal.reason)

    def _refusal_of(self, resource: Resource, flow: JobFlow, name: str, body: bytes, notes: Notes) -> Refusal | None:
        """Have the object, or say why not."""
        subject = _subject(resource, name)
        try:
            made = self._client.create(resource, body, flow.metadata.namespace)
        except AlreadyExists:
            there = self._client.get(resource, name, flow.metadata.namespace)
            existing = decode_existing(there)
            if existing.deletion_timestamp is not None:
                text = f"{resource.kind} {name} is being deleted; it is made anew when it is gone"
                return self._later(notes, subject, "BeingDeleted", text, _LONGEST_DELETION)
            if not is_owned_by(existing, flow.metadata.name, flow.metadata.uid):
                text = f"{resource.kind} {name} exists and belongs to something else: delete or rename it"
                return Refusal("ResourceConflict", text, is_final=True)
            if notes.resources.get(subject) != existing.uid and not is_as_wanted(there, body):
                text = f"{resource.kind} {name} exists and is not as its template says: delete or rename it"
                return Refusal("ResourceConflict", text, is_final=True)
        except (Invalid, BadRequest) as error:
            return Refusal("InvalidTemplate", error.message, is_final=True)
        except Forbidden as error:
            return self._forbidden(notes, subject, error)
        else:
            notes.resources[subject] = decode_existing(made).uid
            self._journal.resource_created(resource.kind, name)
        return None

    def _forbidden(self, notes: Notes, subject: str, error: Forbidden) -> Refusal:
        return self._later(notes, subject, _reason(error), error.message)

    def _later(
        self, notes: Notes, subject: str, reason: str, message: str, longest: float = creation_backoff.LONGEST
    ) -> Refusal:
        """Tried again with a wait that doubles."""
        due = creation_backoff.retry_at(notes, subject, self._clock.now(), longest)
        return Refusal(reason, advise(reason, message), retry_at=due)

    def _delete_job(self, action: DeleteJob, namespace: str) -> None:
        known = self._jobs.cache.get(Key(namespace, action.name))
        with suppress(NotFound, Conflict):  # gone, or another object of the same name: nothing of ours is left
            self._client.delete(JOBS, action.name, namespace, uid=action.uid)
            self._journal.job_deleted(action.name, known.step if known else "", known.attempt if known else 0)

    def _delete_flow(self, flow: JobFlow) -> None:
        """On the version the decision was made from: whoever changed the flow since is heard first."""
        meta = flow.metadata
        with suppress(NotFound):
            self._client.delete(
                JOBFLOWS, meta.name, meta.namespace, uid=meta.uid, resource_version=meta.resource_version
            )
            self._journal.flow_deleted()


def _reason(error: Forbidden) -> str:
    return creation_backoff.QUOTA if error.is_quota else creation_backoff.FORBIDDEN


def _fails(action: CreateJob, notes: Notes) -> bool:
    """Whether the flow fails by a Job that is refused for good: nothing more is to start then."""
    refusal = notes.refusals.get(action.step.name)
    return refusal is not None and refusal.is_final and not action.step.continue_on_failure


def _subject(resource: Resource, name: str) -> str:
    return f"{resource.kind}/{name}"
