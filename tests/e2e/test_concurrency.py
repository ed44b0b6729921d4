"""Concurrency groups on every cluster, judged by the witness's record of Jobs (semantics.md, section 6)."""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, policy, step
from tests.e2e.outcome import Outcome, assert_always
from tests.e2e.target import Target
from tests.support.record import JobRecord
from tests.support.waiting import eventually

SHORT = (step("a", work=Work(seconds=2)), step("b", "a"))
LONG = (step("long", work=Work(seconds=600)), step("next", "long"))
GATE = {"name": "gate", "type": "Manual"}
LOOP = (step("a", "b"), step("b", "a"))


def member(name: str, group: str, kind: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return flow(name, *steps, **policy(concurrencyPolicy=kind, concurrencyGroup=group))


def generated(prefix: str, *steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A flow that the API server names, as CronJobs and CI make them."""
    made = flow("", *steps, **spec)
    made["metadata"] = {"generateName": prefix, "namespace": "default"}
    return made


@dataclass(frozen=True)
class Submitted:
    """The target, and the names that the API server gave to the flows of the group `nightly`."""

    target: Target
    nightly: tuple[str, ...]

    def finish(self, *names: str) -> list[Outcome]:
        return [self.target.finish(name) for name in names]


@pytest.fixture(scope="session")
def submitted(target: Target) -> Submitted:
    """The older flows of all groups, and newcomers once those run."""
    nightly = tuple(created(target, generated("nightly-", *SHORT)) for _ in range(3))
    target.submit(*(member(f"at-once-{number}", "at-once", "Forbid", *SHORT) for number in range(2)))
    target.submit(
        *(member(f"older-than-{kind}", kind, "Forbid", GATE) for kind in ("newly-suspended", "newly-invalid"))
    )
    target.submit(member("replaced", "replace", "Forbid", *LONG), member("beside", "allow", "Forbid", *LONG))
    for name in ("replaced", "beside"):
        target.wait_for_step(name, "long", "Running")
    target.submit(member("replaced-too", "replace", "Forbid", *SHORT))
    eventually(lambda: phase(target, "replaced-too") == "Pending", within=60, what="the second flow waits")
    wait_a_second(target)
    target.submit(member("newcomer", "replace", "Replace", *SHORT), member("allowed", "allow", "Allow", *SHORT))
    return Submitted(target, nightly)


def created(target: Target, manifest: dict[str, Any]) -> str:
    return (
        target.kubectl.run("create", "--filename=-", "--output=name", stdin=json.dumps(manifest)).split("/")[1].strip()
    )


def phase(target: Target, name: str) -> str:
    found: str = target.flow(name).get("status", {}).get("phase", "")
    return found


def wait_a_second(target: Target) -> None:
    """Until the API server's clock shows another second: within one, order of arrival is the UIDs' to say."""
    before = datetime.fromisoformat(target.flow("replaced-too")["metadata"]["creationTimestamp"])
    eventually(lambda: target.now() > before, within=30, what="the next second")


def all_jobs(outcome: Outcome) -> list[JobRecord]:
    uid = outcome.flow["metadata"]["uid"]
    return [job for jobs in outcome.record.attempts(uid).values() for job in jobs]


def began(outcome: Outcome) -> float:
    return min(job.created_at for job in all_jobs(outcome))


def over(outcome: Outcome) -> float:
    """When the last of its Jobs was finished, or gone."""
    ends = [job.ended_at or job.deleted_at for job in all_jobs(outcome)]
    assert all(ends), "a Job neither ended nor went"
    return max(end for end in ends if end)


def assert_one_after_another(outcomes: list[Outcome]) -> None:
    ordered = sorted(outcomes, key=began)
    for before, after in pairwise(ordered):
        assert began(after) >= over(before), f"{after.flow['metadata']['name']} ran beside another of its group"


@pytest.mark.proves(
    "concurrency.forbid-at-no-instant",
    "concurrency.forbid-is-default",
    "concurrency.forbid-oldest-first",
    "concurrency.group-by-generate-name",
)
def test_flows_of_one_generate_name_run_one_after_another_as_they_came(submitted: Submitted) -> None:
    """At no instant do Jobs of two of them run; nothing is said about concurrency in their specs."""
    outcomes = submitted.finish(*submitted.nightly)
    assert {outcome.phase for outcome in outcomes} == {"Succeeded"}
    assert_one_after_another(outcomes)
    for before, after in pairwise(sorted(outcomes, key=began)):  # those of one second are in no order
        assert before.flow["metadata"]["creationTimestamp"] <= after.flow["metadata"]["creationTimestamp"]
    for outcome in outcomes:
        assert_always(outcome)


@pytest.mark.proves("concurrency.forbid-at-no-instant", "concurrency.group-chosen")
def test_flows_of_one_group_created_in_one_second_do_not_run_side_by_side(submitted: Submitted) -> None:
    """Their names differ; the group is in their executionPolicy."""
    outcomes = submitted.finish("at-once-0", "at-once-1")
    assert {outcome.phase for outcome in outcomes} == {"Succeeded"}
    assert_one_after_another(outcomes)


@pytest.mark.proves("concurrency.forbid-says-for-whom", "status.pending")
def test_a_flow_that_waits_says_for_whom(submitted: Submitted) -> None:
    """It was Pending (the fixture waited for that), it never started, and an Event tells what it waited for."""
    [outcome] = submitted.finish("replaced-too")
    assert "startTime" not in outcome.flow["status"]
    events = submitted.target.kubectl.get("events", "--field-selector=involvedObject.name=replaced-too")["items"]
    [waiting] = [event["message"] for event in events if event["reason"] == "Waiting"]
    assert waiting.startswith("Waiting for JobFlow replaced of the same concurrency group to end")


@pytest.mark.proves("concurrency.replace-ends-older", "concurrency.replace-waits-for-jobs")
def test_a_newcomer_replaces_what_came_before(submitted: Submitted) -> None:
    """The one that runs and the one that waits end as Failed/Replaced; the newcomer starts when their Jobs are gone."""
    running, waiting, newcomer = submitted.finish("replaced", "replaced-too", "newcomer")
    for outcome in (running, waiting):
        [failed] = [each for each in outcome.flow["status"]["conditions"] if each["type"] == "Failed"]
        assert (failed["reason"], failed["message"]) == ("Replaced", "Replaced by JobFlow newcomer")
    assert running.phases() == {"long": "Failed", "next": "Skipped"}
    assert all_jobs(waiting) == []
    [job] = all_jobs(running)
    assert job.deleted_at
    assert began(newcomer) >= job.deleted_at
    assert newcomer.phase == "Succeeded"


@pytest.mark.proves("concurrency.allow")
def test_a_newcomer_with_allow_starts_at_once(submitted: Submitted) -> None:
    """It has ended while the older one, which excludes others, goes on."""
    [outcome] = submitted.finish("allowed")
    assert outcome.phase == "Succeeded"
    older = submitted.target.wait_for_step("beside", "long", "Running")
    assert older["status"]["phase"] == "Running"
    submitted.target.kubectl.run("delete", "jobflow", "beside", "--wait=false")


@pytest.mark.proves("concurrency.deleted-flow-counts")
def test_a_flow_of_the_group_that_is_deleted_counts_until_its_jobs_are_gone(submitted: Submitted) -> None:
    """Another name, the same generateName: deleted in the foreground, so that the Job outlives the request."""
    target = submitted.target
    first = created(target, generated("adhoc-", *LONG))
    uid = target.flow(first)["metadata"]["uid"]
    target.wait_for_step(first, "long", "Running")
    second = created(target, generated("adhoc-", step("a")))
    target.kubectl.run("delete", "jobflow", first, "--cascade=foreground", "--wait=false")
    outcome = target.finish(second)
    [[old]] = outcome.record.attempts(uid).values()
    assert outcome.phase == "Succeeded"
    assert old.deleted_at
    assert began(outcome) >= old.deleted_at


@pytest.mark.proves("concurrency.replace-only-to-run")
def test_a_newcomer_that_is_suspended_replaces_nobody(submitted: Submitted) -> None:
    newcomer = member("newly-suspended", "newly-suspended", "Replace", *SHORT)
    newcomer["spec"]["suspend"] = True
    assert_replaces_nobody(submitted.target, newcomer, "Suspended")


@pytest.mark.real
@pytest.mark.proves("concurrency.replace-only-to-run")
def test_a_newcomer_that_is_invalid_replaces_nobody(submitted: Submitted) -> None:
    """A cycle, which a real API server stores."""
    assert_replaces_nobody(submitted.target, member("newly-invalid", "newly-invalid", "Replace", *LOOP), "Failed")


def assert_replaces_nobody(target: Target, newcomer: dict[str, Any], becomes: str) -> None:
    """The older one waits for its answer before and after the newcomer was looked at, and goes on with it."""
    name = newcomer["metadata"]["name"]
    older = f"older-than-{name}"
    target.wait_for_step(older, "gate", "PendingApproval")
    target.submit(newcomer)
    eventually(lambda: phase(target, name) == becomes, within=60, what=f"{name} is {becomes}")
    assert phase(target, older) == "Paused"
    target.kubectl.run("annotate", "jobflow", older, "approved.workflow.zen.io/gate=true")
    assert target.finish(older).phase == "Succeeded"
    target.kubectl.run("delete", "jobflow", name, "--wait=false")
