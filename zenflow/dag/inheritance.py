"""Which Jobs of an earlier process a flow takes for its own: of steps that could have been reached when they were made.

A process that is killed between a creation and the next status leaves Jobs that only their form tells of. Somebody
else may have made a Job of that form (docs/limits.md); one behind a gate that nobody has answered, behind a step that
has not ended or beside an attempt that still runs is not ours, for we do not make such Jobs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from zenflow.api.types import Step, StepStatus
from zenflow.dag.snapshot import Attempt, Outcome, Snapshot
from zenflow.dag.steps import Ended, Standing, Unstarted, arrive, assess

# How far the clocks of an API server and of the controllers of a cluster may be apart.
SKEW = timedelta(minutes=1)


def inherit(snapshot: Snapshot) -> Snapshot:
    """The snapshot without inherited attempts that nobody can have had a reason to make."""
    if snapshot.graph is None or not any(each.is_inherited for tries in snapshot.attempts.values() for each in tries):
        return snapshot
    recorded = {status.name: status for status in snapshot.flow.status.steps}
    steps = snapshot.flow.spec.steps
    accepted = {step: tuple(a for a in tries if not a.is_inherited) for step, tries in snapshot.attempts.items()}
    view = replace(snapshot, attempts=accepted)
    standings: dict[int, Standing] = {}
    for index in snapshot.graph.order:
        step = steps[index]
        before = [standings[each] for each in snapshot.graph.dependencies[index]]
        done = [each for each in before if isinstance(each, Ended) and each.satisfies]
        if len(done) == len(before):
            ready_at = max((each.status.completion_time for each in done if each.status.completion_time), default=None)
            accepted[step.name] = _believable(snapshot.attempts.get(step.name, ()), ready_at)
            standings[index] = _stand(step, recorded.get(step.name), view)
        else:
            standings[index] = assess(step, recorded.get(step.name), view)
    attempts = {step: tries for step, tries in accepted.items() if tries}
    return replace(snapshot, attempts=attempts, foreign=_left_out(snapshot, attempts))


def _stand(step: Step, recorded: StepStatus | None, view: Snapshot) -> Standing:
    standing = assess(step, recorded, view)
    return arrive(step, view) if isinstance(standing, Unstarted) else standing


def _left_out(snapshot: Snapshot, attempts: Mapping[str, Sequence[Attempt]]) -> Mapping[str, str]:
    return {
        attempt.job_name: attempt.job_uid
        for step, tries in snapshot.attempts.items()
        for attempt in tries
        if attempt not in attempts.get(step, ())
    }


def _believable(attempts: Sequence[Attempt], ready_at: datetime | None) -> tuple[Attempt, ...]:
    """Each after the failure of the one before; the first from when the step could start."""
    taken: list[Attempt] = []
    for attempt in attempts:
        if attempt.is_inherited:
            since = taken[-1].finished_at if taken else ready_at
            if taken and taken[-1].outcome is not Outcome.FAILED:
                continue
            if since is not None and since - attempt.created_at > SKEW:
                continue
        taken.append(attempt)
    return tuple(taken)
