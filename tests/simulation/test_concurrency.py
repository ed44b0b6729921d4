"""Concurrency groups in the simulation: who runs beside whom, through crashes at every request and caches that lag.

The witness holds I17 at every write (tests/simulation/groups.py), so most of what is to be shown is that nothing is
broken and that every flow ends.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.objects import Object
from tests.simulation.shapes import step
from tests.simulation.stories import patch_flow, since
from tests.simulation.world import Simulation
from zenflow.api.names import LABEL_FLOW, LABEL_STEP, job_name
from zenflow.controller.objects import JOBFLOWS, JOBS
from zenflow.local.containers.script import Outcome, Rule, by_rules
from zenflow.runtime.client import Client

proves = pytest.mark.proves
STEPS = (step("a"), step("b", "a"))
DEAF = Rule({LABEL_FLOW: "one", LABEL_STEP: "a"}, (Outcome(seconds=None, obeys=False),))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A flow of the group `nightly`, created so many seconds after the beginning."""

    name: str
    policy: str
    at: float = 0.0
    spec: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        policy = {"concurrencyPolicy": self.policy, "concurrencyGroup": "nightly"}
        head = {"apiVersion": JOBFLOWS.api_version, "kind": JOBFLOWS.kind, "metadata": {"name": self.name}}
        return {**head, "spec": {"steps": list(STEPS), "executionPolicy": policy, **self.spec}}


@dataclass(frozen=True, slots=True)
class Crowd:
    """Flows of one group, and what must have become of them."""

    name: str
    arrivals: tuple[Arrival, ...]
    phases: dict[str, str]
    deletions: tuple[tuple[float, str], ...] = ()
    rules: tuple[Rule, ...] = ()

    def simulate(self, plan: Plan | None = None, seed: int = 0) -> Simulation:
        """Drive all flows to their end."""
        script = by_rules(*self.rules, otherwise=Outcome(seconds=2.0))
        simulation = Simulation(lambda clock: script, seed=seed, plan=plan)
        for arrival in self.arrivals:
            simulation.later(arrival.at, create(arrival))
        for seconds, name in self.deletions:
            simulation.later(seconds, delete(name))
        simulation.run()
        return simulation


def create(arrival: Arrival) -> Callable[[Client], object]:
    return lambda client: client.create(JOBFLOWS, json.dumps(arrival.body()).encode(), "default")


def delete(name: str) -> Callable[[Client], object]:
    return lambda client: client.delete(JOBFLOWS, name, "default")


DONE, GONE = "Succeeded", "Failed"
CROWDS = (
    Crowd(
        "forbid",
        (Arrival("one", "Forbid"), Arrival("two", "Forbid", 1.5)),
        {"one": DONE, "two": DONE},
    ),
    Crowd(
        "forbid-in-the-same-second",
        (Arrival("one", "Forbid", 1.1), Arrival("two", "Forbid", 1.1)),  # while the controller is looking
        {"one": DONE, "two": DONE},
    ),
    Crowd(
        "replace-all-that-came-before",
        (Arrival("one", "Forbid"), Arrival("two", "Forbid", 1.5), Arrival("three", "Replace", 2.5)),
        {"one": GONE, "two": GONE, "three": DONE},
    ),
    Crowd(
        "replace-what-does-not-hear",
        (Arrival("one", "Forbid"), Arrival("two", "Replace", 1.5)),
        {"one": GONE, "two": DONE},
        rules=(DEAF,),
    ),
    Crowd(
        "forbid-after-a-deleted-one",
        (Arrival("one", "Forbid"), Arrival("two", "Forbid", 1.5)),
        {"two": DONE},
        deletions=((1.5, "one"),),
        rules=(DEAF,),
    ),
)
by_name = pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.name)


def phases(simulation: Simulation) -> dict[str, str]:
    """Of the flows that are still there."""
    history = simulation.history
    states = {name: state["phase"] for name, state in history.end_state().items()}
    return {name: phase for name, phase in states.items() if not history.is_deleted(history.flow(name))}


def started(simulation: Simulation, name: str) -> float:
    """When its first Job was created, in seconds since the beginning."""
    [job, *_] = simulation.history.jobs(name, "a")
    return since(job["metadata"]["creationTimestamp"])


def completed(simulation: Simulation, name: str) -> float:
    return since(simulation.history.flow(name)["status"]["completionTime"])


def crowd_named(name: str) -> Crowd:
    return next(crowd for crowd in CROWDS if crowd.name == name)


@proves("concurrency.forbid-at-no-instant", "concurrency.replace-waits-for-jobs")
@by_name
def test_a_group_holds_its_rule_at_every_instant(crowd: Crowd) -> None:
    """I17, and every flow ends as its policy says."""
    simulation = crowd.simulate()
    assert simulation.history.violations == []
    assert phases(simulation) == crowd.phases


