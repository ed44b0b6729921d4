"""From a status and wishes to a Decision: say it only if it is new, at once only where somebody waits for it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from zenflow.api.types import JobFlowStatus, JobRef, StepPhase, StepStatus
from zenflow.dag import flows, report
from zenflow.dag.actions import Action, CreateJob, Decision, DeleteJob
from zenflow.dag.moments import after
from zenflow.dag.snapshot import Attempt, Snapshot
from zenflow.dag.steps import (
    APPROVED,
    REJECTED,
    TROUBLE_AFTER,
    Asking,
    Ended,
    Retrying,
    Running,
    Standing,
    Unstarted,
    stamp,
    times_out_at,
    troubled_at,
)


def publish(
    snapshot: Snapshot, status: JobFlowStatus, actions: Sequence[Action] = (), *, wake_at: datetime | None = None
) -> Decision:
    """A Decision that says `status` if it differs from what is recorded."""
    before = snapshot.flow.status
    if status.phase is not None and status.phase.is_terminal:
        ttl = timedelta(seconds=snapshot.flow.spec.execution_policy.ttl_seconds_after_finished)
        wake_at = after(status.completion_time or snapshot.now, ttl)
        # What runs on and is not deleted with the end is deleted after it, once the end is on record.
        running = to_delete(each for attempts in snapshot.attempts.values() for each in attempts if each.is_active)
        deletions = {action for action in actions if isinstance(action, DeleteJob)}
        if any(deletion not in deletions for deletion in running):
            wake_at = snapshot.now
    if status == before:
        return Decision(actions=tuple(actions), wake_at=wake_at)
    return Decision(actions=tuple(actions), status=status, is_urgent=_is_urgent(before, status), wake_at=wake_at)


def _is_urgent(before: JobFlowStatus, after: JobFlowStatus) -> bool:
    """A new phase and what no Job shows, or not for long, is written at once; the rest is coalesced."""
    if before.phase is not after.phase or not before.steps:
        return True
    return any(was is not now and _is_news(was, now) for was, now in _pairs(before, after))


def _pairs(before: JobFlowStatus, after: JobFlowStatus) -> Iterable[tuple[StepStatus, StepStatus]]:
    """Each step as it was and as it is; one that had no entry was Pending, as a big flow's status leaves it out."""
    if len(before.steps) == len(after.steps):
        return zip(before.steps, after.steps, strict=True)
    known = {status.name: status for status in before.steps}
    return ((known.get(now.name) or StepStatus(name=now.name, phase=StepPhase.PENDING), now) for now in after.steps)


def _is_news(was: StepStatus, now: StepStatus) -> bool:
    """An approval asked or given (also early), a failure, its evidence and the wait that follows it."""
    if was.exit_code != now.exit_code or (now.next_retry_time and was.next_retry_time != now.next_retry_time):
        return True
    if was.phase is now.phase:
        return False
    is_answer = now.reason in (APPROVED, REJECTED)
    return is_answer or now.phase in (StepPhase.FAILED, StepPhase.PENDING_APPROVAL)


def to_delete(attempts: Iterable[Attempt]) -> tuple[DeleteJob, ...]:
    """Deletions of the Jobs that are still there."""
    return tuple(
        DeleteJob(attempt.job_name, attempt.job_uid)
        for attempt in attempts
        if not (attempt.is_deleting or attempt.is_gone)
    )


def overdue(standings: Iterable[Standing]) -> tuple[Attempt, ...]:
    """Jobs of steps that have ended, which may still run and must not."""
    return tuple(attempt for s in standings if isinstance(s, Ended) for attempt in s.overdue)


def record_before(snapshot: Snapshot, doomed: Sequence[Attempt]) -> Decision | None:
    """The Decision that must come before Jobs are deleted, where the status does not know of them all yet.

    A Job's existence is on record before it is deleted: a crash after the deletion must not make its step
    look as if it had never run, and start it again.
    """
    recorded = {status.name: status for status in snapshot.flow.status.steps}
    # The latest of each step: a record has place for one, and tells of those before it too.
    latest = {attempt.step: attempt for attempt in sorted(doomed, key=lambda attempt: attempt.number)}
    unrecorded = {
        step: _running(attempt, snapshot)
        for step, attempt in latest.items()
        if not _is_on_record(attempt, recorded.get(step))
    }
    if not unrecorded:
        return None
    known = {**{status.name: status for status in report.unstarted(snapshot)}, **recorded, **unrecorded}
    steps = tuple(known[step.name] for step in snapshot.flow.spec.steps)
    return Decision(status=report.going(snapshot, steps), is_urgent=True, wake_at=snapshot.now)


def _is_on_record(attempt: Attempt, recorded: StepStatus | None) -> bool:
    """Whether the record tells of this attempt, or of a later one."""
    return recorded is not None and recorded.job_ref is not None and recorded.retry_count + 1 >= attempt.number


def next_wake(
    snapshot: Snapshot, standings: Iterable[Standing], creations: Sequence[CreateJob] = ()
) -> datetime | None:
    """The next moment at which time alone changes something. `creations` are the Jobs that this decision asks for.

    Complete, for the echo of what a decision does wakes nobody: also what begins to run out now counts.
    """
    moments: list[datetime | None] = [flows.deadline_of(snapshot, start=stamp(snapshot.now))]
    moments += [refusal.retry_at for refusal in snapshot.refusals.values() if not refusal.is_final]
    moments += [times_out_at(each.step, stamp(snapshot.now)) for each in creations if each.attempt == 1]
    moments += [stamp(snapshot.now) + TROUBLE_AFTER for _ in creations[:1]]  # a Job that never gets going
    for standing in standings:
        match standing:
            case Running():
                attempt, trouble = standing.attempt, standing.attempt.trouble
                moments += [standing.deadline, troubled_at(attempt), attempt.settles_at]
                moments.append(trouble.look_again_at if trouble else None)
            case Retrying():
                moments += [standing.deadline, standing.at]
            case Asking():
                moments.append(standing.deadline)
            case Unstarted() | Ended():
                pass
            case _:
                assert_never(standing)
    return min((moment for moment in moments if moment is not None and moment > snapshot.now), default=None)


def _running(attempt: Attempt, snapshot: Snapshot) -> StepStatus:
    return StepStatus(
        name=attempt.step,
        phase=StepPhase.RUNNING,
        start_time=snapshot.attempts[attempt.step][0].created_at,
        retry_count=attempt.number - 1,
        job_ref=JobRef(name=attempt.job_name, uid=attempt.job_uid),
    )
