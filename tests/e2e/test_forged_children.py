"""What somebody plants beside a flow's children decides nothing: Jobs, Pods and ConfigMaps that look like ours.

Planted by an administrator, for the shipped policies refuse it to everybody else. Who could do it where no policy is
installed, and what is left to them there, stands in docs/limits.md.
"""

import json
import time
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, on_exit_42, policy, retry, step
from tests.e2e.target import Target
from tests.support.children import job_metadata
from tests.support.waiting import eventually
from zenflow.controller.provenance import LATE

pytestmark = pytest.mark.served
GATE = {"name": "gate", "type": "Manual"}
LONG = Work(seconds=600)


@pytest.fixture(scope="session")
def settled(target: Target) -> Target:
    """The controller has been deciding for a while: nothing that comes now is an earlier process's."""
    target.submit(flow("forged-first", step("a")))
    target.finish("forged-first")
    let_pass(LATE.total_seconds())  # so long after its first decision, which this flow was at the latest
    return target


def let_pass(seconds: float) -> None:
    """For what must not happen meanwhile."""
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= end, within=seconds + 5, what="time passes")


def plant(target: Target, flow_name: str, step_name: str, attempt: str = "1", **change: Any) -> str:
    """A Job that looks like an attempt of the flow; `owner` and `name` say how it does not. Its Pod succeeds."""
    uid = target.flow(flow_name)["metadata"]["uid"]
    number = int(attempt) if attempt.isdecimal() else 1
    metadata = job_metadata(flow_name, uid, step_name, number, namespace="default")
    metadata["labels"]["workflow.zen.io/attempt"] = attempt
    metadata["ownerReferences"][0].update(change.pop("owner", {}))
    metadata["name"] = change.pop("name", metadata["name"])
    template = step(step_name, work=change.pop("work", Work()))["template"]
    target.kubectl.create({**template, "metadata": metadata, "spec": {**template["spec"], **change}})
    return str(metadata["name"])


def status_of(target: Target, flow_name: str, step_name: str) -> dict[str, Any]:
    steps = target.flow(flow_name).get("status", {}).get("steps", [])
    return next((each for each in steps if each["name"] == step_name), {})


def is_over(target: Target, job: str) -> bool:
    status = target.kubectl.get("job", job).get("status", {})
    return any(each["type"] in ("Complete", "Failed") for each in status.get("conditions", ()))


def identity(target: Target, job: str) -> tuple[Any, ...]:
    meta = target.kubectl.get("job", job)["metadata"]
    return meta["uid"], meta.get("deletionTimestamp"), meta["labels"], meta["ownerReferences"]


@pytest.mark.parametrize(
    ("case", "attempt", "change"),
    [
        ("name", "1", {"name": "forged-behind-gate"}),
        ("exact", "1", {}),
        ("kind", "1", {"owner": {"kind": "JobSet", "apiVersion": "jobset.x-k8s.io/v1alpha2"}}),
        ("many", "500", {}),
        ("digits", "01", {"name": "forged-digits"}),
        ("endless", "999999999", {"name": "forged-endless"}),
    ],
)
def test_nothing_passes_a_gate_by_a_planted_job(
    settled: Target, case: str, attempt: str, change: dict[str, Any]
) -> None:
    """The gate stays unanswered and what is behind it does not run, though a Job says that it has."""
    name = f"forged-gate-{case}"
    settled.submit(flow(name, GATE, step("deploy", "gate"), step("notify", "deploy")))
    settled.wait_for_step(name, "gate", "PendingApproval")
    job = plant(settled, name, "deploy", attempt, **change)
    eventually(lambda: is_over(settled, job), within=60, what=f"{job} is over")
    let_pass(1)
    status = settled.flow(name)["status"]
    assert {each["name"]: each["phase"] for each in status["steps"]} == {
        "gate": "PendingApproval",
        "deploy": "Pending",
        "notify": "Pending",
    }
    jobs = settled.kubectl.get("jobs", f"--selector=jobflow={name}")["items"]
    assert [each["metadata"]["name"] for each in jobs] == [job]
    settled.kubectl.run("delete", "jobflow", name)