@proves("concurrency.forbid-at-no-instant", "concurrency.replace-waits-for-jobs")
@by_name
@pytest.mark.parametrize("moment", Moment)
def test_a_crash_at_any_request_breaks_no_rule_of_a_group(crowd: Crowd, moment: Moment) -> None:
    """A new process knows from flows and Jobs alone who has had its turn."""
    for number in range(len(crowd.simulate().transport.requests)):
        simulation = crowd.simulate(Plan(crash_at=number, moment=moment))
        where = f"crash {moment} request {number}"
        assert simulation.history.violations == [], where
        assert phases(simulation) == crowd.phases, where


@proves("concurrency.forbid-at-no-instant")
@by_name
@pytest.mark.parametrize("seed", range(3))
def test_caches_that_lag_break_no_rule_of_a_group(crowd: Crowd, seed: int) -> None:
    """Neither alone nor together with a crash; who comes first of those that came at once is anybody's guess."""
    requests = len(crowd.simulate(Plan(lag=1.0), seed).transport.requests)
    for number in (None, *range(seed, requests, 9)):
        plan = Plan(crash_at=number, moment=Moment.AFTER_APPLY, lag=1.0)
        assert crowd.simulate(plan, seed).history.violations == [], plan


@proves("concurrency.forbid-oldest-first")
def test_flows_have_their_turn_in_the_order_of_arrival() -> None:
    """Each starts in the second in which the one before has ended."""
    arrivals = tuple(Arrival(name, "Forbid", at) for name, at in (("one", 0), ("two", 1.5), ("three", 2.5)))
    simulation = Crowd("three", arrivals, {}).simulate()
    assert started(simulation, "two") == completed(simulation, "one")
    assert started(simulation, "three") == completed(simulation, "two")


@proves("concurrency.replace-ends-older", "concurrency.replace-waits-for-jobs")
def test_a_newcomer_starts_when_the_last_pod_of_what_it_replaced_is_gone() -> None:
    """The older flow has ended in the first second; its container hears no signal and has 30 s more."""
    simulation = crowd_named("replace-what-does-not-hear").simulate()
    assert completed(simulation, "one") == 1  # and a half: times are cut to the second
    assert started(simulation, "two") == 31
    conditions = simulation.history.flow("one")["status"]["conditions"]
    assert [each["reason"] for each in conditions] == ["Replaced"]


@proves("concurrency.deleted-flow-counts")
def test_a_pod_of_a_deleted_flow_of_the_group_keeps_others_waiting() -> None:
    """The flow and its Job are gone in the first second, the Pod 30 s later."""
    assert started(crowd_named("forbid-after-a-deleted-one").simulate(), "two") == 31


@proves("concurrency.allow")
def test_a_flow_with_allow_starts_beside_another() -> None:
    """At once, though the older one excludes others."""
    crowd = Crowd("allow", (Arrival("one", "Forbid"), Arrival("two", "Allow", 1.5)), {})
    simulation = crowd.simulate()
    assert started(simulation, "two") == 1 < completed(simulation, "one")
    assert simulation.history.violations == []


@proves("concurrency.replace-only-to-run")
@pytest.mark.parametrize(
    "spec", [{"suspend": True}, {"steps": [step("a", "b"), step("b", "a")]}], ids=["suspended", "invalid"]
)
def test_a_newcomer_that_will_not_start_replaces_nobody(spec: dict[str, Any]) -> None:
    """The older flow runs to its end."""
    simulation = Simulation(lambda clock: by_rules(otherwise=Outcome(seconds=2.0)))
    simulation.later(0, create(Arrival("one", "Forbid")))
    simulation.later(1.5, create(Arrival("two", "Replace", spec=spec)))
    simulation.later(20, delete("two"))
    simulation.run()
    assert phases(simulation) == {"one": "Succeeded"}
    assert simulation.history.violations == []


@proves("objects.foreign-untouched")
@pytest.mark.parametrize("moment", Moment)
def test_what_is_not_ours_is_neither_taken_over_nor_touched(moment: Moment) -> None:
    """A Job under the very name and labels of an attempt, owned by nobody: the step fails and says so."""
    for number in (None, *range(8)):
        simulation = Simulation(lambda clock: by_rules(), plan=Plan(crash_at=number, moment=moment))
        uid = simulation.submit("etl", STEPS, suspend=True)
        simulation.later(0, lambda client, uid=uid: client.create(JOBS, json.dumps(foreign(uid)).encode(), "default"))
        simulation.later(1, patch_flow({"spec": {"suspend": False}}, "etl"))
        state = simulation.run()["etl"]
        assert simulation.history.violations == [], number
        assert (state["steps"]["a"], state["jobs"]) == (("Failed", "ResourceConflict", 0), []), number


def foreign(uid: str) -> Object:
    """Somebody else's Job in the place of the first attempt of step a."""
    made: Object = STEPS[0]["template"]
    name = job_name("etl", uid, "a", 1)
    labels = {LABEL_FLOW: "etl", LABEL_STEP: "a", "workflow.zen.io/attempt": "1", "workflow.zen.io/flow-uid": uid}
    spec = {**made["spec"], "suspend": True}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels}, "spec": spec}
