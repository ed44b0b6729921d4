"""What a flow and its steps are said to be, and what becomes of a flow that fails (semantics.md, sections 2 and 3)."""

import json
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, on_host_network, policy, retry, step
from tests.e2e.outcome import Outcome, assert_always
from tests.e2e.scenarios import Scenario, table
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed
from tests.support.waiting import eventually

GATE = {"name": "gate", "type": "Manual", "message": "Look at the backup first"}


def check_failing(outcome: Outcome) -> None:
    """What runs ends; nothing new begins: no step, no retry, no approval; what never ran says why."""
    assert outcome.phase == "Failed"
    assert {name: (each["phase"], each.get("reason")) for name, each in steps_of(outcome).items()} == {
        "bad": ("Failed", "JobFailed"),
        "unlucky": ("Failed", "FlowFailed"),
        "slow": ("Succeeded", None),
        "after-bad": ("Skipped", "DependencyFailed"),
        "after-slow": ("Skipped", "FlowFailed"),
        "gate": ("Skipped", "FlowFailed"),
    }
    assert [len(outcome.jobs(name)) for name in ("bad", "unlucky", "slow", "after-slow")] == [1, 1, 1, 0]
    assert "Step bad failed" in outcome.flow["status"]["message"]
    progress = outcome.progress
    assert (progress["totalSteps"], progress["completedSteps"], progress["summary"]) == (6, 6, "6/6")
    assert (progress["successfulSteps"], progress["failedSteps"], progress["skippedSteps"]) == (1, 2, 3)


def steps_of(outcome: Outcome) -> dict[str, Any]:
    return {each["name"]: each for each in outcome.flow["status"]["steps"]}


def check_branches(outcome: Outcome) -> None:
    """Each step waits for its own dependencies only, and what joins the branches for both."""
    assert outcome.phase == "Succeeded"
    quick, slow = outcome.jobs("transform-a")[0], outcome.jobs("extract-b")[0]
    assert slow.ended_at
    assert quick.created_at < slow.ended_at


def check_counted_by_conditions(outcome: Outcome) -> None:
    """One of its Pods fails and is made up for: the Job is Complete, whatever its counters say."""
    assert outcome.phase == "Succeeded"
    assert len(outcome.jobs("indexed")) == 1


FAILING = flow(
    "failing",
    step("bad", work=Work(seconds=2, codes=(1,)), job={"backoffLimit": 0}),
    step("unlucky", work=Work(codes=(1,)), **retry(1, duration="10m")),
    step("slow", work=Work(seconds=5)),
    step("after-bad", "bad"),
    step("after-slow", "slow"),
    {**GATE, "dependencies": ["slow"]},
)
SCENARIOS = (
    Scenario(
        FAILING,
        check_failing,
        (
            "order.failing-starts-nothing",
            "order.running-jobs-end",
            "order.skipped-says-why",
            "status.failed",
            "status.progress",
            "status.message",
        ),
    ),
    Scenario(
        flow(
            "branches",
            step("extract-a"),
            step("extract-b", work=Work(seconds=6)),
            step("transform-a", "extract-a"),
            step("transform-b", "extract-b"),
            step("merge", "transform-a", "transform-b"),
        ),
        check_branches,
        ("order.own-dependencies-only", "order.dependencies"),
    ),
    Scenario(
        flow("indexed", step("indexed", job={"completions": 2, "completionMode": "Indexed"})),
        check_counted_by_conditions,
        ("retries.outcome-by-conditions",),
    ),
)
PAUSED = flow("paused", GATE, step("beside", work=Work(seconds=2)), step("behind", "gate"))
SUSPENDED = flow("suspended", step("only"), suspend=True)
HALTED = flow("halted", step("before", work=Work(seconds=6)), step("after", "before"))


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(*on_host_network(*(scenario.flow for scenario in SCENARIOS), PAUSED, SUSPENDED, HALTED))
    return target


def suspend(target: Target, name: str, value: bool) -> None:
    patch = json.dumps({"spec": {"suspend": value}})
    target.kubectl.run("patch", "jobflow", name, "--type=merge", f"--patch={patch}")


