"""Where one step stands: its record, its attempts and the clock in, one of six standings out.

This is the transition table of a step. It looks at nothing but the step itself; what the other steps
and the flow make of it is `dag.flows`' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from zenflow.api.names import APPROVED_BY_PREFIX, APPROVED_PREFIX
from zenflow.api.templates import container_names
from zenflow.api.types import JobRef, PodFailureAction, PodFailurePolicy, Step, StepPhase, StepStatus, StepType
from zenflow.dag.failures import (
    DEFAULT_CONTAINER,
    describe_cause,
    describe_tries,
    explain,
    read_exit,
    verdict,
)
from zenflow.dag.moments import after
from zenflow.dag.retries import LONGEST_WAIT, retries_left, wait_before
from zenflow.dag.snapshot import JOB_DELETED, UNKNOWN, Attempt, Outcome, Snapshot
from zenflow.text import as_message

# Reasons that decisions read back from a recorded status.
WHEN_FALSE = "WhenFalse"
BACKOFF_LIMIT_EXCEEDED = "BackoffLimitExceeded"
FLOW_FAILED = "FlowFailed"
APPROVED = "Approved"
REJECTED = "Rejected"
SUSPENDED = "Suspended"
UNSTAMPED = "UnstampedApproval"
JOB_RETRY = "JobRetry"

DECISIVE = frozenset(
    {"Backoff", JOB_RETRY, WHEN_FALSE, BACKOFF_LIMIT_EXCEEDED, FLOW_FAILED, APPROVED, REJECTED, SUSPENDED, UNSTAMPED}
)

# Kubelet's word for a container between two tries.
CRASH_LOOP = "CrashLoopBackOff"

# Under these a recorded message tells of an earlier attempt and is kept; any other is about something that has passed.
_REASONS_OF_EVIDENCE = frozenset({None, "Backoff", JOB_RETRY, SUSPENDED})

_SKIP_WORDS = frozenset({"never", "false"})

# A Pod that cannot start says so in its step's status only after this long: most troubles pass by themselves.
TROUBLE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Unstarted:
    """Nothing was done for it yet."""

    step: Step


@dataclass(frozen=True, slots=True)
class Running:
    """Its latest Job is under way. `deadline` is when its timeout strikes."""

    step: Step
    status: StepStatus
    attempt: Attempt
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Retrying:
    """Its latest Job failed and its own policy allows another, from `at` on.

    `failed` is the status it gets where no retry is made after all.
    """

    step: Step
    attempt: int
    at: datetime
    failed: StepStatus
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Asking:
    """A Manual step that waits for a person."""

    step: Step
    status: StepStatus
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """In its final phase. `overdue` are Jobs that may still run and must not."""

    step: Step
    status: StepStatus
    overdue: tuple[Attempt, ...] = ()

    @property
    def is_fatal(self) -> bool:
        """Whether the flow fails by it. The flow's retry budget is no step's to continue on."""
        if self.status.phase is not StepPhase.FAILED:
            return False
        return not self.step.continue_on_failure or self.status.reason == BACKOFF_LIMIT_EXCEEDED

    @property
    def satisfies(self) -> bool:
        """Whether its dependents may start (semantics.md, section 3)."""
        match self.status.phase:
            case StepPhase.SUCCEEDED:
                return True
            case StepPhase.FAILED:
                return not self.is_fatal
            case StepPhase.SKIPPED:
                return self.status.reason == WHEN_FALSE
            case _:
                return False


Standing = Unstarted | Running | Retrying | Asking | Ended


def stamp(moment: datetime) -> datetime:
    """A time as the API stores it: whole seconds, cut, as metav1.Time."""
    return moment.replace(microsecond=0)


def assess(step: Step, recorded: StepStatus | None, snapshot: Snapshot) -> Standing:
    """Where the step stands now. A recorded final phase never changes again."""
    attempts = snapshot.attempts.get(step.name, ())
    if recorded is not None and recorded.phase.is_terminal:
        overdue = tuple(a for a in attempts if a.is_active) if recorded.phase is StepPhase.FAILED else ()
        return Ended(step, recorded, overdue)
    if step.type is StepType.MANUAL:
        asked = recorded is not None and recorded.phase is StepPhase.PENDING_APPROVAL
        return ask(step, recorded if asked else None, snapshot) if asked else Unstarted(step)
    if not attempts:
        return Unstarted(step)
    return _assess_attempts(step, recorded, attempts, snapshot)


def arrive(step: Step, snapshot: Snapshot) -> Standing:
    """Where a step stands whose dependencies are done, before any Job is made for it."""
    if step.when.lower() in _SKIP_WORDS:
        return Ended(step, skip(step, WHEN_FALSE, f'Skipped by its when: "{step.when}"', snapshot.now))
    if step.type is StepType.MANUAL and not snapshot.flow.spec.suspend:
        return ask(step, None, snapshot)
    return Unstarted(step)


def ask(step: Step, recorded: StepStatus | None, snapshot: Snapshot) -> Asking | Ended:
    """A Manual step that has been reached: answered already, too late, or waiting."""
    annotations = snapshot.flow.metadata.annotations
    answer = annotations.get(APPROVED_PREFIX + step.name)
    who = as_message(annotations.get(APPROVED_BY_PREFIX + step.name, ""))
    status = StepStatus(
        name=step.name,
        phase=StepPhase.PENDING_APPROVAL,
        reason=UNSTAMPED if answer is not None and not who else "ApprovalRequired",
        message=as_message(step.message.strip()) or f"Waiting for approval of step {step.name}",
        start_time=recorded.start_time if recorded else stamp(snapshot.now),
    )
    # Without a stamp nobody has been asked whether this person may: such an answer counts for nothing.
    if who and answer == "true":
        text = as_message(f"Approved by {who}")
        return Ended(step, _end(status, StepPhase.SUCCEEDED, APPROVED, text, snapshot.now, approved_by=who))
    if who and answer == "false":
        text = as_message(f"Rejected by {who}")
        return Ended(step, _end(status, StepPhase.FAILED, REJECTED, text, snapshot.now, approved_by=who))
    deadline = times_out_at(step, status.start_time)
    if deadline is not None and snapshot.now >= deadline:
        return Ended(step, _timed_out(step, status, snapshot.now))
    return Asking(step, status, deadline)


def start(step: Step, job_name: str, now: datetime) -> StepStatus:
    """The status of a step whose first Job is about to be created."""
    return StepStatus(name=step.name, phase=StepPhase.RUNNING, start_time=stamp(now), job_ref=JobRef(name=job_name))


def retry(standing: Retrying, job_name: str) -> StepStatus:
    """The status of a step whose next Job is about to be created."""
    return standing.failed.model_copy(
        update={
            "phase": StepPhase.RUNNING,
            "reason": None,
            "message": standing.failed.message,
            "waiting_since": None,
            "completion_time": None,
            "retry_count": standing.attempt - 1,
            "job_ref": JobRef(name=job_name),
        }
    )


def wait(standing: Retrying) -> StepStatus:
    """The status of a step that waits for its next Job."""
    return standing.failed.model_copy(
        update={
            "phase": StepPhase.PENDING,
            "reason": "Backoff",
            "completion_time": None,
            "next_retry_time": standing.at,
        }
    )


def pending(step: Step) -> StepStatus:
    """The status of a step that has not started."""
    return StepStatus(name=step.name, phase=StepPhase.PENDING)


def hold(
    status: StepStatus, recorded: StepStatus | None, now: datetime, reason: str, message: str | None = None
) -> StepStatus:
    """The status of a step that could go on but for this reason. Since when, is kept while the reason stays."""
    known = recorded.waiting_since if recorded is not None and recorded.reason == reason else None
    held = {
        "reason": reason,
        "message": as_message(message) if message else status.message,
        "waiting_since": known or stamp(now),
    }
    return status.model_copy(update=held)


def skip(step: Step, reason: str, message: str, now: datetime) -> StepStatus:
    """The status of a step that never runs."""
    return StepStatus(
        name=step.name, phase=StepPhase.SKIPPED, reason=reason, message=message, completion_time=stamp(now)
    )


def _assess_attempts(
    step: Step, recorded: StepStatus | None, attempts: Sequence[Attempt], snapshot: Snapshot
) -> Standing:
    latest = _with_evidence(attempts[-1], recorded)
    status = _describe(step, recorded, attempts, snapshot.now)
    if latest.outcome is Outcome.SUCCEEDED:
        text = "" if latest.number == 1 else f"Succeeded at attempt {latest.number}"
        return Ended(step, _end(status, StepPhase.SUCCEEDED, None, text, _ended_at(latest, snapshot), exit_code=None))
    deadline = times_out_at(step, status.start_time)
    is_late = deadline is not None and snapshot.now >= deadline
    if latest.outcome is Outcome.FAILED and not _was_deleted_late(latest, deadline, snapshot):
        standing = _after_failure(step, recorded, status, latest, snapshot)
        if not (is_late and isinstance(standing, Retrying)):
            return standing
    if is_late:
        return Ended(step, _timed_out(step, status, snapshot.now), tuple(a for a in attempts if a.is_active))
    return Running(step, status, latest, deadline)


def _with_evidence(latest: Attempt, recorded: StepStatus | None) -> Attempt:
    """The attempt with the exit that is on record of it.

    The Job controller deletes the Pods of restartPolicy OnFailure before it calls the Job failed, and a controller that
    was killed in between has not seen them. No Job shows what they ended with.
    """
    if latest.exits or recorded is None or recorded.job_ref is None or recorded.job_ref.name != latest.job_name:
        return latest
    exited = read_exit(recorded.message or "") if recorded.phase is StepPhase.RUNNING else None
    return replace(latest, exits=(exited,)) if exited else latest


def _was_deleted_late(latest: Attempt, deadline: datetime | None, snapshot: Snapshot) -> bool:
    """Whether the deadline cost the Job: we may have deleted it and crashed before the status said why."""
    return latest.reason == JOB_DELETED and deadline is not None and _ended_at(latest, snapshot) >= deadline


def _after_failure(
    step: Step, recorded: StepStatus | None, status: StepStatus, latest: Attempt, snapshot: Snapshot
) -> Ended | Retrying:
    if recorded is not None and _is_settled(latest, recorded):
        return _stay_failed(step, recorded, status, latest, snapshot)
    policy: PodFailurePolicy | None = snapshot.flow.spec.execution_policy.pod_failure_policy
    # What the containers of a Job that somebody deleted ended with says nothing about their work.
    exits = () if latest.reason == JOB_DELETED else latest.exits
    action, exit_code = verdict(policy, exits, has_main=DEFAULT_CONTAINER in container_names(step.template or {}))
    at = _ended_at(latest, snapshot)
    # Not the Job's own reason: a Job's BackoffLimitExceeded is not the flow's, which decisions read back.
    reason = JOB_DELETED if latest.reason == JOB_DELETED else "JobFailed"
    failed = _end(status, StepPhase.FAILED, reason, explain(latest), at)
    if action is PodFailureAction.IGNORE:
        text = f"Exit code {exit_code} ignored by podFailurePolicy"
        return Ended(step, _end(status, StepPhase.SUCCEEDED, "FailureIgnored", text, at))
    retries_made = latest.number - 1
    if retries_left(step.retry_policy, retries_made) and step.retry_policy is not None:
        due = after(at, wait_before(retries_made, step.retry_policy.backoff))
        return Retrying(step, latest.number + 1, due, failed, times_out_at(step, status.start_time))
    if action is PodFailureAction.COUNT:
        text = f"Exit code {exit_code} counted by podFailurePolicy, no retry left"
        return Ended(step, _end(status, StepPhase.SUCCEEDED, "FailureCounted", text, at))
    return Ended(step, failed)


def _is_settled(latest: Attempt, recorded: StepStatus) -> bool:
    """Whether the record tells that this attempt failed and that its retry is waited for."""
    is_of_it = recorded.job_ref is not None and recorded.job_ref.name == latest.job_name
    return is_of_it and recorded.phase is StepPhase.PENDING and recorded.retry_count == latest.number - 1


def _stay_failed(
    step: Step, recorded: StepStatus, status: StepStatus, latest: Attempt, snapshot: Snapshot
) -> Ended | Retrying:
    """A failure on record is not judged again, whatever Pods have come since and whatever the policy says now."""
    reason = JOB_DELETED if latest.reason == JOB_DELETED else "JobFailed"
    text = recorded.message if recorded.message and recorded.reason in _REASONS_OF_EVIDENCE else explain(latest)
    at = _ended_at(latest, snapshot)
    failed = _end(status, StepPhase.FAILED, reason, text, at, exit_code=recorded.exit_code)
    if step.retry_policy is None or not retries_left(step.retry_policy, latest.number - 1):
        return Ended(step, failed)
    due = recorded.next_retry_time or after(at, wait_before(latest.number - 1, step.retry_policy.backoff))
    # No wait is longer, so a later time was not written by us.
    due = min(due, after(at, LONGEST_WAIT))
    return Retrying(step, latest.number + 1, due, failed, times_out_at(step, status.start_time))


def troubled_at(attempt: Attempt) -> datetime | None:
    """When the trouble of an attempt becomes worth telling."""
    since = attempt.trouble.since if attempt.trouble else None
    return after(since, TROUBLE_AFTER) if since else None


def _describe(step: Step, recorded: StepStatus | None, attempts: Sequence[Attempt], now: datetime) -> StepStatus:
    """What the attempts say of a step that runs; what was recorded before is kept where they say nothing."""
    latest = attempts[-1]
    exits = [exited for attempt in attempts for exited in attempt.exits]
    status = StepStatus(
        name=step.name,
        phase=StepPhase.RUNNING,
        start_time=recorded.start_time if recorded and recorded.start_time else attempts[0].created_at,
        retry_count=latest.number - 1,
        job_ref=JobRef(name=latest.job_name, uid=latest.job_uid),
        exit_code=exits[-1].exit_code if exits else (recorded.exit_code if recorded else None),
        message=as_message(recorded.message or "") or None
        if recorded and recorded.reason in _REASONS_OF_EVIDENCE
        else None,
    )
    tell_at = troubled_at(latest)
    is_stuck = tell_at is not None and now >= tell_at
    if latest.tries is not None and not (is_stuck and latest.trouble and latest.trouble.reason != CRASH_LOOP):
        return status.model_copy(update={"reason": JOB_RETRY, "message": as_message(describe_tries(latest))})
    if latest.trouble is not None and is_stuck:
        # Whoever writes Events chooses their reasons: none may look like a word that decisions read back.
        reason = UNKNOWN if latest.trouble.reason in DECISIVE else latest.trouble.reason
        return hold(status, None, latest.trouble.since or now, reason, latest.trouble.message)
    cause = describe_cause(latest)
    return status.model_copy(update={"message": as_message(cause)}) if cause else status


def times_out_at(step: Step, started_at: datetime | None) -> datetime | None:
    """When `timeoutSeconds` strikes, counted from the step's first start."""
    if step.timeout_seconds is None or started_at is None:
        return None
    return after(started_at, timedelta(seconds=step.timeout_seconds))


def _timed_out(step: Step, status: StepStatus, now: datetime) -> StepStatus:
    return _end(status, StepPhase.FAILED, "TimedOut", f"Not done within timeoutSeconds ({step.timeout_seconds} s)", now)


def _ended_at(attempt: Attempt, snapshot: Snapshot) -> datetime:
    return attempt.finished_at or snapshot.now


def _end(
    status: StepStatus, phase: StepPhase, reason: str | None, message: str, at: datetime, **more: object
) -> StepStatus:
    return status.model_copy(
        update={
            "phase": phase,
            "reason": reason,
            "message": message or None,
            "completion_time": stamp(at),
            "next_retry_time": None,
            "waiting_since": None,
            **more,
        }
    )
