"""podFailurePolicy on every cluster: what an exit code is said to mean (semantics.md, section 5)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, on_host_network, policy, retry, step
from tests.e2e.outcome import Outcome, assert_always
from tests.e2e.scenarios import Scenario, table
from tests.e2e.target import Target


def rule(action: str, *values: int, operator: str = "In", container: str = "") -> dict[str, Any]:
    chosen = {"containerName": container} if container else {}
    return {"action": action, "onExitCodes": {**chosen, "operator": operator, "values": list(values)}}


def ends(says: str, code: int, attempts: int = 1) -> Callable[[Outcome], None]:
    """`says` is the step's `Phase/Reason`; the flow follows it, and the message names the exit code."""

    def check(outcome: Outcome) -> None:
        judged = outcome.step("judged")
        assert f"{judged['phase']}/{judged.get('reason')}" == says
        assert outcome.phase == judged["phase"]
        assert len(outcome.jobs("judged")) == attempts
        assert judged.get("retryCount", 0) == attempts - 1
        assert str(code) in judged["message"]

    return check


def scenario(
    name: str, work: Work, rules: list[Any], check: Callable[[Outcome], None], *proves: str, **more: Any
) -> Scenario:
    steps = (step("judged", work=work, job={"backoffLimit": 0}, **more), step("after", "judged"))
    statements = tuple(f"failure-policy.{each}" for each in proves)
    return Scenario(flow(f"policy-{name}", *steps, **policy(podFailurePolicy={"rules": rules})), check, statements)


IGNORED, COUNTED, FAILED = "Succeeded/FailureIgnored", "Succeeded/FailureCounted", "Failed/JobFailed"

SCENARIOS = (
    scenario("ignore", Work(codes=(2,)), [rule("Ignore", 1, 2)], ends(IGNORED, 2), "ignore", "operator-in", **retry(2)),
    scenario("no-match", Work(codes=(3,)), [rule("Ignore", 1, 2)], ends(FAILED, 3), "no-rule-matches"),
    scenario(
        "guide",
        Work(codes=(4,)),
        [rule("Ignore", 1, 2), rule("FailJob", 0, operator="NotIn")],
        ends(FAILED, 4),
        "operator-not-in",
    ),
    scenario("count", Work(codes=(5,)), [rule("Count", 5)], ends(COUNTED, 5, 2), "count", **retry(1)),
    scenario("count-at-once", Work(codes=(5,)), [rule("Count", 5)], ends(COUNTED, 5), "count-without-retries"),
    scenario(
        "fail-job",
        Work(codes=(6,)),
        [rule("FailJob", 6), rule("Ignore", 6)],
        ends(FAILED, 6, 2),
        "fail-job",
        "first-match-wins",
        **retry(1),
    ),
    scenario(
        "default-action",
        Work(codes=(6,)),
        [{"onExitCodes": rule("", 6)["onExitCodes"]}, rule("Ignore", 6)],
        ends(FAILED, 6),
        "default-action",
    ),
    scenario(
        "main", Work(beside={"helper": (7,)}), [rule("Ignore", 7)], ends(FAILED, 7), "default-container"
    ),  # main itself succeeds, and its exit code is none of the rule's
    scenario(
        "main-among-others",
        Work(codes=(8,), beside={"helper": (7,)}),
        [rule("FailJob", 7), rule("Ignore", 8)],
        ends(IGNORED, 8),
        "default-container",
    ),
    scenario(
        "any",
        Work(container="worker", beside={"helper": (7,)}),
        [rule("Ignore", 7)],
        ends(IGNORED, 7),
        "any-container",
    ),
    scenario(
        "named",
        Work(beside={"helper": (7,)}),
        [rule("Ignore", 7, container="helper")],
        ends(IGNORED, 7),
        "named-container",
    ),
    scenario(
        "init",
        Work(first={"prepare": (9,)}),
        [rule("Ignore", 9, container="prepare")],
        ends(IGNORED, 9),
        "init-container",
    ),
)
# Its rule would excuse whatever a container that was killed ends with.
DELETED = flow(
    "policy-deleted",
    step("judged", work=Work(seconds=600), job={"backoffLimit": 0}),
    **policy(podFailurePolicy={"rules": [rule("Ignore", 0, operator="NotIn")]}),
)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(*on_host_network(*(scenario.flow for scenario in SCENARIOS), DELETED))
    return target


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_an_exit_code_means_what_the_first_rule_that_matches_says(submitted: Target, scenario: Scenario) -> None:
    """Otherwise it is an ordinary failure."""
    outcome = submitted.finish(scenario.name)
    scenario.check(outcome)
    assert_always(outcome)


@pytest.mark.proves("failure-policy.deleted-job")
def test_no_rule_judges_the_job_that_somebody_deleted(submitted: Target) -> None:
    """In the foreground: its Pod has ended while the Job is still there to be looked at."""
    running = submitted.wait_for_step("policy-deleted", "judged", "Running")
    [judged] = running["status"]["steps"]
    submitted.kubectl.run("delete", "job", judged["jobRef"]["name"], "--cascade=foreground", "--wait=false")
    outcome = submitted.finish("policy-deleted")
    assert (outcome.phase, outcome.step("judged")["reason"]) == ("Failed", "JobDeleted")
    assert len(outcome.jobs("judged")) == 1
