"""Retries, the budget and time limits on every cluster; tests/simulation/test_attempts.py has them to the second."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, on_host_network, policy, retry, step
from tests.e2e.outcome import Outcome, assert_always
from tests.e2e.scenarios import Scenario, table
from tests.e2e.target import Target
from tests.support.waiting import eventually

FOREVER = Work(seconds=600)
GATE = {"name": "gate", "type": "Manual", "message": "Go?"}


def seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def reason(outcome: Outcome) -> str:
    """Why the flow failed."""
    [condition] = [each for each in outcome.flow["status"]["conditions"] if each["type"] == "Failed"]
    return str(condition["reason"])


def check_budget(outcome: Outcome) -> None:
    """One retry for both steps together: the other one's is not made."""
    assert (outcome.phase, reason(outcome)) == ("Failed", "BackoffLimitExceeded")
    assert len(outcome.jobs("a") + outcome.jobs("b")) == 3


def check_budget_kept(outcome: Outcome) -> None:
    assert outcome.phase == "Succeeded"
    assert len(outcome.jobs("a") + outcome.jobs("b")) == 4


def times_out(limit: int, attempts: int) -> Callable[[Outcome], None]:
    def check(outcome: Outcome) -> None:
        late = outcome.step("late")
        assert (late["phase"], late["reason"]) == ("Failed", "TimedOut")
        assert seconds(late["startTime"], late["completionTime"]) >= limit
        jobs = outcome.jobs("late")
        assert len(jobs) == attempts
        assert all(job.failed_at or job.deleted_at for job in jobs)
        assert not any(job.completed_at for job in jobs)

    return check


def check_continued(outcome: Outcome) -> None:
    times_out(2, 1)(outcome)
    assert outcome.phase == "Succeeded"
    assert outcome.phases()["next"] == "Succeeded"


def check_deadline(outcome: Outcome) -> None:
    """The running Job goes, what waits ends, and what never ran is Skipped."""
    status = outcome.flow["status"]
    assert (outcome.phase, reason(outcome)) == ("Failed", "DeadlineExceeded")
    assert seconds(status["startTime"], status["completionTime"]) >= 3
    [job] = outcome.jobs("long")
    assert job.deleted_at
    assert not job.completed_at
    assert outcome.phases() == {"long": "Failed", "next": "Skipped"}
    assert outcome.step("long")["reason"] == "DeadlineExceeded"


def check_paused(outcome: Outcome) -> None:
    status = outcome.flow["status"]
    assert (outcome.phase, reason(outcome)) == ("Failed", "DeadlineExceeded")
    assert seconds(status["startTime"], status["completionTime"]) >= 2
    assert outcome.phases() == {"gate": "Skipped"}


def check_job_deadline(outcome: Outcome) -> None:
    assert outcome.phase == "Failed"
    assert len(outcome.jobs("slow")) == 2
    assert "DeadlineExceeded" in outcome.step("slow")["message"]
    assert outcome.step("slow")["reason"] == "JobFailed"


def check_earlier_jobs(outcome: Outcome) -> None:
    """All three are still there, and each started after the end of the one before (assert_always)."""
    jobs = outcome.jobs("hopeless")
    assert len(jobs) == 3
    assert not any(job.deleted_at for job in jobs)


def check_default_wait(outcome: Outcome) -> None:
    """From the end of the Job, as it says itself."""
    assert outcome.phase == "Succeeded"
    [wait] = outcome.waits("flaky")
    assert wait >= 10


def check_default_growth(outcome: Outcome) -> None:
    """Three retries, and each wait twice the one before."""
    assert outcome.phase == "Failed"
    waits = outcome.waits("hopeless")
    assert len(waits) == 3
    assert all(wait >= least for wait, least in zip(waits, (1, 2, 4), strict=True)), waits


def check_invalid(outcome: Outcome) -> None:
    """With the API server's words; a retryPolicy changes nothing, and the other branch runs on."""
    broken = outcome.step("broken")
    assert (outcome.phase, broken["phase"], broken["reason"]) == ("Failed", "Failed", "InvalidTemplate")
    assert "UPPER" in broken["message"]
    assert outcome.jobs("broken") == []


def invalid(name: str) -> dict[str, Any]:
    """A step whose Job no API server takes: its container's name is no name."""
    made: dict[str, Any] = step(name, **retry(3))
    made["template"]["spec"]["template"]["spec"]["containers"][0]["name"] = "UPPER"
    return made


def check_invalid_allowed(outcome: Outcome) -> None:
    assert (outcome.phase, outcome.step("broken")["reason"]) == ("Succeeded", "InvalidTemplate")
    assert outcome.phases()["next"] == "Succeeded"


