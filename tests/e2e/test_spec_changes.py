"""What may be edited when: everything before the start, policy and suspend after it, steps and resources no more.

And what becomes of steps that are edited all the same.
"""

import json
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, policy, step
from tests.e2e.outcome import Outcome
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed
from tests.support.waiting import eventually

FROZEN = "the flow has started and this can't change any more; create a new flow instead"
HOUR = {"retryPolicy": {"limit": 3, "backoff": {"type": "Fixed", "duration": "1h"}}}
LONG = Work(seconds=600)
CONFIG = {"configMapTemplates": [{"metadata": {"name": "edit-config"}, "data": {"a": "b"}}]}
GATE = {"name": "gate", "type": "Manual"}
GROUP = {"concurrencyGroup": "edit"}
# Two problems, neither of which CRD and policies of a real server can see.
LOOPS = (step("a", "b"), step("b", "a"), step("c", "d"), step("d", "c"))
CYCLES = ("cycle of dependencies: a -> b -> a", "cycle of dependencies: c -> d -> c")


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(
        flow("edit-frozen", GATE, **policy(**GROUP)),
        flow("edit-early", step("old"), suspend=True),
        flow("edit-deadline", step("long", work=LONG), executionPolicy={"activeDeadlineSeconds": 3600}),
        flow("edit-budget", step("flaky", work=Work(codes=(1,)), **HOUR)),
        flow("edit-past", step("kept"), step("gone", "kept", work=LONG)),
    )
    if takes_cycles(target):
        target.submit(flow("edit-bad", step("long", work=LONG)), flow("edit-loops", step("good"), *LOOPS))
    eventually(
        lambda: all(
            target.flow(name).get("status", {}).get("startTime")
            for name in ("edit-frozen", "edit-deadline", "edit-budget")
        ),
        within=60,
        what="the flows have started",
    )
    target.submit(flow("edit-turn", step("next"), **policy(**GROUP)))
    return target


def takes_cycles(target: Target) -> bool:
    """Without a webhook a real server can't see them; the embedded one checks all that the controller does."""
    return target.name != "embedded"


@pytest.fixture(scope="session")
def edited(submitted: Target) -> Target:
    """Steps of flows that run are other ones when the controller comes back."""
    submitted.wait_for_step("edit-past", "gone", "Running")
    if takes_cycles(submitted):
        submitted.wait_for_step("edit-bad", "long", "Running")
    assert submitted.controller.stop() == 0
    try:
        edit_past_admission(
            submitted, "edit-past", step("kept"), step("new", "kept"), {**GATE, "dependencies": ["new"]}
        )
        if takes_cycles(submitted):
            edit_past_admission(submitted, "edit-bad", step("long", work=LONG), *LOOPS)
    finally:
        submitted.controller.start()
    return submitted


def edit_past_admission(target: Target, name: str, *steps: dict[str, Any]) -> None:
    """What has no startTime may be edited: it is taken away for that moment, by who may write the status."""
    started = target.flow(name)["status"]["startTime"]
    patch_start(target, name, None)
    patch(target, name, steps=steps)
    patch_start(target, name, started)


def patch_start(target: Target, name: str, value: str | None) -> None:
    status = json.dumps({"status": {"startTime": value}})
    target.kubectl.run("patch", "jobflow", name, "--subresource=status", "--type=merge", "--patch", status)


def patch(target: Target, name: str, **spec: Any) -> None:
    target.kubectl.run("patch", "jobflow", name, "--type=merge", "--patch", json.dumps({"spec": spec}))


@pytest.mark.proves("changes.frozen-after-start")
@pytest.mark.parametrize(
    ("field", "value"), [("steps", [step("other")]), ("resourceTemplates", CONFIG)], ids=["steps", "resourceTemplates"]
)
def test_steps_and_resource_templates_are_frozen_after_the_start(submitted: Target, field: str, value: Any) -> None:
    """Refused by policy or by the embedded server, in the same words."""
    before = submitted.flow("edit-frozen")["spec"]
    with pytest.raises(KubectlFailed) as refused:
        patch(submitted, "edit-frozen", **{field: value})
    assert f"spec.{field}: Forbidden: {FROZEN}" in refused.value.stderr
    assert submitted.flow("edit-frozen")["spec"] == before


