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
from tests.simulation.stories import patch_flow, retrying
from tests.simulation.world import Simulation
from tests.support.children import job_metadata, pod_metadata
from zenflow.api.names import LABEL_ATTEMPT, LABEL_STEP
from zenflow.controller.objects import CONFIG_MAPS, JOBS, PODS
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


def test_a_job_behind_a_gate_is_not_inherited_by_a_process_that_has_just_begun() -> None:
    """In its first seconds a new process may find Jobs that it does not know; this one nobody can have made."""
    simulation = Simulation(lambda _: by_rules(otherwise=Outcome(seconds=2.0)))
    steps = ({"name": "gate", "type": "Manual"}, step("b", "gate"), step("c", "b"))
    uid = simulation.submit(FLOW, steps, executionPolicy={"activeDeadlineSeconds": 100})
    simulation.later(5, plant_job(uid, "b", "1"))
    end = simulation.run()[FLOW]
    assert simulation.history.violations == []
    assert (end["phase"], end["jobs"]) == ("Failed", [])
    assert {phase for phase, _, _ in end["steps"].values()} == {"Skipped"}


def test_a_job_that_was_there_before_its_cause_is_a_conflict_when_its_turn_comes() -> None:
    """Planted while the process begins, long before the step that it depends on has ended."""
    script = by_rules(Rule({LABEL_STEP: "a"}, (Outcome(seconds=100.0),)), otherwise=Outcome(seconds=2.0))
    simulation = Simulation(lambda _: script)
    uid = simulation.submit(FLOW, STEPS)
    simulation.later(5, plant_job(uid, "b", "1"))
    end = simulation.run()[FLOW]
    assert simulation.history.violations == []
    assert (end["steps"]["b"], end["jobs"]) == (("Failed", "ResourceConflict", 0), [("a", 1)])


@pytest.mark.parametrize(("text", "phase"), [("echo hello", "Succeeded"), ("echo EVIL", "Failed")])
def test_a_config_map_under_a_templates_name_counts_by_its_contents(text: str, phase: str) -> None:
    """The owner reference names the flow, whoever has written it."""
    simulation = Simulation(lambda _: by_rules(otherwise=Outcome(seconds=2.0)))
    templates = {"configMapTemplates": [{"metadata": {"name": "script"}, "data": {"run.sh": "echo hello"}}]}
    uid = simulation.submit(FLOW, [step("a")], resourceTemplates=templates, suspend=True)
    owners = job_metadata(FLOW, uid)["ownerReferences"]
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script", "ownerReferences": owners}}
    planted = json.dumps({**body, "data": {"run.sh": text}}).encode()
    simulation.later(1, lambda client: client.create(CONFIG_MAPS, planted, "default"))
    simulation.later(2, patch_flow({"spec": {"suspend": False}}, FLOW))
    end = simulation.run()[FLOW]
    assert simulation.history.violations == []
    assert (end["phase"], bool(end["jobs"])) == (phase, phase == "Succeeded")
