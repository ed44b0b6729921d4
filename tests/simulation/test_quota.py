"""What refused creations cost in requests, exactly; and that what is not refused need not wait for them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.shapes import step
from tests.simulation.stories import refuse_jobs, since
from tests.simulation.world import Simulation
from tests.support.clock import VirtualClock
from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse, Operation
from zenflow.local.containers.script import Outcome, by_rules

WIDE = 200
QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, used: 0, limited: 0'
RIGHTS = 'jobs.batch is forbidden: User "zen-flow" cannot create resource "jobs" in API group "batch"'


def simulate(
    admission: Callable[[VirtualClock], Admission], steps: Any, seconds: float = 2.0, **spec: Any
) -> Simulation:
    clock = VirtualClock()
    script = by_rules(otherwise=Outcome(seconds=seconds))
    simulation = Simulation(lambda clock: script, clock=clock, admission=[admission(clock)])
    simulation.submit("wide", steps, **spec)
    return simulation


def creations(simulation: Simulation) -> int:
    return sum(request.startswith("POST") and "/jobs" in request for request in simulation.transport.requests)


def by_template(names: str, message: str) -> Callable[[VirtualClock], Admission]:
    """An admission policy that does not like the Jobs of these steps."""

    def make(clock: VirtualClock) -> Admission:
        def admit(request: AdmissionRequest) -> AdmissionResponse:
            is_new_job = request.resource.plural == "jobs" and request.operation is Operation.CREATE
            labels = (request.object or {}).get("metadata", {}).get("labels", {}) if is_new_job else {}
            is_bad = labels.get("workflow.zen.io/step") in names.split()
            return AdmissionResponse(allowed=not is_bad, code=403, reason="Forbidden", message=message)

        return admit

    return make


@pytest.mark.parametrize(("message", "reason"), [(QUOTA, "QuotaExceeded"), (RIGHTS, "Forbidden")])
def test_200_refused_steps_cost_at_most_20_creations_a_minute(message: str, reason: str) -> None:
    """And all say why they wait; when there is room, all have their Job within a minute."""
    steps = [step(f"s{number}") for number in range(WIDE)]
    simulation = simulate(refuse_jobs(600, 403, message), steps)
    asked = 0
    for _ in range(10):
        before, looks, requests = asked, simulation.replica.reconciles, len(simulation.transport.requests)
        simulation.settle(60)
        asked = creations(simulation)
        assert asked - before <= 20
        assert simulation.replica.reconciles - looks <= 40
        assert len(simulation.transport.requests) - requests <= 80
    assert {each["reason"] for each in simulation.flow("wide")["status"]["steps"]} == {reason}
    assert simulation.run()["wide"]["phase"] == "Succeeded"
    starts = [since(job["metadata"]["creationTimestamp"]) for job in simulation.history.jobs("wide", "s199")]
    assert starts[0] <= 661
    assert creations(simulation) - asked == WIDE
    assert simulation.history.violations == []


def test_a_template_that_is_refused_keeps_no_other_step_waiting() -> None:
    """Nor the steps behind those: a policy's word is about one Job."""
    steps = [step("bad"), step("a"), step("b", "a"), step("c", "b")]
    simulation = simulate(by_template("bad", "admission webhook: image is not signed"), steps)
    simulation.settle(10)
    phases = {each["name"]: each["phase"] for each in simulation.flow("wide")["status"]["steps"]}
    assert phases == {"bad": "Pending", "a": "Succeeded", "b": "Succeeded", "c": "Succeeded"}


def test_two_templates_that_are_refused_keep_others_waiting_a_minute_at_most() -> None:
    """Two different ones look like a right that is missing; what was not tried yet is tried first."""
    steps = [step("bad"), step("worse"), step("a"), step("b", "a"), step("c", "b")]
    simulation = simulate(by_template("bad worse", "admission webhook: image is not signed"), steps)
    simulation.settle(200)
    phases = {each["name"]: each["phase"] for each in simulation.flow("wide")["status"]["steps"]}
    assert phases == {"bad": "Pending", "worse": "Pending", "a": "Succeeded", "b": "Succeeded", "c": "Succeeded"}


def test_a_wide_flow_starts_at_once_where_nothing_is_refused() -> None:
    """One look creates them all."""
    simulation = simulate(refuse_jobs(0, 403, QUOTA), [step(f"s{number}") for number in range(WIDE)])
    assert simulation.run()["wide"]["phase"] == "Succeeded"
    jobs = [simulation.history.jobs("wide", f"s{number}")[0] for number in range(WIDE)]
    assert {since(job["metadata"]["creationTimestamp"]) for job in jobs} == {0}
    assert creations(simulation) == WIDE
