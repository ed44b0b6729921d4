"""A flow that stands still says why, to the second; suspended, refused, edited or beside a bad one, it keeps on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.life import Life
from tests.simulation.shapes import Shape, step
from tests.support.clock import VirtualClock
from zenflow.api.names import LABEL_STEP
from zenflow.controller.objects import JOBFLOWS, JOBS, PODS
from zenflow.local.apiserver.admission import AdmissionRequest, AdmissionResponse, Operation
from zenflow.local.containers.script import Outcome, Rule, Script, by_rules
from zenflow.runtime.transport import Request

TWO = Shape("two", [step("a"), step("b", "a")])
RETRY = {"retryPolicy": {"limit": 1, "backoff": {"type": "Fixed", "duration": "10s"}}}
FLAKY = Shape("flaky", [step("a", **RETRY), step("b", "a")], failures=(("a", 1),))
ALLOWED = AdmissionResponse()
HALF_A_MINUTE = 30.0
# What nobody waits for is written together, 50 ms later; times in status are whole seconds.
GATHERED = 0.1


class Gate:
    """An API server that refuses to create objects of one type until it is opened."""

    def __init__(self, plural: str, message: str) -> None:
        self._plural, self._message = plural, message
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def admit(self, request: AdmissionRequest) -> AdmissionResponse:
        is_meant = request.resource.plural == self._plural and request.operation is Operation.CREATE
        return AdmissionResponse(allowed=False, message=self._message) if is_meant and not self.is_open else ALLOWED


def steps_of(life: Life, name: str) -> dict[str, tuple[str, str | None]]:
    """Phase and reason of each step."""
    return {each["name"]: (each["phase"], each.get("reason")) for each in life.status(name).get("steps", ())}


def lacking(step_name: str) -> Callable[[VirtualClock], Script]:
    """A container that waits for a ConfigMap."""
    rule = Rule({LABEL_STEP: step_name}, (Outcome(lacks='configmap "nowhere" not found'),))
    return lambda clock: by_rules(rule, otherwise=Outcome(seconds=2.0))


# --- half a minute ---


@pytest.mark.proves("troubleshooting.half-a-minute")
def test_a_stuck_container_is_told_of_after_exactly_half_a_minute() -> None:
    """Most troubles pass by themselves before; this one is in status and message from then on, with its beginning."""
    life = Life(lacking("a"))
    life.submit("two", TWO.steps)
    life.until(lambda: life.names(JOBS))
    [job] = life.names(JOBS)
    began = life.now
    life.until_time(began + HALF_A_MINUTE - 0.5)
    assert steps_of(life, "two")["a"] == ("Running", None)
    life.until_time(began + HALF_A_MINUTE + GATHERED)
    assert steps_of(life, "two")["a"] == ("Running", "CreateContainerConfigError")
    [stuck, _] = life.status("two")["steps"]
    assert stuck["waitingSince"] == (life.get(JOBS, job) or {})["metadata"]["creationTimestamp"]
    message = life.status("two")["message"]
    assert all(part in message for part in ("Step a waits since", 'configmap "nowhere" not found', "Remedy:"))


@pytest.mark.proves("troubleshooting.half-a-minute", "troubleshooting.no-pods")
def test_a_job_whose_pods_are_refused_is_told_of_after_exactly_half_a_minute_and_no_longer_than_it_lasts() -> None:
    """Neither Job nor Pod says anything; allowed, the step goes on as if nothing had been."""
    gate = Gate("pods", 'violates PodSecurity "restricted:latest"')
    life = Life(TWO.script(), admission=(gate.admit,))
    life.submit("two", TWO.steps)
    life.until(lambda: life.names(JOBS))
    began = life.now
    life.until_time(began + HALF_A_MINUTE - 0.5)
    assert steps_of(life, "two")["a"] == ("Running", None)
    life.until_time(began + HALF_A_MINUTE + GATHERED)
    assert steps_of(life, "two")["a"] == ("Running", "NoPods")
    assert "kubectl describe job" in life.status("two")["message"]
    gate.open()
    end = life.run()
    assert (end["two"]["phase"], end["two"]["jobs"]) == ("Succeeded", [("a", 1), ("b", 1)])
    assert all("waitingSince" not in each for each in life.status("two")["steps"])


def test_a_pod_that_comes_at_last_is_told_of_at_once() -> None:
    """Events are asked again after minutes only; until then a status would say that there is no Pod, beside one."""
    gate = Gate("pods", "not yet")
    life = Life(lambda clock: by_rules(otherwise=Outcome(seconds=3600.0)), admission=(gate.admit,))
    life.submit("two", TWO.steps)
    life.until_time(400.0)
    assert steps_of(life, "two")["a"] == ("Running", "NoPods")
    gate.open()
    life.until(lambda: life.names(PODS))
    life.until_time(life.now + 1.0)
    assert steps_of(life, "two")["a"] == ("Running", None)


@pytest.mark.proves("troubleshooting.asks-rarely")
def test_events_are_asked_for_rarely_and_only_where_something_is_stuck() -> None:
    """In a day some hundred and fifty times for a Job without Pods, never for a flow that goes well."""
    good = Life(TWO.script())
    good.submit("two", TWO.steps)
    good.run()
    assert asked(good) == 0
    gate = Gate("pods", "never")
    bad = Life(TWO.script(), admission=(gate.admit,))
    bad.submit("two", TWO.steps)
    bad.until_time(86_400)
    assert 100 <= asked(bad) <= 150


def asked(life: Life) -> int:
    return sum(request.method == "GET" and request.path.endswith("/events") for request in life.transport.sent)


@pytest.mark.proves("troubleshooting.refused-creates")
@pytest.mark.parametrize(
    ("message", "reason"),
    [("exceeded quota: q, requested: count/jobs.batch=1", "QuotaExceeded"), ("no right to create jobs", "Forbidden")],
    ids=["quota", "rights"],
)
def test_a_refused_job_is_waited_for_and_costs_no_attempt(message: str, reason: str) -> None:
    """In the server's words, since when, and tried again at least once a minute."""
    gate = Gate("jobs", message)
    life = Life(TWO.script(), admission=(gate.admit,))
    life.submit("two", TWO.steps)
    life.until_time(200)
    assert steps_of(life, "two")["a"] == ("Pending", reason)
    [held, _] = life.status("two")["steps"]
    assert message in held["message"]
    assert held["waitingSince"] == "2026-01-01T00:00:00Z"
    gate.open()
    life.until(lambda: life.names(JOBS))
    assert life.now <= 260
    end = life.run()
    assert end["two"]["steps"]["a"] == ("Succeeded", None, 0)


