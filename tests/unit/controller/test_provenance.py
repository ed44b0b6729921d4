"""Which Jobs of the right form are ours, told by UIDs and by the order in which Jobs were made."""

import json

import pytest

from tests.support.children import job_metadata
from tests.support.clock import VirtualClock
from zenflow.api.types import JobRef, StepPhase, StepStatus
from zenflow.controller.memory import Notes
from zenflow.controller.objects import Job, decode_job
from zenflow.controller.provenance import LATE, Origin, Provenance

BEFORE, AFTER = "2026-01-01T12:00:00Z", "2026-01-01T12:00:01Z"
OURS = job_metadata("etl", "uid-etl")


def job(uid: str = "made", *, created: str = AFTER, **metadata: object) -> Job:
    meta = {**OURS, "uid": uid, "creationTimestamp": created, **metadata}
    return decode_job(json.dumps({"metadata": meta}).encode())


def status(uid: str, **more: object) -> StepStatus:
    return StepStatus(name="a", phase=StepPhase.RUNNING, job_ref=JobRef(name=OURS["name"], uid=uid), **more)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def settled(clock: VirtualClock) -> Provenance:
    """Of a process that found one Job and has been deciding for a while."""
    provenance = Provenance(clock)
    provenance.job_changed(None, job("old", created=BEFORE))
    provenance.begin()
    clock.advance(LATE.total_seconds())
    return provenance


def test_a_job_that_came_from_nowhere_is_foreign(settled: Provenance) -> None:
    """However well it looks."""
    assert settled.of(job(), Notes()) is Origin.FOREIGN
    assert settled.of(job(), None) is Origin.FOREIGN


def test_the_uid_that_our_creation_was_answered_makes_it_ours(settled: Provenance) -> None:
    notes = Notes(created={OURS["name"]: "made"})
    assert settled.of(job("made"), notes) is Origin.OURS
    assert settled.of(job("another"), notes) is Origin.FOREIGN


def test_the_uid_on_record_makes_it_ours(settled: Provenance) -> None:
    """Another Job of that name is foreign, be it as old as it likes."""
    assert settled.of(job("made"), Notes(), status("made")) is Origin.OURS
    assert settled.of(job("another", created=BEFORE), Notes(), status("made")) is Origin.FOREIGN


def test_what_this_process_knows_counts_more_than_the_record(settled: Provenance) -> None:
    """A status can be written by others."""
    notes = Notes(created={OURS["name"]: "made"})
    assert settled.of(job("another"), notes, status("another")) is Origin.FOREIGN


def test_a_job_on_record_may_have_a_name_of_an_earlier_version(settled: Provenance) -> None:
    """But its labels say which attempt it is."""
    named = {"name": "etl-a-1-older"}
    ref = JobRef(name="etl-a-1-older", uid="made")
    recorded = StepStatus(name="a", phase=StepPhase.RUNNING, job_ref=ref)
    assert settled.of(job(**named), Notes(), recorded) is Origin.OURS
    assert settled.of(job(**named), Notes(), recorded.model_copy(update={"retry_count": 1})) is Origin.FOREIGN


def test_a_creation_without_an_answer_may_have_been_carried_out(settled: Provenance) -> None:
    assert settled.of(job(), Notes(unanswered={OURS["name"]})) is Origin.OURS


def test_a_job_that_is_not_younger_than_those_that_were_there_may_be_inherited(settled: Provenance) -> None:
    """Of an earlier process; one of another name is not."""
    assert settled.of(job(created=BEFORE), Notes()) is Origin.INHERITED
    assert settled.of(job(created=BEFORE, name="forged"), Notes()) is Origin.FOREIGN


def test_what_comes_while_a_process_begins_may_be_inherited(clock: VirtualClock) -> None:
    """A request of the process before may be carried out after its end, and a cache may show it late."""
    provenance = Provenance(clock)
    clock.advance(1000)  # it waits for its turn to lead
    provenance.begin()
    clock.advance(LATE.total_seconds() - 1)
    assert provenance.of(job(), Notes()) is Origin.INHERITED
    provenance.job_changed(None, job())
    clock.advance(1)
    provenance.begin()
    assert provenance.of(job(), Notes()) is Origin.INHERITED
    assert provenance.of(job(created="2026-01-01T12:00:02Z"), Notes()) is Origin.FOREIGN


def test_without_any_job_before_it_nothing_is_inherited(clock: VirtualClock) -> None:
    provenance = Provenance(clock)
    provenance.begin()
    clock.advance(LATE.total_seconds())
    provenance.job_changed(None, job())
    assert provenance.of(job(), Notes()) is Origin.FOREIGN
