"""How a flow that does not succeed ends: by failing and winding down, or by being stopped (semantics.md, section 3)."""

from collections.abc import Sequence
from typing import assert_never

from zenflow.api.types import Step, StepPhase, StepStatus
from zenflow.dag import report
from zenflow.dag.actions import Decision
from zenflow.dag.flows import Failure
from zenflow.dag.publication import next_wake, overdue, publish, record_before, to_delete
from zenflow.dag.snapshot import Snapshot
from zenflow.dag.steps import FLOW_FAILED, Asking, Ended, Retrying, Running, Standing, Unstarted, pending, skip, stamp
from zenflow.text import as_message


def wind_down(snapshot: Snapshot, standings: Sequence[Standing], failure: Failure) -> Decision:
    """A failing flow: what runs goes on to its end, nothing else starts, then all the rest is Skipped."""
    doomed = overdue(standings)
    first = record_before(snapshot, doomed)
    if first is not None:
        return first
    busy = [standing for standing in standings if isinstance(standing, Running)]
    if busy:
        statuses = [_leave(standing, snapshot, failure) for standing in standings]
        status = report.winding_down(snapshot, statuses, failure)
        return publish(snapshot, status, to_delete(doomed), wake_at=next_wake(snapshot, busy))
    return publish(snapshot, report.ended(snapshot, _close(snapshot, standings, failure), failure), to_delete(doomed))


def stop(snapshot: Snapshot, standings: Sequence[Standing], failure: Failure) -> Decision:
    """A flow that must end now: its Jobs are deleted, its unfinished steps end with it."""
    doomed = (*overdue(standings), *(s.attempt for s in standings if isinstance(s, Running)))
    first = record_before(snapshot, doomed)
    if first is not None:
        return first
    statuses = [_cut_off(standing, snapshot, failure) for standing in standings]
    return publish(snapshot, report.ended(snapshot, statuses, failure), to_delete(doomed))


def skip_all(snapshot: Snapshot, failure: Failure) -> tuple[StepStatus, ...]:
    """The steps of a flow that ends before it started."""
    return tuple(_never_run(step, snapshot, failure) for step in snapshot.flow.spec.steps)


def cut_off_recorded(snapshot: Snapshot, failure: Failure) -> tuple[StepStatus, ...]:
    """The steps of a flow whose spec cannot be read any more, from the status alone."""
    return tuple(_cut_off_status(status, snapshot, failure) for status in snapshot.flow.status.steps)


def _leave(standing: Standing, snapshot: Snapshot, failure: Failure) -> StepStatus:
    match standing:
        case Running() | Ended():
            return standing.status
        case Retrying():
            return _give_up(standing, failure)
        case Asking():
            return skip(standing.step, FLOW_FAILED, "The flow failed before it was approved", snapshot.now)
        case Unstarted():
            return pending(standing.step)
        case _:
            assert_never(standing)


def _close(snapshot: Snapshot, standings: Sequence[Standing], failure: Failure) -> list[StepStatus]:
    """The final status of every step of a flow that failed: what never ran is Skipped, and says by what."""
    assert snapshot.graph is not None
    statuses = [_leave(standing, snapshot, failure) for standing in standings]
    for index in snapshot.graph.order:
        standing = standings[index]
        if isinstance(standing, Unstarted):
            blocked = next((d for d in snapshot.graph.dependencies[index] if _blocks(statuses[d], standings[d])), None)
            if blocked is None:
                statuses[index] = _never_run(standing.step, snapshot, failure)
            else:
                text = f"Its dependency {statuses[blocked].name} did not succeed"
                statuses[index] = skip(standing.step, "DependencyFailed", text, snapshot.now)
    return statuses


def _blocks(status: StepStatus, standing: Standing) -> bool:
    if status.phase is StepPhase.SKIPPED:
        return status.reason == "DependencyFailed"
    return Ended(standing.step, status).is_fatal


def _cut_off(standing: Standing, snapshot: Snapshot, failure: Failure) -> StepStatus:
    match standing:
        case Ended():
            return standing.status
        case Retrying():
            return _give_up(standing, failure)
        case Running():
            return _cut_off_status(standing.status, snapshot, failure)
        case Asking() | Unstarted():
            return _never_run(standing.step, snapshot, failure)
        case _:
            assert_never(standing)


def _cut_off_status(status: StepStatus, snapshot: Snapshot, failure: Failure) -> StepStatus:
    has_run = status.job_ref is not None
    end = {
        "phase": StepPhase.FAILED if has_run else StepPhase.SKIPPED,
        "reason": failure.reason if has_run else FLOW_FAILED,
        "message": as_message(failure.message) if has_run else _too_late(failure),
        "completion_time": stamp(snapshot.now),
        "next_retry_time": None,
        "waiting_since": None,
    }
    return status if status.phase.is_terminal else status.model_copy(update=end)


def _never_run(step: Step, snapshot: Snapshot, failure: Failure) -> StepStatus:
    return skip(step, FLOW_FAILED, _too_late(failure), snapshot.now)


def _give_up(standing: Retrying, failure: Failure) -> StepStatus:
    """A step whose retry is not made. Its reason tells it from the step that the flow failed by."""
    text = f"No retry: the flow failed first ({failure.reason}). {standing.failed.message or ''}"
    return standing.failed.model_copy(update={"reason": FLOW_FAILED, "message": as_message(text.rstrip())})


def _too_late(failure: Failure) -> str:
    """Short, because up to 2,000 steps say it; the flow's own message has the whole story."""
    return f"Never ran: the flow failed first ({failure.reason})"
