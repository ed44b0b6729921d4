"""Big concurrency groups, and groups whose flows are changed under way: nobody turns in place, nobody waits for ever.

Counted in requests and looks, exactly, for the clock is virtual.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.objects import Object
from tests.simulation.shapes import step
from tests.simulation.stories import patch_flow
from tests.simulation.test_concurrency import delete
from tests.simulation.world import Simulation
from zenflow.controller.objects import CLAIMS, JOBFLOWS
from zenflow.local.containers.script import Outcome, by_rules
from zenflow.runtime.client import Client

NIGHTLY = {"concurrencyGroup": "nightly"}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
GATE = {"name": "gate", "type": "Manual"}


def simulate(seconds: float = 5.0) -> Simulation:
    return Simulation(lambda clock: by_rules(otherwise=Outcome(seconds=seconds)))


def create(name: str, *, steps: Any = None, policy: Any = None, **spec: Any) -> Callable[[Client], object]:
    head = {"apiVersion": JOBFLOWS.api_version, "kind": JOBFLOWS.kind, "metadata": {"name": name}}
    body = {**head, "spec": {"steps": steps or [step("a")], "executionPolicy": policy or NIGHTLY, **spec}}
    return lambda client: client.create(JOBFLOWS, json.dumps(body).encode(), "default")


def waiting(flows: int) -> Simulation:
    """So many flows of one group; the first holds it with a gate that nobody answers, the others wait."""
    simulation = simulate()
    for number in range(flows):
        simulation.later(number, create(f"f{number}", steps=[GATE]))
    simulation.settle(flows + 30)
    return simulation


def verbs(simulation: Simulation) -> Counter[str]:
    return Counter(request.split()[0] for request in simulation.transport.requests)


def events(simulation: Simulation) -> int:
    return sum("/events" in request for request in simulation.transport.requests)


def phase(simulation: Simulation, name: str) -> str:
    return str(simulation.flow(name).get("status", {}).get("phase"))


# --- what a group costs ---


@pytest.mark.parametrize("flows", [10, 40])
def test_a_backlog_costs_each_of_its_flows_the_same(flows: int) -> None:
    """One status for the wait, one for the start, one for the end; one Event; and a Job."""
    simulation = simulate(100)
    for number in range(flows):
        simulation.later(number, create(f"f{number}"))
    simulation.run()
    jobs = verbs(simulation)["POST"] - events(simulation)
    assert (jobs, verbs(simulation)["PATCH"], events(simulation)) == (flows, 3 * flows - 1, flows - 1)
    assert simulation.replica.reconciles <= 5 * flows
    assert simulation.history.violations == []


def test_flows_of_one_second_cost_little_more() -> None:
    """They come in any order of UIDs: one that is put between two others renames the one behind it."""
    simulation = simulate(100)
    for number in range(40):
        simulation.submit(f"f{number}", [step("a")], executionPolicy=NIGHTLY)
    simulation.run()
    assert verbs(simulation)["PATCH"] <= 4 * 40


@pytest.mark.parametrize("flows", [3, 300])
def test_a_change_of_one_that_waits_costs_the_same_in_a_group_of_any_size(flows: int) -> None:
    """A look, a status and an Event each time: it says that it is suspended, then again for whom it waits."""
    simulation = waiting(flows)
    before, requests = simulation.replica.reconciles, len(simulation.transport.requests)
    for suspend in (True, False):
        patch_flow({"spec": {"suspend": suspend}}, f"f{flows - 1}")(simulation.as_user("user"))
        simulation.settle(5)
    assert simulation.replica.reconciles - before == 2
    assert len(simulation.transport.requests) - requests == 5  # two statuses, three Events


@pytest.mark.parametrize("flows", [5, 50])
def test_the_end_of_one_wakes_one(flows: int) -> None:
    """The next has its turn; the others learn nothing that they did not know."""
    simulation = waiting(flows)
    before = simulation.replica.reconciles
    simulation.as_user("user").delete(JOBFLOWS, "f0", "default")
    simulation.settle(30)
    assert phase(simulation, "f1") == "Paused"
    assert simulation.replica.reconciles - before <= 4


def test_who_waits_names_the_one_before_it() -> None:
    """And the next one, when that has gone without its turn."""
    simulation = waiting(4)
    assert "JobFlow f2 " in simulation.flow("f3")["status"]["message"]
    simulation.as_user("user").delete(JOBFLOWS, "f2", "default")
    simulation.settle(5)
    assert "JobFlow f1 " in simulation.flow("f3")["status"]["message"]


def test_a_newcomer_that_replaces_ends_all_that_wait() -> None:
    """Each by one status of its own."""
    simulation = waiting(30)
    before = simulation.replica.reconciles
    create("newest", steps=[GATE], policy={**NIGHTLY, "concurrencyPolicy": "Replace"})(simulation.as_user("user"))
    simulation.settle(30)
    assert {phase(simulation, f"f{number}") for number in range(30)} == {"Failed"}
    assert phase(simulation, "newest") == "Paused"
    assert simulation.replica.reconciles - before <= 3 * 31


# --- what is changed under way ---


def test_a_flow_that_ended_before_it_started_is_deleted_in_time() -> None:
    """Whoever runs in its group: a deletion needs no turn."""
    simulation = simulate(300)
    simulation.later(0, create("one"))
    simulation.later(1, create("two", policy={**NIGHTLY, "ttlSecondsAfterFinished": 10}))
    simulation.later(2, create("three", policy={**NIGHTLY, "concurrencyPolicy": "Replace"}))
    simulation.settle(60)
    assert simulation.history.is_deleted(simulation.history.flow("two"))
    assert phase(simulation, "three") == "Running"
    assert simulation.replica.reconciles < 20


def test_a_newcomer_has_its_turn_when_the_other_moves_to_another_group() -> None:
    """The group of a flow is the one that its spec names now."""
    simulation = simulate(300)
    simulation.submit("one", [step("a")], executionPolicy=NIGHTLY)
    simulation.later(5, patch_flow({"spec": {"executionPolicy": {"concurrencyGroup": "weekly"}}}, "one"))
    simulation.later(10, create("two"))
    simulation.settle(60)
    assert (phase(simulation, "one"), phase(simulation, "two")) == ("Running", "Running")
    assert simulation.replica.reconciles < 20


def test_a_flow_that_waits_for_its_claim_and_is_suspended_keeps_nobody_waiting() -> None:
    """It has made nothing that runs; lifted again, it waits for the other."""
    simulation = simulate(20)
    claim = {"metadata": {"name": "data"}, "spec": CLAIM}
    being_deleted(simulation.as_user("user"), "data")
    simulation.submit("one", [step("a")], executionPolicy=NIGHTLY, resourceTemplates={"volumeClaimTemplates": [claim]})
    simulation.later(5, create("two"))
    simulation.later(10, patch_flow({"spec": {"suspend": True}}, "one"))
    simulation.settle(15)
    assert (phase(simulation, "one"), phase(simulation, "two")) == ("Suspended", "Running")
    patch_flow({"spec": {"suspend": False}}, "one")(simulation.as_user("user"))
    simulation.settle(5)
    assert "JobFlow two " in simulation.flow("one")["status"]["message"]


def being_deleted(client: Client, name: str) -> Object:
    """A claim that somebody's finalizer keeps."""
    meta = {"name": name, "finalizers": ["example.com/kept"]}
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": CLAIM}
    created: Object = json.loads(client.create(CLAIMS, json.dumps(body).encode(), "default"))
    client.delete(CLAIMS, name, "default")
    return created


def test_a_flow_that_is_created_anew_while_it_starts_has_its_turn() -> None:
    """Under the same name, at every request of the first one."""
    for at in range(12):
        simulation = simulate(2)
        simulation.later(0, create("one"))
        simulation.later(at / 4, delete("one"))
        simulation.later(at / 4, create("one"))
        assert simulation.run()["one"]["phase"] == "Succeeded", at
        assert simulation.history.violations == [], at
