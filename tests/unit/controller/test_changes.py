"""What differs between two statuses, step by step."""

import pytest

from zenflow.api.types import JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.changes import changed_steps

A, B, C = (StepStatus(name=name, phase=StepPhase.RUNNING) for name in "abc")
A_DONE = StepStatus(name="a", phase=StepPhase.SUCCEEDED)
C_PENDING = StepStatus(name="c", phase=StepPhase.PENDING)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ((A, B), (A, B), []),
        ((A, B), (A.model_copy(), B.model_copy()), []),
        ((A, B), (A_DONE, B), [(A, A_DONE)]),
        ((A, B), (B, A_DONE), [(A, A_DONE)]),
        ((A,), (A, C), [(C_PENDING, C)]),
        ((A,), (C,), [(C_PENDING, C)]),
        ((A,), (C_PENDING,), []),
        ((A, B), (A_DONE,), [(A, A_DONE)]),
        ((), (), []),
    ],
)
def test_a_step_is_told_apart_by_name_wherever_it_stands(
    before: tuple[StepStatus, ...], after: tuple[StepStatus, ...], changes: list[tuple[StepStatus, StepStatus]]
) -> None:
    """Steps may be edited before the start; one that is new was Pending."""
    assert list(changed_steps(JobFlowStatus(steps=before), JobFlowStatus(steps=after))) == changes
