"""Every scenario of the main job ends as it must, and every attempt's Job existed exactly once."""

from typing import Any

import pytest

from tests.e2e.outcome import assert_always
from tests.e2e.scenarios import SCENARIOS, Scenario, table
from tests.e2e.target import Target


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    """All scenarios at once: flows don't disturb one another, and their waits overlap."""
    target.submit(*(scenario.flow for scenario in SCENARIOS))
    return target


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_a_flow_ends_as_it_must(submitted: Target, scenario: Scenario) -> None:
    outcome = submitted.finish(scenario.name)
    scenario.check(outcome)
    assert_always(outcome)


@pytest.mark.proves("status.wait-for")
def test_waiting_for_a_condition_works_as_for_a_job(submitted: Target) -> None:
    """`kubectl wait` knows both ends."""
    submitted.kubectl.run("wait", "--for=condition=Complete", "jobflow/linear", "--timeout=60s")
    submitted.kubectl.run("wait", "--for=condition=Failed", "jobflow/diamond", "--timeout=60s")


def test_events_tell_of_a_failure(submitted: Target) -> None:
    """Where `kubectl describe` shows them: the step with its exit code, and the flow's end."""
    submitted.finish("diamond")
    described = submitted.kubectl.run("describe", "jobflow", "diamond")
    assert "StepFailed" in described
    events = submitted.kubectl.get("events", "--field-selector=involvedObject.name=diamond")["items"]
    assert {event["type"] for event in events} == {"Warning"}
    assert any("left" in event["message"] for event in events)


@pytest.mark.proves("objects.labels", "objects.owner")
def test_the_guide_s_selector_finds_the_jobs_of_a_flow(submitted: Target) -> None:
    submitted.finish("linear")
    jobs = submitted.kubectl.get("jobs", "--selector=jobflow=linear")["items"]
    assert len(jobs) == 3
    assert all(owner(job)["kind"] == "JobFlow" and owner(job)["controller"] for job in jobs)


def owner(job: dict[str, Any]) -> dict[str, Any]:
    (reference,) = job["metadata"]["ownerReferences"]
    found: dict[str, Any] = reference
    return found