# --- suspended ---


def suspend(life: Life, name: str, value: bool) -> None:
    life.patch(name, {"spec": {"suspend": value}})


@pytest.mark.proves("suspend.nothing-new-starts", "suspend.lifted", "suspend.crash")
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("shape", [TWO, FLAKY], ids=lambda shape: shape.name)
def test_nothing_starts_while_suspended_wherever_the_controller_crashes(shape: Shape, moment: Moment) -> None:
    """Suspended while its first Job runs, lifted a minute later; a retry that was due meanwhile is made then."""

    def run(plan: Plan) -> Life:
        life = Life(shape.script(), plan=plan)
        life.submit(shape.name, shape.steps)
        life.at(1.5, lambda: suspend(life, shape.name, True))
        life.at(60, lambda: suspend(life, shape.name, False))
        life.until_time(59)
        assert len(life.names(JOBS)) == 1, plan
        assert life.status(shape.name)["phase"] == "Suspended", plan
        assert "Suspended" in {reason for _, reason in steps_of(life, shape.name).values()}, plan
        life.run()
        return life

    yardstick = run(Plan())
    for number in range(len(yardstick.transport.requests)):
        life = run(Plan(crash_at=number, moment=moment))
        assert life.history.end_state() == yardstick.history.end_state()
        assert life.broken_promises() == []


@pytest.mark.proves("suspend.created-suspended")
def test_a_flow_suspended_before_it_started_is_in_nobody_s_way() -> None:
    """It neither holds up the others of its group nor replaces one, until it is lifted."""
    life = Life(TWO.script())
    group = {"concurrencyGroup": "g"}
    life.submit("held", TWO.steps, suspend=True, executionPolicy=group)
    life.at(2, lambda: life.submit("runs", TWO.steps, executionPolicy=group))
    replacing = {**group, "concurrencyPolicy": "Replace"}
    life.at(3, lambda: life.submit("later", TWO.steps, suspend=True, executionPolicy=replacing))
    life.until(lambda: life.status("runs").get("phase") == "Succeeded")
    assert life.status("held")["phase"] == life.status("later")["phase"] == "Suspended"
    suspend(life, "later", False)
    life.until(lambda: life.status("later").get("phase") == "Succeeded")
    assert life.status("held")["phase"] == "Suspended"


# --- edits that nobody refused ---


@pytest.mark.proves("changes.bypassed")
def test_an_edit_that_bypassed_admission_runs_what_the_spec_says_now() -> None:
    """A new step runs; the Job of one that is no more is deleted; what has ended stays as it ended."""
    life = Life(TWO.script())
    life.submit("two", TWO.steps)
    life.at(3, lambda: life.patch("two", {"spec": {"steps": [step("a"), step("c", "a")]}}))
    life.until(lambda: "completionTime" in life.status("two"))
    assert steps_of(life, "two") == {"a": ("Succeeded", None), "c": ("Succeeded", None)}
    life.until_time(life.now + 30)
    assert {name.split("-")[1] for name in life.names(JOBS)} == {"a", "c"}
    assert life.broken_promises() == []


