"""Ever smaller statuses of the same flow."""

from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from zenflow.api.sizes import STATUS_PER_STEP
from zenflow.api.types import (
    MAX_REASON,
    MAX_RETRIES,
    Condition,
    ConditionStatus,
    FlowPhase,
    JobFlowStatus,
    JobRef,
    StepPhase,
    StepStatus,
)
from zenflow.controller.status import encode
from zenflow.dag.small_statuses import bounded, smaller

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
UID = "0b0c6dbe-8a5c-4c3b-9a43-5a2d3b9d6e0f"


def entry(phase: StepPhase, number: int = 0) -> StepStatus:
    """A step about which everything is on record, with the longest names there are."""
    return StepStatus(
        name=f"{number:063}",
        phase=phase,
        reason="R" * MAX_REASON,
        message="m" * 1024,
        waiting_since=WHEN,
        start_time=WHEN,
        completion_time=WHEN,
        retry_count=MAX_RETRIES,
        next_retry_time=WHEN,
        exit_code=255,
        job_ref=JobRef(name="j" * 63, uid=UID),
        approved_by="a" * 1024,
    )


def status(*steps: StepStatus, phase: FlowPhase = FlowPhase.RUNNING) -> JobFlowStatus:
    return JobFlowStatus(phase=phase, message="m" * 1024, start_time=WHEN, steps=steps)


def size(each: JobFlowStatus) -> int:
    return len(encode(each, is_terse=True))


@pytest.mark.parametrize("phase", list(StepPhase))
def test_the_least_status_of_a_step_has_the_size_that_is_kept_free_for_it(phase: StepPhase) -> None:
    """Whatever happened to it; 4 KiB beside it are enough for what is said of the flow."""
    *_, least = smaller(status(*(entry(phase, number) for number in range(200))))
    assert size(least) <= 200 * STATUS_PER_STEP + 4096
    assert [step.phase for step in least.steps] == [phase] * 200


def test_each_is_smaller_than_the_one_before() -> None:
    """So that one of them fits; all say that something was left out."""
    full = status(*(entry(phase, number) for number, phase in enumerate(StepPhase)))
    stages = [full, *smaller(full)]
    sizes = [size(each) for each in stages]
    assert all(before >= after for before, after in pairwise(sizes[1:]))
    assert sizes[0] > sizes[1] > sizes[-1]
    assert all((each.message or "").startswith("Details of steps were left out") for each in stages[1:])
    assert all(len(each.message or "") <= 1024 for each in stages)


def test_the_end_of_a_flow_that_fills_its_object_is_told_in_few_bytes() -> None:
    """Whatever it has to say."""
    end = Condition(
        type="Failed", status=ConditionStatus.TRUE, reason="InvalidSpec", message="m" * 1024, last_transition_time=WHEN
    )
    full = status(*(entry(StepPhase.FAILED, n) for n in range(9)), phase=FlowPhase.FAILED)
    *_, bare = smaller(full.model_copy(update={"conditions": (end,)}))
    assert size(bare) < 500
    assert (bare.phase, bare.conditions[0].reason) == (FlowPhase.FAILED, "InvalidSpec")


def test_evidence_of_failures_goes_after_all_other_messages() -> None:
    """It is what people look for."""
    first, second, *_ = smaller(status(entry(StepPhase.FAILED, 1), entry(StepPhase.SUCCEEDED, 2)))
    assert [step.message for step in first.steps] == ["m" * 1024, None]
    assert [len(step.message or "") for step in second.steps] == [128, 0]


def test_what_decisions_read_back_stays() -> None:
    """Why a step was skipped, which Job runs, since when an approval is asked for, that a retry is due."""
    skipped = StepStatus(name="a", phase=StepPhase.SKIPPED, reason="WhenFalse", message="m")
    asked = StepStatus(name="b", phase=StepPhase.PENDING_APPROVAL, start_time=WHEN, message="m")
    running = StepStatus(name="c", phase=StepPhase.RUNNING, job_ref=JobRef(name="j", uid=UID), retry_count=2)
    *_, least = smaller(status(skipped, asked, running, StepStatus(name="d", phase=StepPhase.PENDING)))
    assert least.steps[0].reason == "WhenFalse"
    assert least.steps[1].start_time == WHEN
    assert (least.steps[2].job_ref, least.steps[2].retry_count) == (running.job_ref, 2)
    assert len(least.steps) == 3, "a step that nothing was done for needs no entry"


@pytest.mark.parametrize(("phase", "steps"), [(FlowPhase.RUNNING, 1), (FlowPhase.FAILED, 0), (FlowPhase.SUCCEEDED, 0)])
def test_only_of_a_flow_that_has_ended_all_steps_may_go(phase: FlowPhase, steps: int) -> None:
    """Before, the next decision needs them."""
    *_, least = smaller(status(entry(StepPhase.FAILED), phase=phase))
    assert len(least.steps) == steps
    assert size(least) < 1024 + steps * STATUS_PER_STEP


def test_words_and_numbers_are_within_the_bounds_of_the_crd() -> None:
    """Else the API server would take none of the status."""
    wild = entry(StepPhase.RUNNING).model_copy(update={"reason": "x" * 1_200_000, "retry_count": 999_999_999})
    (step,) = bounded(status(wild)).steps
    assert (len(step.reason or ""), step.retry_count) == (MAX_REASON, MAX_RETRIES)
    tame = status(entry(StepPhase.RUNNING))
    assert bounded(tame) is tame


def test_no_message_is_longer_than_the_crd_has_it() -> None:
    """Those of the flow, of a step, of a condition, and who approved."""
    text = "x" * 5_000
    step = entry(StepPhase.SUCCEEDED).model_copy(update={"message": text, "approved_by": text})
    condition = Condition(
        type="Complete", status=ConditionStatus.TRUE, reason="A", message=text, last_transition_time=WHEN
    )
    told = bounded(status(step).model_copy(update={"message": text, "conditions": (condition,)}))
    (ended,) = told.steps
    found = (told.message, told.conditions[0].message, ended.message, ended.approved_by)
    assert [len(each or "") for each in found] == [1024] * 4
    negative = entry(StepPhase.RUNNING).model_copy(update={"retry_count": -7})
    assert bounded(status(negative)).steps[0].retry_count == 0


def test_an_entry_is_read_as_it_was_written() -> None:
    """What is left out on the wire is what reading it assumes."""
    *_, least = smaller(status(entry(StepPhase.FAILED), entry(StepPhase.RUNNING, 1)))
    wire = encode(least, is_terse=True)
    assert JobFlowStatus.model_validate_json(wire).steps == least.steps
    assert msgspec.json.decode(wire)["steps"][0].keys() == {"name", "phase", "jobRef"}
