"""One wait for each flow and cause."""

from datetime import timedelta

from tests.support.builders import START, job
from zenflow.controller import creation_backoff
from zenflow.controller.creation_backoff import FORBIDDEN, QUOTA, Refused
from zenflow.controller.memory import Notes
from zenflow.dag.actions import CreateJob

CREATIONS = [CreateJob(job(name), 1) for name in "abcd"]


def refused(step: str, reason: str = QUOTA) -> Refused:
    return Refused(step, reason, f'jobs.batch "flow-{step}-1-x" is forbidden: no {reason}')


def wait(notes: Notes, *each: Refused, has_created: bool = False) -> float:
    """How long the first of these waits."""
    creation_backoff.note(notes, each, START, has_created=has_created)
    due = notes.refusals[each[0].step].retry_at
    assert due is not None
    return (due - START).total_seconds()


def test_waits_double_for_the_flow_up_to_a_minute() -> None:
    """Whichever step is refused, and however many are at once."""
    notes = Notes()
    waits = [wait(notes, refused("a"), refused("b")), *(wait(notes, refused(step)) for step in "bcabcab")]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_waits_begin_anew_when_there_is_room() -> None:
    notes = Notes()
    for _ in range(5):
        wait(notes, refused("a"))
    assert wait(notes, refused("b"), has_created=True) == 1
    creation_backoff.note(notes, (), START, has_created=True)
    assert not creation_backoff.is_held(notes, START)


def test_a_quota_holds_back_all_steps_of_the_flow() -> None:
    """With the words that are true of each."""
    notes = Notes()
    wait(notes, refused("a"))
    assert creation_backoff.is_held(notes, START)
    assert not creation_backoff.is_held(notes, START + timedelta(seconds=1))
    creation_backoff.hold_back(notes, CREATIONS[1:])
    assert {step: refusal.message.split(".")[0] for step, refusal in notes.refusals.items()} == {
        "a": "jobs",
        "b": "no QuotaExceeded",
        "c": "no QuotaExceeded",
        "d": "no QuotaExceeded",
    }


def test_what_is_forbidden_to_one_step_is_not_forbidden_to_others() -> None:
    """An admission policy may refuse its template; a second one makes it the flow's."""
    notes = Notes()
    wait(notes, refused("a", FORBIDDEN))
    assert not creation_backoff.is_held(notes, START)
    wait(notes, refused("b", FORBIDDEN))
    assert creation_backoff.is_held(notes, START)


def test_what_was_forbidden_is_tried_last() -> None:
    """Last of all what was forbidden last, so that it keeps no other from its turn; a quota is the same for all."""
    notes = Notes()
    wait(notes, refused("c", FORBIDDEN), refused("a", FORBIDDEN))
    creation_backoff.hold_back(notes, CREATIONS)
    assert [each.step.name for each in creation_backoff.in_turn(notes, CREATIONS)] == ["b", "d", "c", "a"]
    creation_backoff.forget(notes, "c")
    assert [each.step.name for each in creation_backoff.in_turn(notes, CREATIONS)] == ["b", "c", "d", "a"]
    held = Notes()
    wait(held, refused("a"))
    assert creation_backoff.in_turn(held, CREATIONS) == CREATIONS


def test_batches_grow() -> None:
    """As the Job controller's."""
    sizes = [len(batch) for batch in creation_backoff.batches(CREATIONS * 5)]
    assert sizes == [1, 2, 4, 8, 5]