def test_a_job_in_the_place_of_an_attempt_is_a_conflict_and_is_left_alone(settled: Target) -> None:
    """Under the very name, with the very labels and owner: its UID is not what our creation was answered."""
    settled.submit(flow("forged-place", step("a"), suspend=True))
    job = plant(settled, "forged-place", "a", suspend=True)
    before = identity(settled, job)
    settled.kubectl.run("patch", "jobflow", "forged-place", "--type=merge", '--patch={"spec":{"suspend":false}}')
    outcome = settled.finish("forged-place")
    assert (outcome.step("a")["phase"], outcome.step("a")["reason"]) == ("Failed", "ResourceConflict")
    assert job in outcome.step("a")["message"]
    assert identity(settled, job) == before


def test_two_jobs_of_one_step_hold_up_no_timeout(settled: Target) -> None:
    """The step times out, its own Job goes, the other stays; and a handful of status writes tell it."""
    settled.submit(flow("forged-late", step("w", work=LONG, timeoutSeconds=8, **retry(3))))
    settled.wait_for_step("forged-late", "w", "Running")
    job = plant(settled, "forged-late", "w", "2", work=LONG)
    outcome = settled.finish("forged-late", within=60)
    assert (outcome.step("w")["phase"], outcome.step("w")["reason"]) == ("Failed", "TimedOut")
    assert int(outcome.flow["metadata"]["generation"]) == 1
    assert identity(settled, job)[1] is None
    settled.kubectl.run("delete", "jobflow", "forged-late")


def test_a_later_attempt_beside_one_that_runs_is_none(settled: Target) -> None:
    """It fails, and the step goes on with the attempt it has."""
    settled.submit(flow("forged-beside", step("w", work=Work(seconds=8), **retry(3))))
    settled.wait_for_step("forged-beside", "w", "Running")
    job = plant(settled, "forged-beside", "w", "2", work=Work(codes=(1,)), backoffLimit=0)
    eventually(lambda: is_over(settled, job), within=60, what=f"{job} has failed")
    assert status_of(settled, "forged-beside", "w")["phase"] == "Running"
    outcome = settled.finish("forged-beside")
    assert (outcome.phase, outcome.step("w").get("retryCount", 0)) == ("Succeeded", 0)


def test_a_stray_job_does_not_start_a_flow_that_waits_for_its_turn(settled: Target) -> None:
    """Of a step that there is, or of one that there is not."""
    group = policy(concurrencyGroup="forged")
    templates = {"configMapTemplates": [{"metadata": {"name": "forged-config"}, "data": {"a": "b"}}]}
    settled.submit(flow("forged-hold", step("a", work=Work(seconds=12)), **group))
    settled.wait_for_step("forged-hold", "a", "Running")
    settled.submit(flow("forged-pend", step("a"), step("b"), resourceTemplates=templates, **group))
    plant(settled, "forged-pend", "zzz", suspend=True)
    let_pass(3)
    assert settled.flow("forged-pend")["status"]["phase"] == "Pending"
    assert not settled.kubectl.succeeds("get", "configmap", "forged-config")
    assert settled.finish("forged-hold").phase == "Succeeded"
    outcome = settled.finish("forged-pend")
    assert outcome.phase == "Succeeded"
    assert settled.kubectl.get("configmap", "forged-config")["data"] == {"a": "b"}


