"""What a reconcile wants next: when to be called again, and how urgently."""

from collections.abc import Mapping, Sequence

import pytest

from tests.support.builders import Scene, job
from tests.unit.dag.reading import published
from zenflow.api.types import JobFlow
from zenflow.controller.app import informers
from zenflow.controller.applier import Applied, Applier
from zenflow.controller.caches import Caches
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.observer import Observer
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.controller.status import StatusWriter
from zenflow.dag.actions import Action, Decision
from zenflow.dag.snapshot import Snapshot
from zenflow.runtime.cache import Key
from zenflow.runtime.loop import Result

KEY = Key("default", "flow")


class Sight(Observer):
    """Sees one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def snapshot(self, key: Key) -> Snapshot:
        return self._scene.snapshot()

    def release(self, key: Key, uid: str) -> None:
        """Nothing was noted."""


class Hands(Applier):
    """Succeeds at everything."""

    def __init__(self) -> None:
        pass

    def apply(self, key: Key, flow: JobFlow, actions: Sequence[Action]) -> Applied:
        return Applied()


class Pen(StatusWriter):
    """Writes at once, or wants to be asked again in so many seconds."""

    def __init__(self, again_in: float | None) -> None:
        self._again_in = again_in

    def publish(self, key: Key, flow: JobFlow, decision: Decision, job_uids: Mapping[str, str]) -> float | None:
        return self._again_in


(FLOWS,), (JOBS,), (PODS,) = informers()
CACHES = Caches(FLOWS.cache, JOBS.cache, PODS.cache)
RUNNING = published(Scene.of(job("a", timeout_seconds=60), job("b")).running("a").running("b"))


@pytest.mark.parametrize(
    ("now", "publish_in", "expected"),
    [
        pytest.param(10, None, Result(requeue_after=50), id="a timer"),
        pytest.param(10, 0.05, Result(requeue_after=0.05, at_leisure=True), id="a report that can wait"),
        pytest.param(59.99, 0.05, Result(requeue_after=pytest.approx(0.01)), id="a timer before the report"),
        pytest.param(59.95, 0.05, Result(requeue_after=pytest.approx(0.05)), id="a timer with the report"),
    ],
)
def test_only_a_report_can_wait(now: float, publish_in: float | None, expected: Result) -> None:
    """A timer that strikes stops a step or starts its retry."""
    reconciler = JobFlowReconciler(
        Sight(RUNNING.now(now)), Hands(), Pen(publish_in), GroupGate(CACHES, lambda key: None, lambda record: False)
    )
    assert reconciler.reconcile(KEY) == expected