SCENARIOS = (
    Scenario(
        flow(
            "budget",
            step("a", work=Work(codes=(1, 0)), **retry(3)),
            step("b", "a", work=Work(codes=(1, 0)), **retry(3)),
            **policy(backoffLimit=1),
        ),
        check_budget,
        ("retries.budget",),
    ),
    Scenario(
        flow(
            "budget-kept",
            step("a", work=Work(codes=(1, 0)), **retry(3)),
            step("b", "a", work=Work(codes=(1, 0)), **retry(3)),
            **policy(backoffLimit=2),
        ),
        check_budget_kept,
        ("retries.budget",),
    ),
    Scenario(
        flow(
            "timeout",
            step("late", work=FOREVER, timeoutSeconds=2, continueOnFailure=True, **retry(3)),
            step("next", "late"),
        ),
        check_continued,
        ("timeouts.step-failed", "timeouts.job-deleted", "timeouts.no-retry", "timeouts.continue-on-failure"),
    ),
    Scenario(
        flow("timeout-in-a-wait", step("late", work=Work(codes=(1,)), timeoutSeconds=4, **retry(3, duration="10m"))),
        times_out(4, 1),
        ("timeouts.whole-step",),
    ),
    Scenario(
        flow("deadline", step("long", work=FOREVER), step("next", "long"), **policy(activeDeadlineSeconds=3)),
        check_deadline,
        ("timeouts.flow-deadline",),
    ),
    Scenario(
        flow("deadline-paused", GATE, **policy(activeDeadlineSeconds=2)),
        check_paused,
        ("timeouts.flow-deadline-counts-pauses",),
    ),
    Scenario(
        flow("job-deadline", step("slow", work=FOREVER, job={"activeDeadlineSeconds": 2}, **retry(1))),
        check_job_deadline,
        ("retries.job-deadline",),
    ),
    Scenario(
        flow("earlier-jobs", step("hopeless", work=Work(codes=(1,)), **retry(2))),
        check_earlier_jobs,
        ("retries.earlier-jobs-stay", "retries.each-is-a-job", "retries.after-the-last-pod"),
    ),
    Scenario(
        flow("default-wait", step("flaky", work=Work(codes=(1, 0)), retryPolicy={})),
        check_default_wait,
        ("retries.defaults",),
    ),
    Scenario(
        flow("default-growth", step("hopeless", work=Work(codes=(1,)), retryPolicy={"backoff": {"duration": "1s"}})),
        check_default_growth,
        ("retries.defaults",),
    ),
    Scenario(flow("invalid-template", invalid("broken"), step("other")), check_invalid, ("retries.invalid-template",)),
    Scenario(
        flow("invalid-template-allowed", {**invalid("broken"), "continueOnFailure": True}, step("next", "broken")),
        check_invalid_allowed,
        ("retries.invalid-template",),
    ),
)
# Long enough for a person to get at its Job; its second attempt ends by itself.
DELETED = flow("job-deleted", step("done"), step("long", "done", work=Work(seconds=8), **retry(1)))
WAITING = flow("waiting", step("flaky", work=Work(codes=(1, 0)), **retry(1, duration="8s")))
DEFAULTS = flow(
    "job-defaults",
    step("plain", job={"ttlSecondsAfterFinished": 1}),
    step("retried", **retry(1)),
    step("own", job={"backoffLimit": 2}, **retry(1)),
)
for made in DEFAULTS["spec"]["steps"]:
    del made["template"]["spec"]["template"]["spec"]["restartPolicy"]


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(*on_host_network(*(scenario.flow for scenario in SCENARIOS), DEFAULTS))
    return target


@pytest.mark.proves("retries.deleted-job", "retries.job-gone-after-its-outcome")
def test_a_job_deleted_while_its_step_runs_is_an_attempt_that_failed(submitted: Target) -> None:
    """It is retried as any other; one that is deleted after its outcome was recorded changes nothing."""
    submitted.submit(DELETED)
    running = submitted.wait_for_step("job-deleted", "long", "Running")
    jobs = [each["jobRef"]["name"] for each in running["status"]["steps"]]
    submitted.kubectl.run("delete", "job", *jobs, "--wait=false")
    outcome = submitted.finish("job-deleted")
    assert outcome.phase == "Succeeded"
    [done], [first, second] = outcome.jobs("done"), outcome.jobs("long")
    assert done.deleted_at
    assert first.deleted_at
    assert second.created_at > first.deleted_at
    assert outcome.step("long")["retryCount"] == 1
    assert outcome.step("done")["phase"] == "Succeeded"


@pytest.mark.proves("retries.wait-is-told")
def test_a_step_in_its_wait_says_so_and_until_when(submitted: Target) -> None:
    """Pending, Backoff, and the time at which the retry then comes at the earliest."""
    submitted.submit(WAITING)
    waiting = eventually(
        lambda: next((each for each in steps_of(submitted, "waiting") if each.get("reason") == "Backoff"), None),
        within=120,
        what="the step waits for its retry",
        every=0.2,
        else_show=lambda: submitted.story("waiting"),
    )
    assert waiting["phase"] == "Pending"
    outcome = submitted.finish("waiting")
    second = outcome.jobs("flaky")[1]
    assert second.creation_time
    assert second.creation_time >= datetime.fromisoformat(waiting["nextRetryTime"])


