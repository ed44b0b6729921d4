"""Does the simulator see? The controller is broken on purpose, and the campaign must notice."""

from collections.abc import Callable, Sequence

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.shapes import CHAIN, DIAMOND, Shape
from tests.simulation.test_concurrency import crowd_named
from tests.simulation.test_crashes import simulate
from tests.simulation.world import Simulation
from zenflow.api import names
from zenflow.api.types import Step
from zenflow.controller import app
from zenflow.controller.provenance import Starts
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.controller.rivals import Rivals
from zenflow.dag import graph, walk
from zenflow.dag.decision import decide
from zenflow.dag.graph import Graph
from zenflow.runtime.cache import Key
from zenflow.runtime.loop import Result

Mutant = Callable[[pytest.MonkeyPatch], None]


def status_before_job(patch: pytest.MonkeyPatch) -> None:
    """The report comes first: a crash in between leaves a Job that was reported and never made."""

    class Hasty(JobFlowReconciler):
        def reconcile(self, key: Key) -> Result:
            snapshot = self._observer.snapshot(key)
            if snapshot is not None:
                decision = decide(snapshot)
                self._status.publish(key, snapshot.flow, decision, {})
                self._applier.apply(key, snapshot.flow, decision.actions)
            return Result(requeue_after=1.0)

    patch.setattr(app, "JobFlowReconciler", Hasty)


def name_without_attempt(patch: pytest.MonkeyPatch) -> None:
    """A retry finds its predecessor under its own name and takes it for its own."""
    real = names.job_name

    def short(flow: str, flow_uid: str, step: str, attempt: int) -> str:
        return real(flow, flow_uid, step, 1)

    patch.setattr(names, "job_name", short)
    patch.setattr(walk, "job_name", short)


def no_dependencies(patch: pytest.MonkeyPatch) -> None:
    """Every step may start at once, whatever it depends on."""

    def flat(steps: Sequence[Step]) -> Graph:
        return Graph(order=tuple(range(len(steps))), dependencies=((),) * len(steps))

    patch.setattr(graph, "build", flat)


@pytest.mark.parametrize(
    ("mutant", "shape"),
    [
        (status_before_job, CHAIN),
        (name_without_attempt, DIAMOND),
        (no_dependencies, DIAMOND),
    ],
    ids=lambda value: getattr(value, "__name__", None) or value.name,
)
def test_the_campaign_catches(mutant: Mutant, shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some crash of the campaign breaks a promise, changes the end, or leaves the flow standing."""
    yardstick, end = simulate(shape)
    mutant(monkeypatch)
    assert any(_is_caught(shape, number, moment, end) for number in _requests(yardstick) for moment in Moment)


def blind_to_what_still_runs(patch: pytest.MonkeyPatch) -> None:
    """A newcomer looks at flows only, not at what is left of them."""
    patch.setattr(Rivals, "leftovers", lambda self, record: ())


def blind_to_unreported_starts(patch: pytest.MonkeyPatch) -> None:
    """A flow has started when its status says so."""
    patch.setattr(Starts, "is_evident", lambda self, flow: False)


@pytest.mark.parametrize(
    ("mutant", "crowd"),
    [
        (blind_to_what_still_runs, "replace-what-does-not-hear"),
        (blind_to_what_still_runs, "forbid-after-a-deleted-one"),
        (blind_to_unreported_starts, "forbid-in-the-same-second"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_witness_of_groups_catches(mutant: Mutant, crowd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I17 is broken by some crash, for some order of UIDs."""
    mutant(monkeypatch)
    plans = [Plan(crash_at=number, moment=moment) for number in range(12) for moment in Moment]
    assert any(crowd_named(crowd).simulate(plan, seed).history.violations for seed in range(3) for plan in plans)


def _requests(yardstick: Simulation) -> range:
    return range(len(yardstick.transport.requests))


def _is_caught(shape: Shape, number: int, moment: Moment, end: dict[str, object]) -> bool:
    try:
        simulation, state = simulate(shape, Plan(crash_at=number, moment=moment))
    except AssertionError:
        return True  # it stands for ever
    return bool(simulation.history.violations) or state != end
