"""JobFlows, their Jobs, and how `kubectl` shows them (semantics.md, section 1)."""

import re
from typing import Any

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed

LONG = "n" * 63
LONG_STEP = "s" * 63
PLAIN = flow("plain", step("first"), step("second", "first"))


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(PLAIN, flow(LONG, step(LONG_STEP)))
    return target


@pytest.mark.proves("objects.kind", "objects.columns")
def test_kubectl_get_shows_phase_progress_and_age(submitted: Target) -> None:
    """By plural, short name and category; the message with `-o wide`."""
    submitted.finish("plain")
    for word in ("jobflows", "jobflow", "jf", "jobflows.v1alpha1.workflow.zen.io"):
        header, row = submitted.kubectl.run("get", word, "plain").splitlines()
        assert header.split() == ["NAME", "PHASE", "PROGRESS", "AGE"]
        assert row.split()[:3] == ["plain", "Succeeded", "2/2"]
    header, row = submitted.kubectl.run("get", "jf", "plain", "--output=wide").splitlines()
    assert header.split()[-1] == "MESSAGE" or "MESSAGE" in header.split()
    assert "2 of 2 steps succeeded" in row
    assert "jobflow.workflow.zen.io/plain" in submitted.kubectl.run("get", "all")


@pytest.mark.proves("objects.explain")
def test_kubectl_explain_knows_every_field(submitted: Target) -> None:
    """No field without a description."""
    explained = submitted.kubectl.run("explain", "jobflow.spec.steps.retryPolicy.backoff")
    assert "Base duration" in explained
    crd = submitted.kubectl.get("crd", "jobflows.workflow.zen.io")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(undescribed(schema["properties"]["spec"], "spec")) == []
    assert list(undescribed(schema["properties"]["status"], "status")) == []


def undescribed(schema: dict[str, Any], path: str) -> list[str]:
    """Paths of the fields below that have no description."""
    found = [] if schema.get("description") else [path]
    for name, child in schema.get("properties", {}).items():
        found += undescribed(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        child = schema.get(key)
        if isinstance(child, dict):
            found += [each for each in undescribed(child, f"{path}[]") if each != f"{path}[]"]
    return found


@pytest.mark.proves("objects.name-limit")
@pytest.mark.parametrize("name", [LONG + "x", "Upper"])
def test_a_name_that_can_be_no_label_is_refused(target: Target, name: str) -> None:
    """By the API server itself."""
    with pytest.raises(KubectlFailed):
        target.submit(flow(name, step("only")))


@pytest.mark.proves("objects.step-names")
@pytest.mark.parametrize("name", [LONG_STEP + "x", "Upper", "-dash", "under_score"])
def test_a_step_name_that_is_no_dns_label_is_refused(target: Target, name: str) -> None:
    """By the API server itself, naming the field."""
    with pytest.raises(KubectlFailed) as refused:
        target.submit(flow("named", step(name)))
    assert "spec.steps[0].name" in refused.value.stderr


@pytest.mark.proves("objects.labels", "objects.job-name", "objects.owner")
def test_a_job_and_its_pods_tell_whose_they_are(submitted: Target) -> None:
    """Name, labels, owner; names of the longest flow and step are cut to what fits."""
    for name, steps in (("plain", ["first", "second"]), (LONG, [LONG_STEP])):
        uid = submitted.finish(name).flow["metadata"]["uid"]
        jobs = {job["metadata"]["labels"]["workflow.zen.io/step"]: job for job in children(submitted, "jobs", name)}
        pods = children(submitted, "pods", name)
        assert sorted(jobs) == sorted(steps)
        assert len(pods) == len(steps)
        for job in jobs.values():
            assert len(job["metadata"]["name"]) <= 63
            assert re.fullmatch(r"[a-z]+-[a-z]+-1-[a-z2-7]{10}", job["metadata"]["name"])
            [owner] = job["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("JobFlow", name, uid, True)
        for child in (*jobs.values(), *pods):
            labels = child["metadata"]["labels"]
            assert labels["jobflow"] == name
            assert labels["workflow.zen.io/step"] in steps
            assert labels["workflow.zen.io/attempt"] == "1"
            assert labels["workflow.zen.io/flow-uid"] == uid
            assert child["metadata"]["annotations"]["workflow.zen.io/concurrency-group"] == name


def children(target: Target, kind: str, flow_name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.kubectl.get(kind, f"--selector=jobflow={flow_name}")["items"]
    return found


@pytest.mark.proves("objects.label-reserved")
def test_a_template_that_sets_one_of_the_labels_is_refused(target: Target) -> None:
    """At the latest by the controller, which starts nothing of such a flow."""
    made = step("only")
    made["template"]["metadata"] = {"labels": {"workflow.zen.io/step": "mine"}}
    try:
        target.submit(flow("reserved", made))
    except KubectlFailed as refused:
        told = refused.stderr
    else:
        outcome = target.finish("reserved")
        assert outcome.phase == "Failed"
        assert outcome.record.attempts(outcome.flow["metadata"]["uid"]) == {}
        told = outcome.flow["status"]["message"]
    assert "zenflow sets this label to tell whose Job it is" in told


@pytest.mark.proves("objects.foreign-untouched", "security.others-objects")
def test_a_job_with_our_labels_and_another_owner_is_not_ours(target: Target) -> None:
    """It is neither counted nor adopted, and outlives the flow whose labels it carries."""
    target.submit(flow("borrowed", step("first"), suspend=True))
    uid = target.flow("borrowed")["metadata"]["uid"]
    labels = {"jobflow": "borrowed", "workflow.zen.io/step": "first", "workflow.zen.io/attempt": "1"}
    job = {**step("first")["template"], "metadata": {"name": "not-ours", "namespace": "default"}}
    job["metadata"]["labels"] = {**labels, "workflow.zen.io/flow-uid": uid}
    job["spec"]["suspend"] = True
    target.kubectl.create(job)
    before = identity(target)
    target.kubectl.run("patch", "jobflow", "borrowed", "--type=merge", '--patch={"spec": {"suspend": false}}')
    outcome = target.finish("borrowed")
    assert outcome.phase == "Succeeded"
    assert "not-ours" not in outcome.step("first")["jobRef"]["name"]
    target.kubectl.run("delete", "jobflow", "borrowed", "--wait=true")
    assert identity(target) == before
    target.kubectl.run("delete", "job", "not-ours")


def identity(target: Target) -> Any:
    job = target.kubectl.get("job", "not-ours")
    kept = ("uid", "labels", "annotations", "ownerReferences", "finalizers", "generation")
    return {key: job["metadata"].get(key) for key in kept}, job["spec"]
