"""What holds each rule of a controller that survives: a run in which it matters, and the code without it.

A run raises AssertionError where a promise to users is broken or a flow stands for ever. It passes on the code as it
is; with the rule taken out it must not.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from tests.simulation.faults import Plan
from tests.simulation.replicas import Pair
from tests.simulation.shapes import CHAIN, DIAMOND, Shape, step
from tests.simulation.stories import DEAF, FAILS, HANGS, OK, Story, delete_jobs_of, refuse_jobs, retrying, with_job
from tests.simulation.streams import FirstWatchFallsSilent, LateWatches, OldCaches
from tests.simulation.world import Simulation
from zenflow.api import names, validation
from zenflow.controller import app, applier, observer
from zenflow.controller.applier import Applier
from zenflow.controller.objects import JOBFLOWS, JOBS
from zenflow.controller.observer import Observer
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.dag import walk
from zenflow.dag.snapshot import Outcome
from zenflow.local.containers.script import Outcome as Ending
from zenflow.local.containers.script import by_rules
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.errors import AlreadyExists, RuntimeFault
from zenflow.runtime.leader import FencedTransport
from zenflow.runtime.loop import Loop, Result
from zenflow.runtime.transport import Request

Patch = pytest.MonkeyPatch
ONE = Shape("one", [step("a")])


@dataclass(frozen=True)
class Rule:
    """`number` is that of the rule in docs/guarantees or the design; `without` takes it out of the code."""

    number: int
    name: str
    run: Callable[[], None]
    without: Callable[[Patch], None]


RULES: list[Rule] = []


def rule(number: int, without: Callable[[Patch], None]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A decorator for the run in which the rule matters."""

    def register(run: Callable[[], None]) -> Callable[[], None]:
        RULES.append(Rule(number, f"{run.__name__}-{without.__name__}", run, without))
        return run

    return register


def promises_hold(simulation: Simulation) -> None:
    assert simulation.history.violations == []


# --- 1: names are functions of identity; AlreadyExists is success only if it is ours ---


def names_are_chosen_anew(patch: Patch) -> None:
    real, numbers = names.job_name, count()

    def chosen(flow: str, flow_uid: str, step: str, attempt: int) -> str:
        return f"{real(flow, flow_uid, step, attempt)[:50]}-{next(numbers)}"

    for module in (names, walk):
        patch.setattr(module, "job_name", chosen)


@rule(1, names_are_chosen_anew)
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


@rule(1, whatever_exists_is_ours)
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


@rule(2, deletes_name_no_uid)
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


@rule(2, deletes_name_no_uid)
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


@rule(2, statuses_name_no_version)
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


# --- 3: our own writes are waited for; absence is looked up ---


def no_barrier(patch: Patch) -> None:
    patch.setattr(Barrier, "is_ready", lambda self, key: True)


@rule(3, no_barrier)
def a_job_is_deleted_before_any_cache_has_shown_it() -> None:
    """One attempt is one Job, also when nobody but the API server ever saw it."""
    for seed in range(4):
        simulation = Simulation(ONE.script(), plan=Plan(lag=3.0), seed=seed)
        simulation.submit(ONE.name, ONE.steps)
        for hundredth in range(1, 40):
            simulation.later(hundredth / 100, delete_jobs_of("a"))
        simulation.run()
        promises_hold(simulation)


@rule(3, no_barrier)
def caches_that_lag_repeat_no_request() -> None:
    simulation = Simulation(DIAMOND.script(), plan=Plan(lag=5.0), seed=1)
    simulation.submit(DIAMOND.name, DIAMOND.steps)
    end = simulation.run()
    creations = [each for each in simulation.transport.requests if each.startswith("POST") and each.endswith("/jobs")]
    assert len(creations) == len(end[DIAMOND.name]["jobs"])


def a_cache_that_shows_nothing_is_believed(patch: Patch) -> None:
    patch.setattr(Observer, "_look_up", lambda self, *about: None)


@rule(3, a_cache_that_shows_nothing_is_believed)
def a_successor_whose_watch_of_jobs_is_late() -> None:
    """Its predecessor's last Job and report came after its lists; only of the report does it hear in time."""
    simulation = Simulation(lambda _: by_rules(otherwise=Ending(seconds=60.0)))
    successor = _successor(simulation)
    while not successor.app.has_synced:
        successor.read()
    simulation.submit(ONE.name, ONE.steps)
    simulation.settle(5)
    simulation.replica = successor
    end = simulation.run()
    assert end[ONE.name]["phase"] == "Succeeded"
    promises_hold(simulation)


def _successor(simulation: Simulation) -> Any:
    late = LateWatches(simulation.api.as_user("controller"), simulation.clock, "jobs", until=30.0)
    return type(simulation.replica)(late, simulation.clock, simulation.random, 1.0)


# --- 4: the first list is consistent ---


def lists_from_any_cache(patch: Patch) -> None:
    real = Client._list

    def hasty(self: Client, request: Request, *more: Any) -> Any:
        return real(self, replace(request, query=(*request.query, ("resourceVersion", "0"))), *more)

    patch.setattr(Client, "_list", hasty)


