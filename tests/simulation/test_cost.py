"""What a step costs while nothing goes wrong: requests and looks, exactly, for the clock is virtual."""

from collections import Counter

from tests.simulation.shapes import CHAIN
from tests.simulation.world import Simulation

FLOWS = 20
STEPS = FLOWS * len(CHAIN.steps)


def simulate() -> Simulation:
    simulation = Simulation(CHAIN.script())
    for number in range(FLOWS):
        simulation.submit(f"{CHAIN.name}-{number}", CHAIN.steps)
    simulation.run()
    return simulation


def test_a_step_costs_two_requests_and_two_looks() -> None:
    """One creates its Job, one reports it; a flow costs one report more. Lists and watches are there once."""
    simulation = simulate()
    requests = Counter(request.split()[0] for request in simulation.transport.requests)
    assert requests == {"POST": STEPS, "PATCH": STEPS + FLOWS, "GET": 6}
    assert simulation.replica.reconciles == 2 * STEPS
