"""`spec.suspend`: nothing new starts, what runs goes on, and everything goes on when it is lifted."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.outcome import assert_always
from tests.e2e.target import Target
from tests.support.waiting import eventually

SOON = {"retryPolicy": {"limit": 1, "backoff": {"type": "Fixed", "duration": "1s"}}}
# So long that it still runs when the flow is suspended, however slow the machine.
LONG = 15
GATE = {"name": "gate", "type": "Manual"}
LIMIT = timedelta(seconds=4)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    """All at once; those that are suspended mid-run have a Job by then, or were asked for an approval."""
    target.submit(
        flow("sus-created", step("a"), step("b", "a"), suspend=True),
        flow("sus-running", step("a", work=Work(seconds=LONG)), step("b", "a")),
        flow("sus-retry", step("flaky", work=Work(seconds=LONG, codes=(1, 0)), **SOON)),
        flow("sus-gate", GATE, step("after", "gate")),
        flow("sus-deadline", step("a", work=Work(seconds=1)), GATE, executionPolicy={"activeDeadlineSeconds": 15}),
        flow("sus-late", GATE, suspend=True, executionPolicy={"activeDeadlineSeconds": LIMIT.seconds}),
    )
    for name in ("sus-running", "sus-retry", "sus-deadline"):
        eventually(lambda name=name: jobs(target, name), within=60, what=f"{name} has a Job")
    eventually(lambda: status(target, "sus-gate").get("phase") == "Paused", within=60, what="sus-gate asks")
    for name in ("sus-running", "sus-retry", "sus-gate", "sus-deadline"):
        suspend(target, name, True)
    return target


def jobs(target: Target, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.kubectl.get("jobs", f"--selector=jobflow={name}")["items"]
    return found


def status(target: Target, name: str) -> dict[str, Any]:
    target.assert_controller_lives()
    found: dict[str, Any] = target.flow(name).get("status", {})
    return found


def steps(target: Target, name: str) -> dict[str, tuple[str, str | None]]:
    """Phase and reason of each step."""
    return {each["name"]: (each["phase"], each.get("reason")) for each in status(target, name).get("steps", ())}


def suspend(target: Target, name: str, value: bool) -> None:
    patch = json.dumps({"spec": {"suspend": value}})
    target.kubectl.run("patch", "jobflow", name, "--type=merge", "--patch", patch)


def becomes(target: Target, name: str, **expected: tuple[str, str | None]) -> None:
    eventually(
        lambda: status(target, name).get("phase") == "Suspended" and steps(target, name) == expected,
        within=90,
        what=f"{name} is Suspended with {expected}",
        else_show=lambda: target.story(name),
    )


@pytest.mark.proves("suspend.created-suspended")
def test_a_flow_created_suspended_starts_nothing_until_it_is_lifted(submitted: Target) -> None:
    """It has no startTime either: its deadline does not run."""
    becomes(submitted, "sus-created", a=("Pending", None), b=("Pending", None))
    assert "startTime" not in status(submitted, "sus-created")
    assert jobs(submitted, "sus-created") == []
    suspend(submitted, "sus-created", False)
    outcome = submitted.finish("sus-created")
    assert outcome.phase == "Succeeded"
    assert_always(outcome)


@pytest.mark.proves(
    "suspend.running-jobs-go-on", "suspend.nothing-new-starts", "suspend.lifted", "changes.policy-takes-effect"
)
def test_what_runs_goes_on_and_nothing_new_starts(submitted: Target) -> None:
    """The step that runs ends well, its dependent waits and says why; lifted, it runs."""
    becomes(submitted, "sus-running", a=("Succeeded", None), b=("Pending", "Suspended"))
    assert len(jobs(submitted, "sus-running")) == 1
    suspend(submitted, "sus-running", False)
    outcome = submitted.finish("sus-running")
    assert outcome.phase == "Succeeded"
    assert_always(outcome)


@pytest.mark.proves("suspend.retries-wait")
def test_a_retry_waits_too(submitted: Target) -> None:
    """The first attempt runs to its failure; the second starts after the flow is lifted."""
    becomes(submitted, "sus-retry", flaky=("Pending", "Suspended"))
    assert len(jobs(submitted, "sus-retry")) == 1
    suspend(submitted, "sus-retry", False)
    outcome = submitted.finish("sus-retry")
    assert (outcome.phase, outcome.step("flaky")["retryCount"]) == ("Succeeded", 1)
    assert_always(outcome)


@pytest.mark.proves("suspend.approvals-count")
def test_an_approval_counts_while_the_flow_is_suspended(submitted: Target) -> None:
    """The condition still says that somebody is asked; what the gate guards starts when the flow is lifted."""
    becomes(submitted, "sus-gate", gate=("PendingApproval", "ApprovalRequired"), after=("Pending", None))
    (paused,) = (each for each in status(submitted, "sus-gate")["conditions"] if each["type"] == "Paused")
    assert paused["status"] == "True"
    submitted.kubectl.run("annotate", "jobflow", "sus-gate", "approved.workflow.zen.io/gate=true")
    becomes(submitted, "sus-gate", gate=("Succeeded", "Approved"), after=("Pending", "Suspended"))
    assert jobs(submitted, "sus-gate") == []
    suspend(submitted, "sus-gate", False)
    assert submitted.finish("sus-gate").phase == "Succeeded"


@pytest.mark.proves("suspend.deadline-runs-on")
def test_the_deadline_runs_on_while_the_flow_is_suspended(submitted: Target) -> None:
    outcome = submitted.finish("sus-deadline")
    assert outcome.phase == "Failed"
    assert "activeDeadlineSeconds (15 s)" in outcome.flow["status"]["message"]
    assert outcome.flow["spec"]["suspend"] is True


@pytest.mark.proves("timeouts.flow-deadline-starts-late")
def test_the_deadline_of_a_flow_that_was_held_back_counts_from_its_start(submitted: Target) -> None:
    """Lifted when its time would have been over since its creation, it has all of it before it."""
    created = datetime.fromisoformat(submitted.flow("sus-late")["metadata"]["creationTimestamp"])
    eventually(lambda: submitted.now() > created + LIMIT, within=60, what="the limit is over since the creation")
    suspend(submitted, "sus-late", False)
    ended = submitted.finish("sus-late").flow["status"]
    start, end = (datetime.fromisoformat(ended[each]) for each in ("startTime", "completionTime"))
    assert [each["reason"] for each in ended["conditions"] if each["type"] == "Failed"] == ["DeadlineExceeded"]
    assert start > created + LIMIT
    assert end >= start + LIMIT
