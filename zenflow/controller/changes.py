"""Which steps differ between two statuses. Pure; everything that tells of a publication starts here."""

from collections.abc import Iterator

from zenflow.api.types import JobFlowStatus, StepPhase, StepStatus


def changed_steps(before: JobFlowStatus, after: JobFlowStatus) -> Iterator[tuple[StepStatus, StepStatus]]:
    """Each step that changed, as it was and as it is; one that had no entry was Pending.

    A decision hands on the entries that it did not change, so most of a big flow is told apart by identity.
    """
    pairs = [(was, now) for was, now in zip(before.steps, after.steps, strict=False) if was is not now]
    if len(before.steps) != len(after.steps) or any(was.name != now.name for was, now in pairs):
        known = {status.name: status for status in before.steps}
        pairs = [(known.get(now.name) or _pending(now), now) for now in after.steps]
    return ((was, now) for was, now in pairs if was != now)


def _pending(status: StepStatus) -> StepStatus:
    return StepStatus(name=status.name, phase=StepPhase.PENDING)
