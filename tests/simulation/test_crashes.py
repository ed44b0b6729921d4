"""`kill -9` at every single request, and caches that lag: no step is lost, none is done twice, every flow ends."""

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.shapes import SHAPES, Shape
from tests.simulation.world import Simulation

EXPECTED = {
    "chain": ("Succeeded", 4),
    "diamond": ("Succeeded", 5),
    "wide": ("Succeeded", 7),
}
by_name = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)


def simulate(shape: Shape, plan: Plan | None = None, seed: int = 0) -> tuple[Simulation, dict[str, object]]:
    """Run one flow of that shape to its end."""
    simulation = Simulation(shape.script(), seed=seed, plan=plan)
    simulation.submit(shape.name, shape.steps)
    return simulation, simulation.run()


@pytest.mark.proves("status.writes", "order.nothing-after-the-end")
@by_name
def test_without_faults_each_shape_ends_as_its_outcomes_say(shape: Shape) -> None:
    """The yardstick for all that follows."""
    simulation, end = simulate(shape)
    phase, jobs = EXPECTED[shape.name]
    flow = end[shape.name]
    assert isinstance(flow, dict)
    assert (flow["phase"], len(flow["jobs"])) == (phase, jobs)
    assert simulation.history.violations == []


@by_name
def test_the_same_seed_gives_the_same_requests(shape: Shape) -> None:
    """A plan can be replayed exactly."""
    runs = [simulate(shape, Plan(lag=1.0), seed=3)[0].transport.requests for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.proves("status.final", "order.nothing-after-the-end")
@by_name
@pytest.mark.parametrize("moment", Moment)
def test_a_crash_at_any_request_changes_nothing_in_the_end(shape: Shape, moment: Moment) -> None:
    """Every request of the fault-free run is a place to die; the end state is that of the fault-free run."""
    yardstick, end = simulate(shape)
    for number in range(len(yardstick.transport.requests)):
        simulation, state = simulate(shape, Plan(crash_at=number, moment=moment))
        where = f"crash {moment} request {number}"
        assert simulation.history.violations == [], where
        assert state == end, where


@by_name
@pytest.mark.parametrize("seed", range(10))
def test_caches_that_lag_change_nothing_in_the_end(shape: Shape, seed: int) -> None:
    """A stale view may delay a step but never repeats one."""
    _, end = simulate(shape)
    simulation, state = simulate(shape, Plan(lag=5.0), seed=seed)
    assert simulation.history.violations == []
    assert state == end


@by_name
@pytest.mark.parametrize("seed", range(5))
def test_a_crash_while_caches_lag_changes_nothing_in_the_end(shape: Shape, seed: int) -> None:
    """The new process starts from a consistent list, whatever the old one believed."""
    _, end = simulate(shape)
    requests = len(simulate(shape, Plan(lag=2.0), seed=seed)[0].transport.requests)
    for number in range(seed, requests, 5):
        plan = Plan(crash_at=number, moment=Moment.AFTER_APPLY, lag=2.0)
        simulation, state = simulate(shape, plan, seed=seed)
        assert simulation.history.violations == [], plan
        assert state == end, plan
