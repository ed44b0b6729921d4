"""Which steps differ between two statuses. Pure; everything that tells of a publication starts here."""

from collections.abc import Iterator

from zenflow.api.types import JobFlowStatus, StepPhase, StepStatus


def changed_steps(before: JobFlowStatus, after: JobFlowStatus) -> Iterator[tuple[StepStatus, StepStatus]]:
    """Each step that changed, as it was and as it is; one that had no entry was Pending."""
    known = {status.name: status for status in before.steps}
    for status in after.steps:
        was = known.get(status.name)
        if was is status or was == status:
            continue
        yield was or StepStatus(name=status.name, phase=StepPhase.PENDING), status
