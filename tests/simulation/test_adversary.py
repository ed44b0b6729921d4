"""Somebody plants Jobs and Pods beside a flow's own: no promise is broken, and no step ends by what is not its Job.

The flow's first step runs for a minute, so that all is planted after the time in which an earlier process may still be
heard of. What is planted says so in an annotation, for the witness; the controller reads no such thing.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.objects import PLANTED
from tests.simulation.shapes import step
from tests.simulation.stories import retrying
from tests.simulation.world import Simulation
from tests.support.children import job_metadata, pod_metadata
from zenflow.api.names import LABEL_ATTEMPT, LABEL_STEP
from zenflow.controller.objects import JOBS, PODS
from zenflow.local.containers.script import Outcome, Rule, by_rules
from zenflow.runtime.client import Client

FLOW = "etl"
STEPS = (step("a"), retrying("b", 1, type="Fixed", duration="5s") | {"dependencies": ["a"]}, step("c", "b"))
EXPECTED = {"a": ("Succeeded", None, 0), "b": ("Succeeded", None, 1), "c": ("Succeeded", None, 0)}
MINUTE = Rule({LABEL_STEP: "a"}, (Outcome(seconds=60.0),))
FAILS_FIRST = Rule({LABEL_STEP: "b", LABEL_ATTEMPT: "1"}, (Outcome(seconds=2.0, exit_code=1),))


def plant_job(uid: str, step_name: str, attempt: str, name: str = "") -> Callable[[Client], Any]:
    """A Job with the labels of an attempt, the flow as its owner, and the name given, else the right one."""
    number = int(attempt) if attempt.isdecimal() else 1

    def act(client: Client) -> None:
        metadata = job_metadata(FLOW, uid, step_name, number, annotations={PLANTED: ""})
        metadata["labels"][LABEL_ATTEMPT] = attempt
        metadata["name"] = name or metadata["name"]
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": STEPS[0]["template"]["spec"]}
        client.create(JOBS, json.dumps(body).encode(), "default")

    return act


def run(plants: list[tuple[float, str, str, str]], plan: Plan | None = None) -> tuple[Simulation, dict[str, Any]]:
    """The flow with what is planted beside it, at seconds since the beginning."""
    script = by_rules(MINUTE, FAILS_FIRST, otherwise=Outcome(seconds=2.0))
    simulation = Simulation(lambda _: script, plan=plan)
    uid = simulation.submit(FLOW, STEPS)
    for seconds, step_name, attempt, name in plants:
        simulation.later(seconds, plant_job(uid, step_name, attempt, name))
    return simulation, simulation.run()[FLOW]


ODD = [
    (40.0, "b", "1", "forged-1"),
    (41.0, "c", "1", "forged-2"),
    (42.0, "b", "999", "forged-3"),
    (43.0, "b", "01", "forged-4"),
    (44.0, "zzz", "1", ""),
    (45.0, "b", "500", ""),
    (63.0, "b", "2", "forged-5"),
]


def test_jobs_that_look_like_attempts_change_nothing() -> None:
    """Names, numbers and steps of all kinds; one beside an attempt that runs."""
    simulation, end = run(ODD)
    assert simulation.history.violations == []
    assert (end["phase"], end["steps"]) == ("Succeeded", EXPECTED)
    assert end["jobs"] == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]


@pytest.mark.parametrize("moment", Moment)
def test_nor_do_they_through_a_crash_at_any_request(moment: Moment) -> None:
    """A new process finds them among the Jobs that it inherits."""
    requests = len(run(ODD)[0].transport.requests)
    for number in range(0, requests, 3):
        simulation, end = run(ODD, Plan(crash_at=number, moment=moment))
        assert simulation.history.violations == [], number
        assert (end["phase"], end["steps"]) == ("Succeeded", EXPECTED), number


@pytest.mark.parametrize(("step_name", "attempt"), [("b", "1"), ("b", "2"), ("c", "1")])
def test_a_job_in_the_very_place_of_an_attempt_is_a_conflict(step_name: str, attempt: str) -> None:
    """It ran to its end long before; nothing behind the step runs, and it is left alone."""
    simulation, end = run([(40.0, step_name, attempt, "")])
    assert simulation.history.violations == []
    assert end["steps"][step_name][:2] == ("Failed", "ResourceConflict")
    assert (step_name, int(attempt)) not in end["jobs"]


def test_a_pod_that_comes_after_a_failure_does_not_undo_it() -> None:
    """The policy ignores 42, and somebody gives the failed Job a Pod that ends so."""
    script = by_rules(FAILS_FIRST, otherwise=Outcome(seconds=2.0))
    simulation = Simulation(lambda _: script)
    rule = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}
    policy = {"podFailurePolicy": {"rules": [rule]}}
    steps = [retrying("b", 1, type="Fixed", duration="20s")]
    uid = simulation.submit(FLOW, steps, executionPolicy=policy)
    simulation.later(10, lambda client: plant_pod(client, uid))
    end = simulation.run()[FLOW]
    assert simulation.history.violations == []
    assert end["jobs"] == [("b", 1), ("b", 2)]
    assert end["steps"]["b"] == ("Succeeded", None, 1)


def plant_pod(client: Client, uid: str) -> None:
    job = job_metadata(FLOW, uid, "b")
    job_uid = json.loads(client.get(JOBS, job["name"], "default"))["metadata"]["uid"]
    pod = pod_metadata(job, job_uid, "forged")
    spec = STEPS[0]["template"]["spec"]["template"]["spec"]
    client.create(
        PODS, json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec}).encode(), "default"
    )
    ended = {"terminated": {"exitCode": 42, "reason": "Error"}}
    status = {"name": "main", "ready": False, "restartCount": 0, "image": "", "imageID": "", "state": ended}
    patch = json.dumps({"status": {"phase": "Failed", "containerStatuses": [status]}}).encode()
    client.patch(PODS, pod["name"], patch, "default", subresource="status")
