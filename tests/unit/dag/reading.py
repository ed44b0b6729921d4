"""How the tests of this folder read a Decision: by names and phases."""

from tests.support.builders import Scene
from zenflow.api.types import Condition, JobFlowStatus, StepStatus
from zenflow.dag.actions import CreateJob, Decision, DeleteFlow, DeleteJob
from zenflow.dag.decision import decide


def created(decision: Decision) -> list[str]:
    """The Jobs to create, as step/attempt."""
    return [f"{each.step.name}/{each.attempt}" for each in decision.actions if isinstance(each, CreateJob)]


def deleted(decision: Decision) -> list[str]:
    """The Jobs to delete, by UID."""
    return [each.uid for each in decision.actions if isinstance(each, DeleteJob)]


def deletes_flow(decision: Decision) -> bool:
    """Whether the flow itself goes."""
    return any(isinstance(each, DeleteFlow) for each in decision.actions)


def said(decision: Decision) -> JobFlowStatus:
    """The status; every decision that is read by it must have one."""
    assert decision.status is not None
    return decision.status


def step_of(decision: Decision, name: str) -> StepStatus:
    """The status of one step."""
    return next(step for step in said(decision).steps if step.name == name)


def phases(decision: Decision) -> dict[str, str]:
    """The phase of every step; with the reason, where there is one, as Phase/Reason."""
    return {
        step.name: f"{step.phase.value}/{step.reason}" if step.reason else step.phase.value
        for step in said(decision).steps
    }


def ending(decision: Decision) -> str:
    """The flow's phase, and the reason of the condition that goes with its end."""
    status = said(decision)
    kinds = {"Succeeded": "Complete", "Failed": "Failed"}
    reason = condition(status, kinds[status.phase or ""]).reason if status.phase in kinds else ""
    return f"{status.phase}/{reason}" if reason else str(status.phase)


def condition(status: JobFlowStatus, type_: str) -> Condition:
    """One condition by type."""
    return next(each for each in status.conditions if each.type == type_)


def published(scene: Scene) -> Scene:
    """The scene with what was decided in it on record; its Jobs are as they were."""
    return scene.recorded(decide(scene.snapshot()).status)
