"""Runs in which it matters what the controller believes, and when it looks again (rules 3 to 6, 8 and 10)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.simulation import world
from tests.simulation.faults import Plan
from tests.simulation.rule import ONE, Patch, Rules, promises_hold
from tests.simulation.shapes import CHAIN, DIAMOND, step
from tests.simulation.stories import DEAF, FAILS, OK, Story, delete_jobs_of, retrying, with_job
from tests.simulation.streams import FirstWatchFallsSilent, LateWatches, OldCaches
from tests.simulation.world import Simulation
from zenflow.api import names, validation
from zenflow.controller import observer
from zenflow.controller.objects import JOBS
from zenflow.controller.observer import Observer
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.dag.snapshot import Outcome
from zenflow.local.containers.script import Outcome as Ending
from zenflow.local.containers.script import by_rules
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.loop import Result
from zenflow.runtime.transport import Request

RULES = Rules()

# --- 3: our own writes are waited for; absence is looked up ---


def no_barrier(patch: Patch) -> None:
    patch.setattr(Barrier, "is_ready", lambda self, key: True)


@RULES.rule(3, no_barrier)
def a_job_is_deleted_before_any_cache_has_shown_it() -> None:
    """One attempt is one Job, also when nobody but the API server ever saw it."""
    for seed in range(4):
        simulation = Simulation(ONE.script(), plan=Plan(lag=3.0), seed=seed)
        simulation.submit(ONE.name, ONE.steps)
        for hundredth in range(1, 40):
            simulation.later(hundredth / 100, delete_jobs_of("a"))
        simulation.run()
        promises_hold(simulation)


@RULES.rule(3, no_barrier)
def caches_that_lag_repeat_no_request() -> None:
    simulation = Simulation(DIAMOND.script(), plan=Plan(lag=5.0), seed=1)
    simulation.submit(DIAMOND.name, DIAMOND.steps)
    end = simulation.run()
    creations = [each for each in simulation.transport.requests if each.startswith("POST") and each.endswith("/jobs")]
    assert len(creations) == len(end[DIAMOND.name]["jobs"])


def a_cache_that_shows_nothing_is_believed(patch: Patch) -> None:
    patch.setattr(Observer, "_look_up", lambda self, *about: None)


@RULES.rule(3, a_cache_that_shows_nothing_is_believed)
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


@RULES.rule(4, lists_from_any_cache)
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


@RULES.rule(5, failure_target_is_failure)
def a_retry_while_a_pod_of_the_attempt_before_will_not_end() -> None:
    """Past its Job's deadline the container hears no signal for half a minute."""
    made = with_job(retrying("a", 1, type="Fixed", duration="3s"), activeDeadlineSeconds=5)
    story = Story(made, outcomes={"a": [DEAF, OK]})
    assert story.spans("a")[1].start >= 5 + 30


# --- 6: silence is a fault ---


def silence_is_peace(patch: Patch) -> None:
    patch.setattr(world, "SETTINGS", world.SETTINGS.model_copy(update={"watch_silence": 1e9}))


@RULES.rule(6, silence_is_peace)
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


# --- 8: whoever is not done has a timer ---


def no_timers(patch: Patch) -> None:
    real = JobFlowReconciler.reconcile

    def forgetful(self: JobFlowReconciler, key: Key) -> Result:
        result = real(self, key)
        return result if result.requeue_after is None or result.requeue_after < 1 else Result()

    patch.setattr(JobFlowReconciler, "reconcile", forgetful)


@RULES.rule(8, no_timers)
def a_wait_for_a_retry_that_is_cut_by_a_crash() -> None:
    """The wait is computed anew by the next process."""
    for number in (None, *range(14)):
        made = retrying("a", 1, type="Fixed", duration="10m")
        story = Story(made, outcomes={"a": [FAILS, OK]}, plan=Plan(crash_at=number))
        assert story.waits("a") == [600]


# --- 10: the controller checks what admission let through ---


def admission_is_trusted(patch: Patch) -> None:
    patch.setattr(validation, "check", lambda *about, **more: ())


@RULES.rule(10, admission_is_trusted)
def a_cycle_that_no_admission_has_seen() -> None:
    """Nothing of it starts, and it ends with the reason."""
    simulation = Simulation(CHAIN.script())
    simulation.submit("cycle", [step("free"), step("a", "b"), step("b", "a")])
    end = simulation.run(2_000)
    assert (end["cycle"]["phase"], end["cycle"]["jobs"]) == ("Failed", [])
    conditions = {each["type"]: each["reason"] for each in simulation.flow("cycle")["status"]["conditions"]}
    assert conditions["Failed"] == "InvalidSpec"
