"""Waiting for a person: silent for as long as it takes, on time to the second, and lost by no crash."""

import json
from datetime import datetime

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.shapes import Shape, step
from tests.simulation.world import Simulation
from zenflow.cli.admission import admit_jobflow
from zenflow.controller.objects import JOBFLOWS

GATE = {"name": "gate", "type": "Manual", "dependencies": ["a"]}
DAY = 86_400.0


def paused(plan: Plan | None = None, **more: int) -> Simulation:
    """A flow that waits for its approval, and nobody has anything left to do."""
    shape = Shape("gated", [step("a"), {**GATE, **more}, step("b", "gate")])
    simulation = Simulation(shape.script(), plan=plan, admission=(admit_jobflow,))
    simulation.submit(shape.name, shape.steps)
    simulation.settle()
    return simulation


def phase(simulation: Simulation) -> str:
    return str(simulation.flow("gated")["status"]["phase"])


def annotate(simulation: Simulation, answer: str) -> None:
    """By the guide's key, as alice."""
    patch = {"metadata": {"annotations": {"workflow.zen.io/approved/gate": answer}}}
    simulation.as_user("alice").patch(JOBFLOWS, "gated", json.dumps(patch).encode(), "default")


@pytest.mark.proves("approval.silent-wait")
def test_nobody_looks_at_a_flow_that_waits_for_a_person() -> None:
    """In a day no request but reopened watches, and no timer that would wake the flow."""
    simulation = paused()
    assert phase(simulation) == "Paused"
    version = simulation.flow("gated")["metadata"]["resourceVersion"]
    before = len(simulation.transport.requests)
    assert simulation.replica.app.queue.next_due() is None
    simulation.settle(DAY)
    asked = [request for request in simulation.transport.requests[before:] if not request.startswith("GET /apis")]
    assert [request for request in asked if not request.startswith("GET /api/v1/pods")] == []
    assert simulation.flow("gated")["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize(("answer", "ends"), [("true", "Succeeded"), ("false", "Failed")])
def test_an_answer_wakes_it_after_a_day(answer: str, ends: str) -> None:
    """And is reported with who gave it."""
    simulation = paused()
    simulation.settle(DAY)
    annotate(simulation, answer)
    simulation.run()
    assert phase(simulation) == ends
    gate = simulation.flow("gated")["status"]["steps"][1]
    assert gate["approvedBy"] == "alice"
    assert simulation.history.violations == []


@pytest.mark.proves("approval.timeout")
@pytest.mark.parametrize(("waited", "ends"), [(3599, "Paused"), (3601, "Failed")])
def test_the_timeout_strikes_to_the_second(waited: float, ends: str) -> None:
    """Counted from when it asked."""
    simulation = paused(timeoutSeconds=3600)
    asked = datetime.fromisoformat(simulation.flow("gated")["status"]["steps"][1]["startTime"])
    simulation.settle(waited - (simulation.clock.now() - asked).total_seconds())
    assert phase(simulation) == ends


@pytest.mark.parametrize("moment", Moment)
def test_a_crash_at_any_request_loses_no_answer(moment: Moment) -> None:
    """The annotation is the memory."""
    yardstick = paused()
    annotate(yardstick, "true")
    end = yardstick.run()
    for number in range(len(yardstick.transport.requests)):
        simulation = paused(Plan(crash_at=number, moment=moment))
        annotate(simulation, "true")
        assert simulation.run() == end, f"crash {moment} request {number}"
        assert simulation.history.violations == []
