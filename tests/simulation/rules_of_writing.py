"""Runs in which it matters how the controller writes (rules 1, 2, 7 and 9 of `test_rules`)."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.simulation.faults import Plan
from tests.simulation.replicas import Pair
from tests.simulation.rule import ONE, Patch, Rules, promises_hold
from tests.simulation.shapes import CHAIN, DIAMOND, step
from tests.simulation.stories import HANGS, Story, refuse_jobs
from tests.simulation.world import Simulation
from zenflow.api import names
from zenflow.controller import applier
from zenflow.controller.applier import Applier
from zenflow.controller.objects import JOBFLOWS, JOBS
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.dag import walk
from zenflow.local.containers.script import by_rules
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.errors import AlreadyExists, RuntimeFault
from zenflow.runtime.leader import FencedTransport
from zenflow.runtime.loop import Loop, Result
from zenflow.runtime.transport import Request

RULES = Rules()

# --- 1: names are functions of identity; AlreadyExists is success only if it is ours ---


def names_are_chosen_anew(patch: Patch) -> None:
    real, numbers = names.job_name, count()

    def chosen(flow: str, flow_uid: str, step: str, attempt: int) -> str:
        return f"{real(flow, flow_uid, step, attempt)[:50]}-{next(numbers)}"

    for module in (names, walk):
        patch.setattr(module, "job_name", chosen)


@RULES.rule(1, names_are_chosen_anew)
def an_answer_that_is_lost() -> None:
    """The Job was made, its author does not know it, and its cache does not show it yet."""
    for number in range(12):
        simulation = Simulation(ONE.script(), plan=Plan(lose_at=number, lag=5.0))
        simulation.submit(ONE.name, ONE.steps)
        simulation.run()
        promises_hold(simulation)


def whatever_exists_is_ours(patch: Patch) -> None:
    real = Applier._create_or_find

    def trusting(self: Applier, flow: Any, action: Any, *more: Any) -> Any:
        try:
            return real(self, flow, action, *more)
        except AlreadyExists:
            name = names.job_name(flow.metadata.name, flow.metadata.uid, action.step.name, action.attempt)
            return self._client.get(JOBS, name, flow.metadata.namespace)

    patch.setattr(Applier, "_create_or_find", trusting)


@RULES.rule(1, whatever_exists_is_ours)
def a_strangers_job_under_our_name() -> None:
    """It ends well; the step must not."""
    simulation = Simulation(ONE.script())
    uid = simulation.submit(ONE.name, ONE.steps)
    body = {"metadata": {"name": names.job_name(ONE.name, uid, "a", 1)}, **ONE.steps[0]["template"]}
    simulation.as_user("stranger").create(JOBS, json.dumps(body).encode(), "default")
    end = simulation.run(2_000)
    assert end[ONE.name]["steps"]["a"][:2] == ("Failed", "ResourceConflict")
    promises_hold(simulation)


# --- 2: deletes name a UID, status writes a version ---


def deletes_name_no_uid(patch: Patch) -> None:
    real = Client.delete

    def careless(self: Client, *place: Any, **options: Any) -> bytes:
        return real(self, *place, **{**options, "uid": "", "resource_version": ""})

    patch.setattr(Client, "delete", careless)


def just_before(simulation: Simulation, method: str, plural: str, act: Callable[[Request], object]) -> None:
    """Somebody is quicker than the controller's first such request, once."""
    done: list[Request] = []

    def look(request: Request) -> None:
        parts = request.path.split("/")
        if request.method == method and plural in parts[-3:] and not done:
            done.append(request)
            act(request)

    simulation.transport.before_each = look