def wait_for_phase(target: Target, name: str, phase: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        flow = target.flow(name)
        return flow if flow.get("status", {}).get("phase") == phase else None

    return eventually(reached, within=120, what=f"{name} is {phase}", else_show=lambda: target.story(name))


def conditions(flow: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in flow["status"].get("conditions", ())}


@pytest.mark.proves("status.suspended", "order.suspended-starts-nothing", "status.running")
def test_suspend_lets_run_what_runs_and_starts_nothing_new(submitted: Target) -> None:
    """Lifted, the flow goes on; it had ended by then otherwise."""
    running = submitted.wait_for_step("halted", "before", "Running")
    assert running["status"]["phase"] == "Running"
    suspend(submitted, "halted", True)
    halted = submitted.wait_for_step("halted", "before", "Succeeded")
    assert halted["status"]["phase"] == "Suspended"
    assert "spec.suspend" in halted["status"]["message"]
    outcome = Outcome(halted, submitted.recorder.record())
    assert outcome.jobs("after") == []
    suspend(submitted, "halted", False)
    assert submitted.finish("halted").phase == "Succeeded"


@pytest.mark.proves("status.suspended", "status.times")
def test_a_flow_that_is_created_suspended_has_not_started(submitted: Target) -> None:
    """No Job and no startTime, until it is lifted."""
    flow = wait_for_phase(submitted, "suspended", "Suspended")
    assert "startTime" not in flow["status"]
    assert submitted.recorder.record().attempts(flow["metadata"]["uid"]) == {}
    suspend(submitted, "suspended", False)
    outcome = submitted.finish("suspended")
    assert outcome.flow["status"]["observedGeneration"] == outcome.flow["metadata"]["generation"] == 2


@pytest.mark.proves("status.paused", "status.conditions")
def test_a_flow_is_paused_while_a_manual_step_asks_and_other_branches_go_on(submitted: Target) -> None:
    """Condition Paused comes and goes with it."""
    asked = submitted.wait_for_step("paused", "beside", "Succeeded")
    assert asked["status"]["phase"] == "Paused"
    assert conditions(asked)["Paused"] == ("True", "ApprovalRequired")
    gate = next(each for each in asked["status"]["steps"] if each["name"] == "gate")
    assert (gate["phase"], gate["message"]) == ("PendingApproval", GATE["message"])
    submitted.kubectl.run("annotate", "jobflow", "paused", "approved.workflow.zen.io/gate=true")
    outcome = submitted.finish("paused")
    assert outcome.phase == "Succeeded"
    assert conditions(outcome.flow)["Paused"][0] == "False"
    assert conditions(outcome.flow)["Complete"] == ("True", "StepsSucceeded")


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_a_flow_becomes_what_its_steps_make_of_it(submitted: Target, scenario: Scenario) -> None:
    outcome = submitted.finish(scenario.name)
    scenario.check(outcome)
    assert_always(outcome)


@pytest.mark.proves("status.steps", "status.times", "status.succeeded")
def test_a_step_tells_when_it_ran_and_by_which_job(submitted: Target) -> None:
    """Times in order, and the Job by name and UID."""
    outcome = submitted.finish("branches")
    status = outcome.flow["status"]
    assert [each["name"] for each in status["steps"]] == [each["name"] for each in outcome.flow["spec"]["steps"]]
    for each in status["steps"]:
        [job] = outcome.jobs(each["name"])
        assert each["jobRef"] == {"name": job.name, "uid": job.uid}
        assert status["startTime"] <= each["startTime"] <= each["completionTime"] <= status["completionTime"]


@pytest.mark.proves("status.final")
def test_a_final_status_never_changes(submitted: Target) -> None:
    """Its Jobs are deleted, it is suspended and patched: not one field moves."""
    before = submitted.finish("indexed").flow
    submitted.kubectl.run("delete", "jobs", "--selector=jobflow=indexed", "--wait=true")
    suspend(submitted, "indexed", True)
    submitted.submit(flow("bystander", step("only"), **policy(concurrencyGroup="indexed", concurrencyPolicy="Replace")))
    submitted.finish("bystander")
    assert submitted.flow("indexed")["status"] == before["status"]


@pytest.mark.proves("order.nothing-after-the-end")
def test_nothing_is_started_after_the_end(submitted: Target) -> None:
    """What it waited for comes and its Jobs go, as if nothing had run: no Job is made while another flow runs."""
    ended = submitted.finish("failing")
    uid = ended.flow["metadata"]["uid"]
    submitted.kubectl.run("annotate", "jobflow", "failing", "approved.workflow.zen.io/gate=true")
    submitted.kubectl.run("delete", "jobs", "--selector=jobflow=failing", "--wait=true")
    submitted.submit(flow("afterwards", step("only")))
    later = submitted.finish("afterwards").record
    assert set(later.attempts(uid)) == set(ended.record.attempts(uid)) == {(s, 1) for s in ("bad", "unlucky", "slow")}
    assert all(len(jobs) == 1 for jobs in later.attempts(uid).values())


@pytest.mark.proves("order.when-refused")
def test_an_expression_in_when_is_refused(target: Target) -> None:
    """By the API server, naming the field; until expressions exist."""
    with pytest.raises(KubectlFailed) as refused:
        target.submit(flow("conditional", step("only", when="steps.a.failed")))
    assert "spec.steps[0].when" in refused.value.stderr
