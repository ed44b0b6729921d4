"""What may be edited when: everything before the start, policy and suspend after it, steps and resources no more."""

import json
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed
from tests.support.waiting import eventually

FROZEN = "the flow has started and this can't change any more; create a new flow instead"
HOUR = {"retryPolicy": {"limit": 3, "backoff": {"type": "Fixed", "duration": "1h"}}}
LONG = Work(seconds=600)
CONFIG = {"configMapTemplates": [{"metadata": {"name": "edit-config"}, "data": {"a": "b"}}]}


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(
        flow("edit-frozen", {"name": "gate", "type": "Manual"}),
        flow("edit-early", step("old"), suspend=True),
        flow("edit-deadline", step("long", work=LONG), executionPolicy={"activeDeadlineSeconds": 3600}),
        flow("edit-budget", step("flaky", work=Work(codes=(1,)), **HOUR)),
    )
    eventually(
        lambda: all(
            target.flow(name).get("status", {}).get("startTime")
            for name in ("edit-frozen", "edit-deadline", "edit-budget")
        ),
        within=60,
        what="the flows have started",
    )
    return target


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


@pytest.mark.proves("changes.deadline")
def test_a_shorter_deadline_takes_effect_at_once(submitted: Target) -> None:
    """What runs is deleted."""
    patch(submitted, "edit-deadline", executionPolicy={"activeDeadlineSeconds": 1})
    outcome = submitted.finish("edit-deadline")
    assert "activeDeadlineSeconds (1 s)" in outcome.flow["status"]["message"]
    gone = ("get", "jobs", "--selector=jobflow=edit-deadline", "--output=name")
    eventually(lambda: submitted.kubectl.run(*gone) == "", within=60, what="its Job is deleted")


@pytest.mark.proves("changes.backoff-limit")
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
