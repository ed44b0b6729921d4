"""Rules about the flow as a whole: whose turn it is, when it must end, what its retries may cost.

Each function answers one question of semantics.md (sections 2, 3, 4 and 6) for one snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zenflow.api.types import ConcurrencyPolicy
from zenflow.dag.moments import after
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import Rival, Snapshot
from zenflow.dag.steps import BACKOFF_LIMIT_EXCEEDED, FLOW_FAILED, Ended, Retrying, Standing
from zenflow.text import as_message


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a flow fails: one CamelCase word and one sentence."""

    reason: str
    message: str


def waits_for(snapshot: Snapshot) -> str | None:
    """Why a flow that has not started may not start yet, as one sentence; None when it may.

    The newcomer's own policy decides (semantics.md, section 6). Another flow of the group is in the way
    while it runs, or while it is older and still waits for its own turn. One that was suspended before it
    started wants no turn: it is in nobody's way and replaces nobody.
    """
    if snapshot.flow.spec.suspend:
        return "Suspended: set spec.suspend to false to start it"
    policy = snapshot.flow.spec.execution_policy.concurrency_policy
    if policy is ConcurrencyPolicy.ALLOW:
        return None
    blocker = _blocker(snapshot)
    if blocker is None:
        left = snapshot.leftovers
        return f"Waiting for {left[0]} of an earlier flow to end" if left else None
    if policy is ConcurrencyPolicy.REPLACE:
        return f"Waiting for JobFlow {blocker.name} of the same concurrency group to be replaced"
    text = f"Waiting for JobFlow {blocker.name} of the same concurrency group to end"
    return advise("Concurrency", text, blocker.name)


def forced_end(snapshot: Snapshot) -> Failure | None:
    """Why the flow must end now, whatever runs."""
    deadline = deadline_of(snapshot)
    if deadline is not None and snapshot.now >= deadline:
        seconds = snapshot.flow.spec.execution_policy.active_deadline_seconds
        return Failure("DeadlineExceeded", f"Not done within activeDeadlineSeconds ({seconds} s)")
    if snapshot.flow.spec.suspend and not snapshot.has_started:
        return None  # it wants no turn
    replacing = [rival for rival in snapshot.rivals if _replaces_us(rival, snapshot)]
    return Failure("Replaced", f"Replaced by JobFlow {max(replacing, key=_arrival).name}") if replacing else None


def deadline_of(snapshot: Snapshot, *, start: datetime | None = None) -> datetime | None:
    """When `activeDeadlineSeconds` strikes, counted from the flow's start; `start` where it has none yet."""
    seconds = snapshot.flow.spec.execution_policy.active_deadline_seconds
    started_at = start_of(snapshot) or start
    return after(started_at, timedelta(seconds=seconds)) if seconds is not None and started_at else None


def start_of(snapshot: Snapshot) -> datetime | None:
    """When the flow started: as recorded, else when its first Job was created."""
    recorded = snapshot.flow.status.start_time
    if recorded is not None:
        return recorded
    return min((attempts[0].created_at for attempts in snapshot.attempts.values()), default=None)


def spend_budget(snapshot: Snapshot, standings: Sequence[Standing]) -> list[Standing]:
    """The standings after `executionPolicy.backoffLimit`: retries that would exceed it are failures now.

    Retries made and retries still waited for count alike, the earliest due first.
    """
    limit = snapshot.flow.spec.execution_policy.backoff_limit
    waiting = [(standing.at, index) for index, standing in enumerate(standings) if isinstance(standing, Retrying)]
    result = list(standings)
    if limit is None or not waiting:
        return result
    made = sum(attempts[-1].number - 1 for attempts in snapshot.attempts.values())
    for _, index in sorted(waiting)[max(0, limit - made) :]:
        standing = result[index]
        if isinstance(standing, Retrying):
            result[index] = _over_budget(standing, limit)
    return result


def failure_of(standings: Sequence[Standing]) -> Failure | None:
    """Why the flow is failing, from the step that failed first; None while it is not.

    A step that failed because the flow did, its retry not made, is no cause, though its last Job may have ended before.
    """
    ended = (standing for standing in standings if isinstance(standing, Ended) and standing.is_fatal)
    fatal = [standing for standing in ended if standing.status.reason != FLOW_FAILED]
    if not fatal:
        return None
    first = min(fatal, key=_completion)
    reason = BACKOFF_LIMIT_EXCEEDED if first.status.reason == BACKOFF_LIMIT_EXCEEDED else "StepFailed"
    return Failure(reason, f"Step {first.step.name} failed: {first.status.message or first.status.reason}")


def _completion(standing: Ended) -> float:
    at = standing.status.completion_time
    return at.timestamp() if at else 0.0


def _over_budget(standing: Retrying, limit: int) -> Ended:
    text = f"No retry: the flow's backoffLimit ({limit}) is used up. {standing.failed.message or ''}".strip()
    status = standing.failed.model_copy(update={"reason": BACKOFF_LIMIT_EXCEEDED, "message": as_message(text)})
    return Ended(standing.step, status)


def _arrival(rival: Rival) -> tuple[datetime, str]:
    return rival.created_at, rival.uid


def _blocker(snapshot: Snapshot) -> Rival | None:
    """For whom a flow waits: for the one before it in line, and the first in line for the oldest that runs.

    Not all for the one that runs: with each end the name would change in the status of every flow of the group.
    """
    blockers = [rival for rival in snapshot.rivals if _is_in_the_way(rival, snapshot)]
    waiting = [rival for rival in blockers if not rival.has_started]
    return max(waiting, key=_arrival) if waiting else min(blockers, key=_arrival, default=None)


def _is_in_the_way(rival: Rival, snapshot: Snapshot) -> bool:
    """One that is being deleted starts nothing; what still runs of it is among the leftovers."""
    if rival.has_ended or rival.is_deleting:
        return False
    meta = snapshot.flow.metadata
    return rival.has_started or (not rival.is_suspended and rival.is_older_than(meta.creation_timestamp, meta.uid))


def _replaces_us(rival: Rival, snapshot: Snapshot) -> bool:
    """Of two flows of the same second, one that has started came first."""
    meta = snapshot.flow.metadata
    if snapshot.has_started and rival.created_at == meta.creation_timestamp:
        meta = meta.model_copy(update={"uid": ""})
    return (
        rival.policy is ConcurrencyPolicy.REPLACE
        and not (rival.has_ended or rival.has_started or rival.is_deleting or rival.is_suspended or rival.is_invalid)
        and not rival.is_older_than(meta.creation_timestamp, meta.uid)
    )