@pytest.mark.proves("changes.before-start")
def test_before_the_start_steps_may_be_edited(submitted: Target) -> None:
    """What runs is what the spec says when the flow starts."""
    patch(submitted, "edit-early", steps=[step("new")])
    patch(submitted, "edit-early", suspend=False)
    outcome = submitted.finish("edit-early")
    assert (outcome.phase, outcome.phases()) == ("Succeeded", {"new": "Succeeded"})


@pytest.mark.proves("changes.deadline", "changes.policy-takes-effect")
def test_a_shorter_deadline_takes_effect_at_once(submitted: Target) -> None:
    """What runs is deleted."""
    patch(submitted, "edit-deadline", executionPolicy={"activeDeadlineSeconds": 1})
    outcome = submitted.finish("edit-deadline")
    assert "activeDeadlineSeconds (1 s)" in outcome.flow["status"]["message"]
    wait_until_gone(submitted, "jobflow=edit-deadline")


def wait_until_gone(target: Target, jobs: str) -> None:
    eventually(
        lambda: target.kubectl.run("get", "jobs", f"--selector={jobs}", "--output=name") == "",
        within=60,
        what=f"the Job with {jobs} is deleted",
    )


@pytest.mark.proves("changes.backoff-limit", "changes.policy-takes-effect")
def test_a_smaller_budget_takes_effect_on_a_retry_that_waits(submitted: Target) -> None:
    """The retry that was an hour off is not made."""
    eventually(
        lambda: submitted.flow("edit-budget")["status"]["steps"][0].get("reason") == "Backoff",
        within=60,
        what="the retry waits",
    )
    patch(submitted, "edit-budget", executionPolicy={"backoffLimit": 0})
    outcome = submitted.finish("edit-budget")
    (failed,) = (each for each in outcome.flow["status"]["conditions"] if each["type"] == "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert len(outcome.jobs("flaky")) == 1


@pytest.mark.proves("changes.policy-takes-effect")
def test_a_flow_that_waits_for_its_turn_starts_when_it_is_allowed_to_run_beside_others(submitted: Target) -> None:
    """A policy may change before the start as well as after it."""
    eventually(
        lambda: "Waiting for JobFlow edit-frozen" in submitted.flow("edit-turn").get("status", {}).get("message", ""),
        within=60,
        what="edit-turn waits for edit-frozen",
    )
    patch(submitted, "edit-turn", executionPolicy={"concurrencyPolicy": "Allow"})
    assert submitted.finish("edit-turn").phase == "Succeeded"
    assert submitted.flow("edit-frozen")["status"]["phase"] == "Paused"


@pytest.mark.proves("changes.bypassed")
def test_an_edit_that_bypassed_admission_is_run_as_it_stands(edited: Target) -> None:
    """What is new runs, the Job of a step that is gone is deleted at once, what has ended stays as it ended."""
    edited.wait_for_step("edit-past", "gate", "PendingApproval")
    wait_until_gone(edited, "jobflow=edit-past,workflow.zen.io/step=gone")
    edited.kubectl.run("annotate", "jobflow", "edit-past", "approved.workflow.zen.io/gate=true")
    outcome = edited.finish("edit-past")
    assert (outcome.phase, outcome.phases()) == ("Succeeded", dict.fromkeys(("kept", "new", "gate"), "Succeeded"))
    [kept] = outcome.jobs("kept")
    assert edited.kubectl.get("job", kept.name)["metadata"]["uid"] == kept.uid


@pytest.mark.real
@pytest.mark.proves("changes.bypassed-bad", "changes.all-problems")
def test_a_bad_edit_that_bypassed_admission_ends_the_flow(edited: Target) -> None:
    """With all its problems; what runs is deleted, though its step is still there."""
    assert_invalid(edited, "edit-bad")
    wait_until_gone(edited, "jobflow=edit-bad")


@pytest.mark.real
@pytest.mark.proves("changes.all-problems")
def test_nothing_of_a_bad_flow_is_started(submitted: Target) -> None:
    """Not even the step that is in no cycle."""
    outcome = assert_invalid(submitted, "edit-loops")
    assert outcome.record.attempts(outcome.flow["metadata"]["uid"]) == {}


def assert_invalid(target: Target, name: str) -> Outcome:
    """Failed, InvalidSpec, with both cycles."""
    outcome = target.finish(name)
    [condition] = outcome.flow["status"]["conditions"]
    assert (outcome.phase, condition["type"], condition["reason"]) == ("Failed", "Failed", "InvalidSpec")
    assert all(cycle in condition["message"] for cycle in CYCLES)
    return outcome
