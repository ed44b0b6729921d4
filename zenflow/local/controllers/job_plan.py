"""What the Job controller does next for one Job: Pods to make, Pods to delete, conditions to set.

Second half of the decision, after `job_census` has counted. Pure: `plan` returns values, `jobs` performs them.
The rules and words are those of kube-controller-manager's Job controller (batch/v1).
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from zenflow.local.controllers import job_indexes
from zenflow.local.controllers.job_census import Census, format_indexes
from zenflow.local.loop.objects import Condition, Job, JobStatus, Pod
from zenflow.local.loop.outgoing import EventType

SUCCESS_CRITERIA_MET = "SuccessCriteriaMet"
FAILURE_TARGET = "FailureTarget"
_FINAL = {SUCCESS_CRITERIA_MET: "Complete", FAILURE_TARGET: "Failed"}


@dataclass(frozen=True, slots=True)
class JobEvent:
    """An Event to record about the Job."""

    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for a Job, in this order: delete, create, write the status, record events, look again.

    `create` holds a completion index for each Pod to make (None for a NonIndexed Job).
    `uncounted` says that the deleted Pods count neither as failed nor as succeeded.
    """

    status: JobStatus
    create: tuple[int | None, ...] = ()
    delete: tuple[Pod, ...] = ()
    uncounted: bool = False
    events: tuple[JobEvent, ...] = ()
    look_again_at: datetime | None = None


def plan(job: Job, census: Census, now: datetime) -> Plan:
    """Decide for a Job that is not finished. The verdict, once in the conditions, is never taken back."""
    # Resuming first: the time before it must not count against the deadline.
    job, events = _resumed(replace(job, status=_started(job, now)), now)
    verdict = _standing_verdict(job) or _failure(job, census, now) or _success(job, census, now)
    if verdict is not None:
        return _finish(job, census, verdict, now)
    if job.spec.suspend:
        return _suspend(job, census, now)
    return dataclasses.replace(_scale(job, census, now), events=events)


def _started(job: Job, now: datetime) -> JobStatus:
    if job.status.start_time is None and not job.spec.suspend:
        return replace(job.status, start_time=now)
    return job.status


def _standing_verdict(job: Job) -> Condition | None:
    return job.condition(SUCCESS_CRITERIA_MET) or job.condition(FAILURE_TARGET)