@RULES.rule(2, deletes_name_no_uid)
def a_strangers_job_takes_the_place_of_one_that_is_to_be_deleted() -> None:
    hangs = by_rules(otherwise=HANGS)
    simulation = Simulation(lambda _: hangs)
    simulation.submit("slow", [{**step("a"), "timeoutSeconds": 5}])
    user = simulation.as_user("stranger")

    def replace_job(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        user.delete(JOBS, name, "default")
        while _exists(simulation, name):
            simulation.step_cluster()
        user.create(JOBS, json.dumps({"metadata": {"name": name}, **step("a")["template"]}).encode(), "default")

    just_before(simulation, "DELETE", "jobs", replace_job)
    simulation.run()
    promises_hold(simulation)


@RULES.rule(2, deletes_name_no_uid)
def a_new_flow_takes_the_name_of_one_that_is_to_be_cleaned_up() -> None:
    simulation = Simulation(ONE.script())
    simulation.submit(ONE.name, ONE.steps, executionPolicy={"ttlSecondsAfterFinished": 5})
    made: list[str] = []

    def make_anew(request: Request) -> None:
        simulation.as_user("user").delete(JOBFLOWS, ONE.name, "default")
        made.append(simulation.submit(ONE.name, ONE.steps))

    just_before(simulation, "DELETE", "jobflows", make_anew)
    simulation.settle(4)
    assert not simulation.history.is_deleted(simulation.history.flow(ONE.name))
    simulation.settle(4)
    assert made
    assert not simulation.history.is_deleted(simulation.history.flow(ONE.name))


def statuses_name_no_version(patch: Patch) -> None:
    real = Client.patch

    def blind(self: Client, resource: Any, name: str, body: bytes, *place: Any, **options: Any) -> bytes:
        if resource == JOBFLOWS and options.get("subresource") == "status":
            operations = [each for each in json.loads(body) if "resourceVersion" not in each["path"]]
            body = json.dumps(operations).encode()
        return real(self, resource, name, body, *place, **options)

    patch.setattr(Client, "patch", blind)


@RULES.rule(2, statuses_name_no_version)
def a_new_flow_takes_the_name_of_one_whose_end_is_being_written() -> None:
    """It has not run, so it has not ended."""
    simulation = Simulation(ONE.script())
    first = simulation.submit(ONE.name, ONE.steps)
    made: list[str] = []

    def make_anew(request: Request) -> None:
        simulation.as_user("user").delete(JOBFLOWS, ONE.name, "default")
        made.append(simulation.submit(ONE.name, ONE.steps))

    def when_it_ends(request: Request) -> None:
        if request.path.endswith("/status") and b'"Succeeded"' in request.body and not made:
            make_anew(request)

    simulation.transport.before_each = when_it_ends
    simulation.run(2_000)
    assert made[0] != first
    assert simulation.history.jobs(ONE.name, "a"), "it is called ended and has never had a Job"
    promises_hold(simulation)


# --- 7: a replica that lost its Lease writes nothing ---


def no_fence(patch: Patch) -> None:
    patch.setattr(FencedTransport, "send", lambda self, request: self._transport.send(request))


@RULES.rule(7, no_fence)
def a_leader_is_stopped_at_each_write_and_goes_on_after_another_has_led() -> None:
    alone = Pair(DIAMOND)
    end = alone.run()
    assert end[DIAMOND.name]["phase"] == "Succeeded"
    for number in range(alone.first.transport.writes):
        pair = Pair(DIAMOND, stop_at=number)
        state = pair.run()
        assert pair.stopped_at is not None
        assert [f"{each.method} {each.path}" for each in pair.writes_after_the_stop()] == []
        assert state[DIAMOND.name]["phase"] == end[DIAMOND.name]["phase"], number
        assert pair.history.violations == []


# --- 9: the control plane's failures use up no attempt; one flow's failure touches no other ---


def any_refusal_is_final(patch: Patch) -> None:
    patch.setattr(applier, "BadRequest", RuntimeFault)


@RULES.rule(9, any_refusal_is_final)
def an_api_server_that_is_down_for_a_minute() -> None:
    story = Story(step("a"), admission=refuse_jobs(60, 503, "etcd has no leader"))
    assert (story.ending, len(story.spans("a"))) == ("Succeeded/StepsSucceeded", 1)


def exceptions_pass_through(patch: Patch) -> None:
    def retry(self: Loop, key: Key, error: Exception) -> None:
        raise AssertionError(f"{key} ends the loop") from error

    patch.setattr(Loop, "_retry", retry)


@RULES.rule(9, exceptions_pass_through)
def a_flow_that_raises_in_every_reconcile() -> None:
    """Its neighbour ends as if it were alone."""
    real = JobFlowReconciler.reconcile

    def poisoned(self: JobFlowReconciler, key: Key) -> Result:
        if key.name == "poison":
            raise ZeroDivisionError("poison")
        return real(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFlowReconciler, "reconcile", poisoned)
        simulation = Simulation(CHAIN.script())
        simulation.submit("poison", CHAIN.steps)
        simulation.submit(CHAIN.name, CHAIN.steps)
        simulation.settle(30)
    assert simulation.history.end_state()[CHAIN.name]["phase"] == "Succeeded"


def _exists(simulation: Simulation, name: str) -> bool:
    pages = simulation.as_user("user").pages(JOBS, "default")
    return any(json.loads(bytes(item))["metadata"]["name"] == name for page in pages for item in page.items)