def steps_of(target: Target, name: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = target.flow(name).get("status", {}).get("steps", [])
    return steps


@pytest.mark.proves(
    "retries.job-backoff-limit-zero",
    "retries.job-backoff-limit-chosen",
    "objects.ttl-left-out",
    "objects.restart-policy",
    "evidence.termination-message-policy",
)
def test_a_job_gets_what_its_template_leaves_open(submitted: Target) -> None:
    """And no time to live: the Jobs are there as long as their flow."""
    submitted.finish("job-defaults")
    jobs = submitted.kubectl.get("jobs", "--selector=jobflow=job-defaults")["items"]
    specs = {job["metadata"]["labels"]["workflow.zen.io/step"]: job["spec"] for job in jobs}
    assert {name: spec["backoffLimit"] for name, spec in specs.items()} == {"plain": 6, "retried": 0, "own": 2}
    for spec in specs.values():
        pod = spec["template"]["spec"]
        assert "ttlSecondsAfterFinished" not in spec
        assert pod["restartPolicy"] == "Never"
        assert pod["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_attempts_and_time_limits_end_as_they_must(submitted: Target, scenario: Scenario) -> None:
    """Never earlier than said; later as far as a busy machine needs it."""
    outcome = submitted.finish(scenario.name)
    scenario.check(outcome)
    if not any(name.startswith("timeouts.") for name in scenario.proves):
        assert_always(outcome)


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "few-jobs"}}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "few", "namespace": "few-jobs"},
    "spec": {"hard": {"count/jobs.batch": "1"}},
}


@pytest.mark.real
@pytest.mark.proves("retries.quota", "troubleshooting.refused-creates")
def test_a_quota_keeps_a_step_waiting_until_it_has_room(target: Target) -> None:
    """Pending with the API server's words, no attempt used; more room lets the flow go on."""
    target.kubectl.apply(NAMESPACE, QUOTA)
    limited = flow("limited", step("one"), step("two", "one", **retry(1)))
    limited["metadata"]["namespace"] = "few-jobs"
    eventually(lambda: quota_is_counted(target), within=60, what="the quota is in force")
    target.submit(limited)
    waiting = eventually(
        lambda: next((each for each in limited_steps(target) if each.get("reason") == "QuotaExceeded"), None),
        within=120,
        what="the second Job is refused",
        else_show=lambda: target.story("limited", "few-jobs"),
    )
    assert (waiting["name"], waiting["phase"]) == ("two", "Pending")
    assert "exceeded quota: few" in waiting["message"]
    more = {"spec": {"hard": {"count/jobs.batch": "5"}}}
    target.kubectl.run("patch", "resourcequota", "few", "--namespace=few-jobs", f"--patch={json.dumps(more)}")
    outcome = target.finish("limited", namespace="few-jobs")
    assert outcome.phase == "Succeeded"
    assert outcome.step("two").get("retryCount", 0) == 0
    assert_always(outcome)


def quota_is_counted(target: Target) -> bool:
    quota = target.kubectl.get("resourcequota", "few", "--namespace=few-jobs")
    return "count/jobs.batch" in quota.get("status", {}).get("used", {})


def limited_steps(target: Target) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = target.flow("limited", "few-jobs").get("status", {}).get("steps", [])
    return steps


def policy_against(label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The API server forbids Jobs that carry this label: a 403 as RBAC's is."""
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "no-jobs.fake.zenflow.test"}}
    resources = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    forbid = {"expression": f"!('{label}' in object.metadata.labels)", "reason": "Forbidden", "message": "not today"}
    spec = {"matchConstraints": {"resourceRules": [resources]}, "validations": [forbid]}
    bound = {"policyName": head["metadata"]["name"], "validationActions": ["Deny"]}
    return (
        {**head, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
    )


@pytest.mark.real
@pytest.mark.proves("retries.forbidden", "troubleshooting.refused-creates")
def test_a_forbidden_job_is_waited_for_until_it_is_allowed(target: Target) -> None:
    """403: the step is Pending and says why."""
    label = "fake.zenflow.test/forbidden"
    forbidden, binding = policy_against(label)
    target.kubectl.apply(forbidden, binding)
    made = step("one")
    made["template"]["metadata"] = {"labels": {label: "yes"}}
    eventually(lambda: is_forbidden(target, made), within=60, what="the policy is in force")
    target.submit(flow("forbidden", made))
    waiting = eventually(
        lambda: next((each for each in steps_of(target, "forbidden") if each.get("reason")), None),
        within=60,
        what="the step says why it waits",
    )
    assert (waiting["phase"], waiting["reason"]) == ("Pending", "Forbidden")
    assert "not today" in waiting["message"]
    target.kubectl.run("delete", "validatingadmissionpolicybinding", binding["metadata"]["name"])
    outcome = target.finish("forbidden")
    assert outcome.phase == "Succeeded"
    assert outcome.step("one").get("retryCount", 0) == 0
    assert_always(outcome)


def is_forbidden(target: Target, made: dict[str, Any]) -> bool:
    job = {**made["template"], "metadata": {**made["template"]["metadata"], "name": "probe"}}
    return not target.kubectl.succeeds("create", "--dry-run=server", "--filename=-", stdin=json.dumps(job))