def test_a_failure_on_record_is_not_judged_by_a_pod_that_comes_later(settled: Target) -> None:
    """A Pod of the failed Job that ends as podFailurePolicy ignores: the Job controller looks at it no more."""
    ignoring = {"podFailurePolicy": on_exit_42()}
    waits = retry(1, duration="15s")
    settled.submit(flow("forged-pod", step("w", work=Work(codes=(1, 0)), **waits), **policy(**ignoring)))
    eventually(
        lambda: status_of(settled, "forged-pod", "w").get("reason") == "Backoff", within=60, what="the failure is told"
    )
    ref = status_of(settled, "forged-pod", "w")["jobRef"]
    failed = settled.kubectl.get("job", ref["name"])
    pod = step("w", work=Work(codes=(42,)))["template"]["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": ref["name"], "uid": ref["uid"], "controller": True}
    labels = failed["spec"]["template"]["metadata"]["labels"]
    metadata = {**pod["metadata"], "name": "forged-pod-42", "namespace": "default", "labels": labels}
    pod_of = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "ownerReferences": [owner]}}
    settled.kubectl.create({**pod_of, "spec": pod["spec"]})
    eventually(
        lambda: settled.kubectl.get("pod", "forged-pod-42").get("status", {}).get("phase") == "Failed",
        within=30,
        what="the planted Pod has failed",
    )
    told = status_of(settled, "forged-pod", "w")
    assert (told["phase"], told["exitCode"]) == ("Pending", 1)
    outcome = settled.finish("forged-pod")
    assert len(outcome.jobs("w")) == 2


def test_a_pod_without_an_owner_keeps_no_flow_waiting(settled: Target) -> None:
    """Though it has all our labels and the name of the group."""
    pod = step("x", work=LONG)["template"]["spec"]["template"]
    labels = {"workflow.zen.io/flow-uid": "whatever", "jobflow": "forged-weekly"}
    metadata = {**pod["metadata"], "name": "forged-weekly", "namespace": "default", "labels": labels}
    settled.kubectl.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]})
    settled.submit(flow("forged-weekly", step("a")))
    assert settled.finish("forged-weekly", within=60).phase == "Succeeded"
    settled.kubectl.run("delete", "pod", "forged-weekly", "--wait=false")


def test_a_planted_config_map_is_not_the_flows_own(settled: Target) -> None:
    """The owner reference names the flow; the contents are somebody else's."""
    name = "forged-map"
    template = {"metadata": {"name": name}, "data": {"run.sh": "echo hello"}}
    settled.submit(flow(name, step("a"), resourceTemplates={"configMapTemplates": [template]}, suspend=True))
    [owner] = job_metadata(name, settled.flow(name)["metadata"]["uid"])["ownerReferences"]
    metadata = {"name": name, "namespace": "default", "ownerReferences": [owner]}
    settled.kubectl.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"run.sh": "EVIL"}})
    settled.kubectl.run("patch", "jobflow", name, "--type=merge", '--patch={"spec":{"suspend":false}}')
    outcome = settled.finish(name)
    [failed] = [each for each in outcome.flow["status"]["conditions"] if each["type"] == "Failed"]
    assert failed["reason"] == "ResourceConflict"
    assert f"ConfigMap {name} exists and is not as its template says" in failed["message"]
    assert outcome.jobs("a") == []


def test_whatever_a_status_says_the_controller_goes_on(settled: Target) -> None:
    """Whoever may write it: numbers without end, times without an after. Another flow runs as ever."""
    settled.submit(flow("forged-status", step("a", work=LONG), suspend=True))
    forged = {
        "phase": "Running",
        "startTime": "9999-12-31T23:59:59Z",
        "steps": [
            {
                "name": "a",
                "phase": "Pending",
                "retryCount": 1000,
                "startTime": "0001-01-01T00:00:00Z",
                "jobRef": {"name": "nope", "uid": ""},
            }
        ],
    }
    patch = json.dumps({"status": forged})
    command = ("patch", "jobflow", "forged-status", "--type=merge", "--subresource=status", f"--patch={patch}")
    settled.kubectl.run(*command)
    settled.submit(flow("forged-neighbour", step("a")))
    assert settled.finish("forged-neighbour", within=60).phase == "Succeeded"
    settled.kubectl.run("delete", "jobflow", "forged-status")