@pytest.mark.proves("changes.bypassed-bad", "changes.all-problems")
@pytest.mark.parametrize("moment", Moment)
def test_a_bad_edit_ends_the_flow_with_all_its_problems_wherever_the_controller_crashes(moment: Moment) -> None:
    """What runs is deleted, nothing is started, and the flow is kept as long as it asked to be."""
    bad = [step("a", "b"), step("b", "a"), step("c", "nowhere")]

    def run(plan: Plan) -> Life:
        life = Life(TWO.script(), plan=plan)
        life.submit("two", TWO.steps, executionPolicy={"ttlSecondsAfterFinished": 100})
        life.at(1, lambda: life.patch("two", {"spec": {"steps": bad}}))
        life.until(lambda: "completionTime" in life.status("two"))
        status = life.status("two")
        assert status["phase"] == "Failed"
        assert [one["reason"] for one in status["conditions"]] == ["InvalidSpec"]
        assert all(part in status["message"] for part in ("a -> b -> a", '"nowhere"')), status["message"]
        life.until_time(life.now + 30)
        assert life.names(JOBS) == []
        assert life.broken_promises() == []
        life.until(lambda: life.get(JOBFLOWS, "two") is None)
        assert life.now < 110
        return life

    for number in range(len(run(Plan()).transport.requests)):
        run(Plan(crash_at=number, moment=moment))


@pytest.mark.proves("changes.policy-takes-effect", "changes.deadline")
def test_a_shorter_deadline_counts_from_the_same_start() -> None:
    """To the second."""
    life = Life(lambda clock: by_rules(otherwise=Outcome(seconds=None)))
    life.submit("two", TWO.steps, executionPolicy={"activeDeadlineSeconds": 1000})
    life.at(10, lambda: life.patch("two", {"spec": {"executionPolicy": {"activeDeadlineSeconds": 20}}}))
    life.until(lambda: "completionTime" in life.status("two"))
    assert life.now == 20
    assert life.history.end_state()["two"]["phase"] == "Failed"


# --- bad neighbours ---


@pytest.mark.proves("changes.one-bad-flow")
def test_bad_flows_slow_no_other() -> None:
    """Beside twenty that are invalid and one that is refused again and again a good one ends at the same moment.

    Time that nothing waits for does not pass here: what working on the bad ones would take is counted in looks.
    """

    def good_end(*bad: dict[str, Any]) -> tuple[float, float]:
        life = Life(FLAKY.script(), admission=(refuse_jobs_of("refused"),))
        for number, spec in enumerate(bad):
            life.submit(f"bad-{number}", **spec)
        if bad:
            life.submit("refused", [step("a")])
        life.submit("good", FLAKY.steps)
        life.until(lambda: life.status("good").get("phase") == "Succeeded")
        return life.now, life.replica.reconciles

    cycle = {"steps": [step("a", "b"), step("b", "a")]}
    (alone, looks), (beside, more) = good_end(), good_end(*[cycle] * 20)
    assert beside == alone
    assert more - looks <= 20 * 2 + 8


def refuse_jobs_of(flow: str) -> Callable[[AdmissionRequest], AdmissionResponse]:
    def admit(request: AdmissionRequest) -> AdmissionResponse:
        is_job = request.resource.plural == "jobs" and request.operation is Operation.CREATE
        labels = (request.object or {}).get("metadata", {}).get("labels", {})
        refused = is_job and labels.get("jobflow") == flow
        return AdmissionResponse(allowed=False, message="exceeded quota: none") if refused else ALLOWED

    return admit


# --- what is kept ---


def test_notes_of_a_flow_that_goes_while_it_is_looked_at_go_too() -> None:
    """Its deletion is heard of in the middle of the look, which notes what it has just created."""
    life = Life(TWO.script())

    def delete_and_hear(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/jobs"):
            life.delete(JOBFLOWS, request_flow(request))
            life.replica.read()

    life.transport.before_each = delete_and_hear
    for number in range(3):
        life.submit(f"gone-{number}", TWO.steps)
    life.settle(30)
    assert life.names(JOBFLOWS) == []
    assert noted(life) == 0


def test_an_ended_flow_leaves_no_notes() -> None:
    life = Life(TWO.script())
    life.submit("done", TWO.steps)
    life.run()
    life.patch("done", {"metadata": {"annotations": {"note": "looked at again"}}})
    life.settle(30)
    assert noted(life) == 0


def request_flow(request: Request) -> str:
    found: str = json.loads(request.body)["metadata"]["labels"]["jobflow"]
    return found


def noted(life: Life) -> int:
    """Of how many flows the controller has notes."""
    return len(life.replica.app.loop._reconciler._observer._memory)
