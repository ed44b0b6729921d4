"""The one entry point: `decide(snapshot)`. Same snapshot, same decision; nothing is read but the snapshot.

What happens next is derived from the Jobs and the spec. The recorded status counts only for what no Job
shows: an approval, a step that was skipped, a Job that was deleted, the end.
"""

from dataclasses import replace
from datetime import timedelta

from zenflow.dag import flows, report
from zenflow.dag.actions import Decision, DeleteFlow, EnsureClaim, EnsureConfigMap
from zenflow.dag.endings import cut_off_recorded, skip_all, stop, wind_down
from zenflow.dag.flows import Failure
from zenflow.dag.inheritance import inherit
from zenflow.dag.moments import after
from zenflow.dag.publication import next_wake, overdue, publish, to_delete
from zenflow.dag.snapshot import Snapshot
from zenflow.dag.steps import Ended, Standing, assess
from zenflow.dag.walk import go_on, settle_refusal, walk

# The garbage collector needs moments for a flow and its children; so long after the request a finalizer keeps it.
DELETION_PATIENCE = timedelta(seconds=30)


def decide(snapshot: Snapshot) -> Decision:
    """What to do about one flow now."""
    flow = snapshot.flow
    has_ended = flow.status.phase is not None and flow.status.phase.is_terminal
    if flow.metadata.deletion_timestamp is not None:
        return Decision() if has_ended or not snapshot.has_started else _while_deleted(snapshot)
    if has_ended:
        return _after_the_end(snapshot)
    if snapshot.problems:
        return _refuse(snapshot)
    if not snapshot.has_started:
        held = _hold(snapshot)
        if held is not None:
            return held
    elif flow.status.start_time is None and not snapshot.resources_ready:
        return _make_resources(snapshot)  # only Jobs say that it has started: those of the templates come first
    return _without_strays(snapshot, _advance(inherit(snapshot)))


def _after_the_end(snapshot: Snapshot) -> Decision:
    """Nothing starts; what should not run any more is deleted; the flow itself goes when its TTL is over."""
    attempts = (attempt for attempts in snapshot.attempts.values() for attempt in attempts)
    kills = to_delete(attempt for attempt in attempts if attempt.is_active)
    ttl = timedelta(seconds=snapshot.flow.spec.execution_policy.ttl_seconds_after_finished)
    completed_at = snapshot.flow.status.completion_time or snapshot.now
    if snapshot.now >= after(completed_at, ttl):
        return Decision(actions=(*kills, DeleteFlow()))
    return Decision(actions=kills, wake_at=after(completed_at, ttl))


def _while_deleted(snapshot: Snapshot) -> Decision:
    """Nothing is started or said any more, for the garbage collector takes flow and children within moments.

    Where a finalizer keeps the flow, its time limits hold on; once nothing of it runs it ends, and so does its turn.
    """
    asked_at = snapshot.flow.metadata.deletion_timestamp
    assert asked_at is not None
    running = [each for attempts in snapshot.attempts.values() for each in attempts if each.is_active]
    ends_at = after(asked_at, DELETION_PATIENCE)
    if running and snapshot.graph is not None:
        standings = _standings(snapshot)
        late = running if flows.forced_end(snapshot) is not None else overdue(standings)
        return Decision(actions=to_delete(late), wake_at=next_wake(snapshot, standings))
    if running:
        return Decision(actions=to_delete(running))
    if snapshot.now < ends_at:
        return Decision(wake_at=ends_at)
    failure = Failure("Deleted", "Deleted while it ran; a finalizer keeps the object")
    if snapshot.graph is None:
        return publish(snapshot, report.ended(snapshot, cut_off_recorded(snapshot, failure), failure))
    return wind_down(snapshot, _standings(snapshot), failure)


def _refuse(snapshot: Snapshot) -> Decision:
    """A spec that is wrong fails with all its problems, and starts nothing; what ran before the edit is stopped."""
    failure = Failure("InvalidSpec", "; ".join(snapshot.problems))
    return publish(snapshot, report.ended(snapshot, cut_off_recorded(snapshot, failure), failure))


def _hold(snapshot: Snapshot) -> Decision | None:
    """What a flow that has not started waits for: its turn, then its resource templates."""
    failure = flows.forced_end(snapshot)
    if failure is not None:
        return publish(snapshot, report.ended(snapshot, skip_all(snapshot, failure), failure))
    message = flows.waits_for(snapshot)
    if message is not None:
        return publish(snapshot, report.waiting(snapshot, message))
    return None if snapshot.resources_ready else _make_resources(snapshot)


def _make_resources(snapshot: Snapshot) -> Decision:
    templates = snapshot.flow.spec.resource_templates
    refusals = snapshot.resource_refusals
    final = next((refusal for refusal in refusals.values() if refusal.is_final), None)
    if final is not None:
        failure = Failure(final.reason, final.message)
        return publish(snapshot, report.ended(snapshot, skip_all(snapshot, failure), failure))
    waits = [refusal.retry_at for refusal in refusals.values() if refusal.retry_at and refusal.retry_at > snapshot.now]
    if waits:
        first = next(iter(refusals.values()))
        status = report.waiting(snapshot, f"Waiting for its resource templates ({first.reason}): {first.message}")
        return publish(snapshot, status, wake_at=min(waits))
    claims = tuple(EnsureClaim(template) for template in templates.volume_claim_templates)
    return Decision(actions=(*claims, *(EnsureConfigMap(template) for template in templates.config_map_templates)))


def _without_strays(snapshot: Snapshot, decision: Decision) -> Decision:
    """Also delete what runs for steps that the spec has no more: where admission was bypassed, a step may vanish."""
    known = {step.name for step in snapshot.flow.spec.steps} if snapshot.attempts else ()
    strays = to_delete(
        attempt
        for step, attempts in snapshot.attempts.items()
        if step not in known
        for attempt in attempts
        if attempt.is_active
    )
    return replace(decision, actions=(*strays, *decision.actions)) if strays else decision


def _standings(snapshot: Snapshot) -> list[Standing]:
    recorded = {status.name: status for status in snapshot.flow.status.steps}
    assessed = (assess(step, recorded.get(step.name), snapshot) for step in snapshot.flow.spec.steps)
    standings: list[Standing] = [settle_refusal(standing, snapshot) for standing in assessed]
    return flows.spend_budget(snapshot, standings)


def _advance(snapshot: Snapshot) -> Decision:
    """A flow that has had its turn."""
    standings = _standings(snapshot)
    forced = flows.forced_end(snapshot)
    # Nothing is left to stop where every step has ended: a controller that was down at the deadline changes no outcome.
    if forced is not None and not all(isinstance(standing, Ended) for standing in standings):
        return stop(snapshot, standings, forced)
    failure = flows.failure_of(standings)
    if failure is not None:
        return wind_down(snapshot, standings, failure)
    walked = walk(snapshot, standings)
    failure = flows.failure_of(walked.standings)  # a gate that was rejected before it was reached
    return wind_down(snapshot, walked.standings, failure) if failure else go_on(snapshot, walked)
