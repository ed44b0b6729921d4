"""When Jobs that the API server refused for now are tried again: one wait for each flow and cause, not for each step.

A quota is full for all steps of a flow alike, and so is a right that is missing: as the Job controller does with Pods,
few are tried until one succeeds. What is refused for good is none of this module's business.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zenflow.controller.memory import Notes
from zenflow.dag.actions import CreateJob
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import Refusal

FIRST = 1.0
LONGEST = 60.0
QUOTA, FORBIDDEN = "QuotaExceeded", "Forbidden"

# A 403 may be about one template (an admission policy); about so many different ones it is about the flow.
_DIFFERENT = 2
# `jobs.batch "name" is forbidden: ...`: what follows is true of any Job.
_NAMED = re.compile(r'^\S+ "[^"]*" is forbidden: ')


@dataclass(frozen=True, slots=True)
class Refused:
    """What the API server said to the Job of one step."""

    step: str
    reason: str  # QUOTA or FORBIDDEN
    message: str


def retry_at(notes: Notes, cause: str, now: datetime, longest: float = LONGEST) -> datetime:
    """When to try again: a second after the first refusal, twice as long after each further one of this cause."""
    times = notes.refused_times.get(cause, 0)
    notes.refused_times[cause] = times + 1
    return now + timedelta(seconds=min(longest, FIRST * 2 ** min(times, 10)))


def is_held(notes: Notes, now: datetime) -> bool:
    """Whether no step of the flow is tried now."""
    hold = notes.hold
    return hold is not None and hold.retry_at is not None and now < hold.retry_at


def note(notes: Notes, refused: Sequence[Refused], now: datetime, *, has_created: bool) -> None:
    """Keep what was refused at one go. `has_created`: others were not, so there is room, and waits begin anew."""
    if has_created:
        notes.hold = None
        for cause in (QUOTA, FORBIDDEN):
            notes.refused_times.pop(cause, None)
    for cause in dict.fromkeys(each.reason for each in refused):
        due = retry_at(notes, cause, now)
        of_cause = [each for each in refused if each.reason == cause]
        for each in of_cause:
            notes.refusals[each.step] = Refusal(cause, advise(cause, each.message), retry_at=due)
            if cause == FORBIDDEN:
                notes.forbidden.pop(each.step, None)
                notes.forbidden[each.step] = None
        if cause == QUOTA or len(notes.forbidden) >= _DIFFERENT:
            text = _NAMED.sub("", of_cause[0].message)
            notes.hold = Refusal(cause, advise(cause, text), retry_at=due)


def hold_back(notes: Notes, actions: Iterable[CreateJob]) -> None:
    """What was not tried waits as long as what was refused."""
    for action in actions:
        if notes.hold is not None:
            notes.refusals[action.step.name] = notes.hold


def in_turn(notes: Notes, creations: Iterable[CreateJob]) -> list[CreateJob]:
    """In the order in which to try: what was forbidden before comes last, for it may be forbidden for its own sake."""
    places = {step: place for place, step in enumerate(notes.forbidden)}
    return sorted(creations, key=lambda action: places.get(action.step.name, -1))


def forget(notes: Notes, step: str) -> None:
    """Its Job is there."""
    notes.refusals.pop(step, None)
    notes.forbidden.pop(step, None)


def batches(creations: Sequence[CreateJob]) -> Iterator[Sequence[CreateJob]]:
    """One, two, four, and so on: the Job controller's slow start. Whoever takes them stops at a refusal."""
    start, size = 0, 1
    while start < len(creations):
        yield creations[start : start + size]
        start, size = start + size, size * 2
