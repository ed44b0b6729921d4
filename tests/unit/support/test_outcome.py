"""The judge of the e2e tests sees what it is there to see."""

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.outcome import Outcome, assert_always
from tests.support.record import JobRecord, Record

UID = "f1"


def job(step_name: str, attempt: int, created: float, ended: float, uid: str = "") -> JobRecord:
    labels = {
        "workflow.zen.io/flow-uid": UID,
        "workflow.zen.io/step": step_name,
        "workflow.zen.io/attempt": str(attempt),
    }
    name = f"{step_name}-{attempt}"
    return JobRecord(uid or name, "default", name, labels, created_at=created, completed_at=ended)


def outcome(*jobs: JobRecord, second: str = "Succeeded") -> Outcome:
    """A flow of `one`, then `two`, said to have Succeeded."""
    manifest = flow("pair", step("one"), step("two", "one"))
    manifest["metadata"]["uid"] = UID
    steps = [{"name": "one", "phase": "Succeeded"}, {"name": "two", "phase": second}]
    manifest["status"] = {"phase": "Succeeded", "steps": steps}
    return Outcome(manifest, Record({job.uid: job for job in jobs}))


def test_a_flow_that_kept_every_promise_passes() -> None:
    """Or the cases below would prove nothing."""
    assert_always(outcome(job("one", 1, 0, 1), job("one", 2, 2, 3), job("two", 1, 3, 4)))


@pytest.mark.parametrize(
    ("jobs", "complaint"),
    [
        ((job("one", 1, 0, 1), job("one", 1, 0, 1, "twin"), job("two", 1, 2, 3)), "more than one Job"),
        ((job("one", 1, 0, 1), job("two", 1, 0.5, 3)), "before one-1 had ended"),
        ((job("one", 1, 0, 5), job("one", 2, 1, 2), job("two", 1, 6, 7)), "two attempts at once"),
        ((job("one", 2, 0, 1), job("two", 1, 2, 3)), r"attempts \[2\]"),
        ((job("one", 1, 0, 1),), "the status says"),
    ],
    ids=["twice", "too early", "two attempts at once", "an attempt is missing", "no Job at all"],
)
def test_a_broken_promise_is_seen(jobs: tuple[JobRecord, ...], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        assert_always(outcome(*jobs))


def test_a_skipped_step_has_no_job() -> None:
    assert_always(outcome(job("one", 1, 0, 1), second="Skipped"))


def test_jobs_of_another_flow_of_the_same_name_do_not_count() -> None:
    """Only the UID says whose a Job is."""
    strange = job("one", 1, 0, 1, "other")
    strange.labels["workflow.zen.io/flow-uid"] = "f0"
    assert_always(outcome(strange, job("one", 1, 0, 1), job("two", 1, 2, 3)))
