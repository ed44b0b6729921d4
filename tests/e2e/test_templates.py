"""A template means what it says: mistakes end the flow before anything runs, and what is good runs."""

import copy
import json
import subprocess
from typing import Any

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import ZENFLOW, Target
from tests.support.waiting import eventually

pytestmark = pytest.mark.served

INDEXED = {"completionMode": "Indexed", "completions": 2, "parallelism": 2}
UID = "11111111-1111-1111-1111-111111111111"
GENERATED = {
    "batch.kubernetes.io/controller-uid": UID,
    "batch.kubernetes.io/job-name": "ok",
    "controller-uid": UID,
    "job-name": "ok",
}


def with_six_mistakes(name: str) -> dict[str, Any]:
    """Four that the schema shows, two that only the Job's own validation finds."""
    made = step("first")
    spec = made["template"]["spec"]
    spec["backofLimit"] = 0
    main = spec["template"]["spec"]["containers"][0]
    main["comand"] = main.pop("command")
    main["env"] = [{"name": "PORT", "value": 5432}]
    main["resources"] = {"limits": {"cpu": "1x"}}
    main["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    spec["template"]["spec"]["containers"].append({"name": "main", "image": "busybox:latest"})
    return flow(name, step("before"), step("after", "before", "first"), made)


def test_mistakes_in_a_template_end_the_flow_before_anything_runs(target: Target) -> None:
    """Failed, InvalidSpec, with every mistake that the schema shows and what to write instead; no Job was made."""
    target.submit(with_six_mistakes("mistakes"))
    outcome = target.finish("mistakes")
    condition = next(one for one in outcome.flow["status"]["conditions"] if one["type"] == "Failed")
    message = outcome.flow["status"]["message"]
    assert condition["reason"] == "InvalidSpec"
    at = "spec.steps[2].template.spec"
    for told in (
        f'{at}.backofLimit: Forbidden: there is no such field; did you mean "backoffLimit"?',
        f'{at}.template.spec.containers[0].comand: Forbidden: there is no such field; did you mean "command"?',
        f"{at}.template.spec.containers[0].env[0].value: Invalid value: 5432: must be of type string; write it in",
        f'{at}.template.spec.containers[0].resources.limits[cpu]: Invalid value: "1x": must be a number and a unit',
    ):
        assert told in message
    assert target.kubectl.get("jobs", "--selector=jobflow=mistakes")["items"] == []
    assert "job schema read" in target.controller.output()


def test_lint_names_all_six_with_and_without_the_cluster(target: Target) -> None:
    """One line each; the cluster knows no more of this one."""
    obj = json.dumps(with_six_mistakes("six"))
    for flags in ((), ("--server", f"--kubeconfig={target.kubectl.kubeconfig}")):
        status, lines = lint(obj, *flags)
        assert (status, len(lines)) == (2, 7)
        assert lines[-1] == "1 flow in 1 file: 6 problems"


def test_lint_asks_the_cluster(target: Target) -> None:
    """It knows which namespaces there are; a good flow is good there, and nothing is left behind."""
    flags = ("--server", f"--kubeconfig={target.kubectl.kubeconfig}")
    good = flow("asked", step("first"), step("second", "first", job=INDEXED))
    assert lint(json.dumps(good), *flags) == (0, ["1 flow in 1 file: all good"])
    assert target.kubectl.get("jobflows", "--field-selector=metadata.name=asked")["items"] == []
    elsewhere = {**good, "metadata": {"name": "asked", "namespace": "nowhere"}}
    status, lines = lint(json.dumps(elsewhere), *flags)
    assert status == 2
    assert all('"nowhere" not found' in line for line in lines[:-1])


def lint(text: str, *flags: str) -> tuple[int, list[str]]:
    """The exit status and what was printed."""
    done = subprocess.run((*ZENFLOW, "lint", *flags, "-"), input=text, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "step_name"),
    [
        ("nightly-customer-analytics-export-production", "aggregate-and-upload-partitions"),
        ("release.v1.2", "one"),
        ("x" * 18 + "." + "y" * 44, "z" * 63),
    ],
    ids=["long", "dotted", "both"],
)
def test_indexed_pods_have_valid_host_names_whatever_the_flow_is_called(
    target: Target, name: str, step_name: str
) -> None:
    """Kubernetes makes them of the Job's name and refuses the Job where they are no DNS labels."""
    target.submit(flow(name, step(step_name, job=INDEXED)))
    assert target.finish(name).phase == "Succeeded"


def test_a_live_job_can_be_pasted_in(target: Target) -> None:
    """With all that Kubernetes generated in it, which is another Job's."""
    made = step("only")
    spec = made["template"]["spec"]
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}
    spec["template"]["metadata"] |= {"labels": dict(GENERATED), "creationTimestamp": None}
    made["template"] |= {
        "metadata": {"name": "ok", "uid": UID, "resourceVersion": "750", "labels": dict(GENERATED)},
        "status": {"succeeded": 1},
    }
    target.submit(flow("pasted", made))
    assert target.finish("pasted").phase == "Succeeded"


def test_the_pods_of_a_step_find_each_other(target: Target) -> None:
    """A Service that selects by flow and step has them all; their host names begin with what each can read."""
    made = step("train", job=copy.deepcopy(INDEXED))
    made["template"]["spec"]["template"]["spec"]["subdomain"] = "peers"
    target.submit(flow("peers", made, step("other")))
    assert target.finish("peers").phase == "Succeeded"
    selector = "--selector=jobflow=peers,workflow.zen.io/step=train"
    pods = eventually(lambda: target.kubectl.get("pods", selector)["items"], within=30, what="Pods of the step")
    [job] = target.kubectl.get("jobs", selector)["items"]
    job_name = job["metadata"]["name"]
    assert sorted(pod["spec"]["hostname"] for pod in pods) == [f"{job_name}-0", f"{job_name}-1"]
    assert {pod["spec"]["subdomain"] for pod in pods} == {"peers"}
    assert {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in pods} == {job_name}


def test_an_exit_code_that_is_ignored_is_ignored_at_once(target: Target) -> None:
    """The flow's podFailurePolicy judges, and the Job does not retry six times first."""
    policy = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}
    made = step("fails")
    container = made["template"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["sh", "-c", "exit 3"]
    made["template"]["spec"]["template"]["metadata"]["annotations"]["fake.zenflow.test/exit-codes"] = "3"
    target.submit(flow("ignored", made, executionPolicy={"podFailurePolicy": policy}))
    outcome = target.finish("ignored", within=60)
    assert outcome.phase == "Succeeded"
    [job] = target.kubectl.get("jobs", "--selector=jobflow=ignored")["items"]
    assert job["spec"]["backoffLimit"] == 0