@rule(4, lists_from_any_cache)
def a_restart_while_an_api_servers_caches_are_old() -> None:
    """A Job that has ended is deleted by a person; the new process must not make it again."""
    for number in range(8, 20):
        plan = Plan(crash_at=number)
        simulation = Simulation(CHAIN.script(), plan=plan, between=lambda transport, _: OldCaches(transport))
        simulation.submit(CHAIN.name, CHAIN.steps)
        for name in "abcd":
            simulation.later(2.2 + 2 * "abcd".index(name), _delete_if_complete(name))
        simulation.run()
        promises_hold(simulation)


def _delete_if_complete(name: str) -> Callable[[Client], None]:
    def act(client: Client) -> None:
        for page in client.pages(JOBS, "default"):
            for item in map(json.loads, map(bytes, page.items)):
                is_done = any(each["type"] == "Complete" for each in item["status"].get("conditions", ()))
                if is_done and item["metadata"]["labels"][names.LABEL_STEP] == name:
                    client.delete(JOBS, item["metadata"]["name"], "default")

    return act


# --- 5: a retry starts when the Job has failed, not when it is about to ---


def failure_target_is_failure(patch: Patch) -> None:
    real = observer._outcome

    def early(job: Any) -> Any:
        target = job.condition("FailureTarget")
        if target is None or job.condition("Failed") is not None:
            return real(job)
        return Outcome.FAILED, target.last_transition_time, target.reason, target.message

    patch.setattr(observer, "_outcome", early)


@rule(5, failure_target_is_failure)
def a_retry_while_a_pod_of_the_attempt_before_will_not_end() -> None:
    """Past its Job's deadline the container hears no signal for half a minute."""
    made = with_job(retrying("a", 1, type="Fixed", duration="3s"), activeDeadlineSeconds=5)
    story = Story(made, outcomes={"a": [DEAF, OK]})
    assert story.spans("a")[1].start >= 5 + 30


# --- 6: silence is a fault ---


def silence_is_peace(patch: Patch) -> None:
    patch.setattr("tests.simulation.world.SETTINGS", _settings(watch_silence=1e9))


def _settings(**changes: Any) -> Any:
    from tests.simulation.world import SETTINGS

    return SETTINGS.model_copy(update=changes)


@rule(6, silence_is_peace)
def a_watch_that_is_dropped_without_a_word() -> None:
    """Whatever it had told before: the flow ends a minute or two later than it would have."""
    for lines in range(4):
        simulation = Simulation(
            CHAIN.script(),
            plan=Plan(lag=0.5),
            between=lambda transport, clock, lines=lines: FirstWatchFallsSilent(transport, clock, "jobs", lines),
        )
        simulation.submit(CHAIN.name, CHAIN.steps)
        simulation.run(10_000)
        assert simulation.clock.monotonic() < 300
        promises_hold(simulation)


# --- 7: a replica that lost its Lease writes nothing ---


def no_fence(patch: Patch) -> None:
    patch.setattr(FencedTransport, "send", lambda self, request: self._transport.send(request))


@rule(7, no_fence)
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


# --- 8: whoever is not done has a timer ---


def no_timers(patch: Patch) -> None:
    real = JobFlowReconciler.reconcile

    def forgetful(self: JobFlowReconciler, key: Key) -> Result:
        result = real(self, key)
        return result if result.requeue_after is None or result.requeue_after < 1 else Result()

    patch.setattr(JobFlowReconciler, "reconcile", forgetful)


@rule(8, no_timers)
def a_wait_for_a_retry_that_is_cut_by_a_crash() -> None:
    """The wait is computed anew by the next process."""
    for number in (None, *range(14)):
        made = retrying("a", 1, type="Fixed", duration="10m")
        story = Story(made, outcomes={"a": [FAILS, OK]}, plan=Plan(crash_at=number))
        assert story.waits("a") == [600]


# --- 9: the control plane's failures use up no attempt; one flow's failure touches no other ---


def any_refusal_is_final(patch: Patch) -> None:
    patch.setattr(applier, "BadRequest", RuntimeFault)


@rule(9, any_refusal_is_final)
def an_api_server_that_is_down_for_a_minute() -> None:
    story = Story(step("a"), admission=refuse_jobs(60, 503, "etcd has no leader"))
    assert (story.ending, len(story.spans("a"))) == ("Succeeded/StepsSucceeded", 1)


def exceptions_pass_through(patch: Patch) -> None:
    def retry(self: Loop, key: Key, error: Exception) -> None:
        raise AssertionError(f"{key} ends the loop") from error

    patch.setattr(Loop, "_retry", retry)


@rule(9, exceptions_pass_through)
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


# --- 10: the controller checks what admission let through ---


def admission_is_trusted(patch: Patch) -> None:
    patch.setattr(validation, "check", lambda *about, **more: ())


@rule(10, admission_is_trusted)
def a_cycle_that_no_admission_has_seen() -> None:
    """Nothing of it starts, and it ends with the reason."""
    simulation = Simulation(CHAIN.script())
    simulation.submit("cycle", [step("free"), step("a", "b"), step("b", "a")])
    end = simulation.run(2_000)
    assert (end["cycle"]["phase"], end["cycle"]["jobs"]) == ("Failed", [])
    conditions = {each["type"]: each["reason"] for each in simulation.flow("cycle")["status"]["conditions"]}
    assert conditions["Failed"] == "InvalidSpec"


def _exists(simulation: Simulation, name: str) -> bool:
    pages = simulation.as_user("user").pages(JOBS, "default")
    return any(json.loads(bytes(item))["metadata"]["name"] == name for page in pages for item in page.items)


__all__ = ["RULES", "app"]