def _failure(job: Job, census: Census, now: datetime) -> Condition | None:
    if census.fails_job:
        return _condition(FAILURE_TARGET, now, "PodFailurePolicy", census.fails_job)
    if census.failed > job.spec.backoff_limit or _restarts_exceed_limit(job, census):
        return _condition(FAILURE_TARGET, now, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = _deadline(job)
    if deadline is not None and now >= deadline:
        return _condition(FAILURE_TARGET, now, "DeadlineExceeded", "Job was active longer than specified deadline")
    why = job_indexes.why_failed(job, census) if job.is_indexed else None
    return None if why is None else _condition(FAILURE_TARGET, now, *why)


def _restarts_exceed_limit(job: Job, census: Census) -> bool:
    """With restartPolicy OnFailure, restarts inside the Pods use up backoffLimit; a limit of 0, the first one does."""
    if job.spec.template.get("spec", {}).get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in census.active
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return restarts >= max(job.spec.backoff_limit, 1)


def _deadline(job: Job) -> datetime | None:
    if job.spec.active_deadline_seconds is None or job.status.start_time is None or job.spec.suspend:
        return None
    return job.status.start_time + timedelta(seconds=job.spec.active_deadline_seconds)


def _success(job: Job, census: Census, now: datetime) -> Condition | None:
    rule = job_indexes.matched_rule(job, census)
    if rule is not None:
        return _condition(SUCCESS_CRITERIA_MET, now, "SuccessPolicy", f"Matched rules at index {rule}")
    succeeded = _succeeded(job, census)
    if succeeded < (job.spec.completions if job.spec.completions is not None else 1):
        return None
    if job.spec.completions is None and census.active:
        # One success is enough, but the Pods that still run may finish their work first.
        return None
    return _condition(SUCCESS_CRITERIA_MET, now, "CompletionsReached", "Reached expected number of succeeded pods")


def _succeeded(job: Job, census: Census) -> int:
    if not job.is_indexed:
        return census.succeeded
    return len(job_indexes.succeeded(job, census))


def _finish(job: Job, census: Census, verdict: Condition, now: datetime) -> Plan:
    """Delete what still runs; Complete or Failed comes when nothing of the Job runs any more."""
    conditions = job.status.conditions
    if job.condition(verdict.type) is None:
        conditions = (*conditions, verdict)
    failing = verdict.type == FAILURE_TARGET
    terminating = census.terminating + len(census.active)
    if terminating:
        status = _counted(job, census, active=0, ready=0, terminating=terminating, conditions=conditions)
        return Plan(status, delete=census.active, uncounted=not failing)
    final = _condition(_FINAL[verdict.type], now, verdict.reason, verdict.message)
    status = _counted(job, census, active=0, ready=0, terminating=0, conditions=(*conditions, final))
    if failing:
        return Plan(status, events=(JobEvent("Warning", verdict.reason, verdict.message),))
    return Plan(replace(status, completion_time=now), events=(JobEvent("Normal", "Completed", "Job completed"),))


def _suspend(job: Job, census: Census, now: datetime) -> Plan:
    conditions, changed = _with_suspended(job.status.conditions, "True", "JobSuspended", "Job suspended", now)
    status = _counted(
        job,
        census,
        active=0,
        ready=0,
        terminating=census.terminating + len(census.active),
        conditions=conditions,
    )
    events = (JobEvent("Normal", "Suspended", "Job suspended"),) if changed else ()
    return Plan(status, delete=census.active, uncounted=True, events=events)


def _resumed(job: Job, now: datetime) -> tuple[Job, tuple[JobEvent, ...]]:
    """The Job with its Suspended condition lifted; its start time counts from here, so does its deadline."""
    if job.spec.suspend or job.condition("Suspended") is None:
        return job, ()
    conditions, _ = _with_suspended(job.status.conditions, "False", "JobResumed", "Job resumed", now)
    status = replace(job.status, conditions=conditions, start_time=now)
    return replace(job, status=status), (JobEvent("Normal", "Resumed", "Job resumed"),)


def _scale(job: Job, census: Census, now: datetime) -> Plan:
    active = len(census.active)
    surplus = active - _wanted(job, census)
    if surplus > 0:
        doomed = tuple(sorted(census.active, key=_keep_rank)[:surplus])
        ready = census.ready - sum(p.is_ready for p in doomed)
        terminating = census.terminating + surplus
        status = _counted(job, census, active=active - surplus, ready=ready, terminating=terminating)
        return Plan(status, delete=doomed, uncounted=True, look_again_at=_deadline(job))
    create, not_before = _due(job, census, _missing(job, census, -surplus), now)
    status = _counted(job, census, active=active + len(create), ready=census.ready, terminating=census.terminating)
    times = [t for t in (not_before, _deadline(job)) if t is not None]
    return Plan(status, create=create, look_again_at=min(times, default=None))


def _wanted(job: Job, census: Census) -> int:
    if job.spec.completions is None:
        return len(census.active) if census.succeeded else job.spec.parallelism
    left = job.spec.completions - _succeeded(job, census) - len(job_indexes.failed(job, census))
    return min(job.spec.parallelism, left)


def _missing(job: Job, census: Census, wanted: int) -> tuple[int | None, ...]:
    """The completion indexes of the Pods to make, lowest first; None each for a NonIndexed Job."""
    if job.metadata.deletion_timestamp is not None:
        return ()
    if job.replaces_only_failed:
        wanted -= census.terminating
    if not job.is_indexed:
        return (None,) * max(wanted, 0)
    taken = {p.completion_index for p in census.active} | set(census.completed_indexes)
    taken |= set(job_indexes.failed(job, census))
    if job.replaces_only_failed:
        taken |= {p.completion_index for p in census.pods if p.is_terminating}
    pending = [index for index in range(job.spec.completions or 0) if index not in taken]
    if job.spec.backoff_limit_per_index is None:
        return tuple(pending[: max(wanted, 0)])
    # Those that wait for their turn must not keep others from theirs.
    pending.sort(key=lambda index: (job_indexes.not_before(census, index) is not None, index))
    return tuple(pending[: max(wanted, 0)])


def _due(
    job: Job, census: Census, missing: tuple[int | None, ...], now: datetime
) -> tuple[tuple[int | None, ...], datetime | None]:
    """The Pods that may be made now, and when the next of the others may be."""
    if job.spec.backoff_limit_per_index is None:
        not_before = job_indexes.after_failures(*census.failures_since_success())
        return (missing, None) if not missing or not_before is None or now >= not_before else ((), not_before)
    times = {index: job_indexes.not_before(census, index) for index in missing if index is not None}
    waiting = {index: at for index, at in times.items() if at is not None and at > now}
    return tuple(index for index in missing if index not in waiting), min(waiting.values(), default=None)


def _keep_rank(pod: Pod) -> tuple[bool, bool, float]:
    """Sorts first whom the real controller deletes first: not running, not ready, young."""
    created = pod.metadata.creation_timestamp
    return pod.status.phase == "Running", pod.is_ready, -created.timestamp() if created else 0.0


def _counted(
    job: Job,
    census: Census,
    *,
    active: int,
    ready: int,
    terminating: int,
    conditions: tuple[Condition, ...] | None = None,
) -> JobStatus:
    return replace(
        job.status,
        active=active,
        ready=ready,
        terminating=terminating,
        succeeded=_succeeded(job, census),
        failed=census.failed,
        completed_indexes=format_indexes(job_indexes.succeeded(job, census)) if job.is_indexed else "",
        failed_indexes=_failed_indexes(job, census),
        conditions=job.status.conditions if conditions is None else conditions,
    )


def _failed_indexes(job: Job, census: Census) -> str | None:
    if job.spec.backoff_limit_per_index is None:
        return None
    return format_indexes(job_indexes.failed(job, census))


def _with_suspended(
    conditions: tuple[Condition, ...], status: str, reason: str, message: str, now: datetime
) -> tuple[tuple[Condition, ...], bool]:
    """The conditions with Suspended set, and whether that changed anything."""
    if any(c.type == "Suspended" and c.status == status for c in conditions):
        return conditions, False
    others = tuple(c for c in conditions if c.type != "Suspended")
    return (*others, replace(_condition("Suspended", now, reason, message), status=status)), True


def _condition(type_: str, now: datetime, reason: str, message: str) -> Condition:
    return Condition(type=type_, reason=reason, message=message, last_transition_time=now, last_probe_time=now)
