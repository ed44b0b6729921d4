"""Who may write Jobs and Pods that bear the marks of a flow."""

from typing import Any

import pytest

from zenflow.api import admission, children
from zenflow.api.editing import Right

UID = {"workflow.zen.io/flow-uid": "u-1"}
OWNER = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl", "uid": "u-1", "controller": True}
JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "x", "uid": "u-2"}


def child(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", **metadata}}


def only(*rights: Right) -> Any:
    return lambda right: right in rights


@pytest.mark.parametrize(
    ("metadata", "refused"),
    [
        ({}, False),
        ({"labels": {"jobflow": "etl", "app": "x"}}, False),
        ({"ownerReferences": [JOB]}, False),
        ({"ownerReferences": [{**OWNER, "apiVersion": "example.com/v1"}]}, False),
        ({"labels": UID}, True),
        ({"ownerReferences": [OWNER]}, True),
        ({"ownerReferences": [JOB, {**OWNER, "controller": False}]}, True),
    ],
    ids=["plain", "generic-label", "other-owner", "other-group", "label", "owner", "second-owner"],
)
def test_a_stranger_makes_nothing_that_looks_like_a_child(metadata: dict[str, Any], refused: bool) -> None:
    """Others' Jobs and Pods are nobody's business."""
    for resource in children.KINDS:
        assert bool(children.refusal(child(**metadata), None, "eve", resource, only())) is refused


@pytest.mark.parametrize(
    ("right", "jobs", "pods"),
    [(children.CREATE, True, False), (children.JOB_STATUS, False, True), (children.UPDATE, False, False)],
    ids=["controller", "job-controller", "collector"],
)
def test_who_may_make_children(right: Right, jobs: bool, pods: bool) -> None:
    """Jobs the controller alone; Pods also who may call a Job complete anyway."""
    marked = child(labels=UID)
    assert (not children.refusal(marked, None, "x", "jobs", only(right))) is jobs
    assert (not children.refusal(marked, None, "x", "pods", only(right))) is pods


def test_a_stranger_makes_no_pod_that_the_job_controller_would_count() -> None:
    """It adopts what bears its Job's label. On a Job the label says nothing: it comes with a copied template."""
    adopted = child(labels={children.LABEL_JOB: "u-2"})
    assert children.refusal(adopted, None, "eve", "pods", only()) == (
        "eve may not give Pod x the marks of a Job, nor take them; it takes the right to update jobs/status in batch"
    )
    assert not children.refusal(adopted, None, "eve", "jobs", only())


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, False),
        ({"annotations": {"x": "y"}, "finalizers": [], "labels": {**UID, "x": "y"}}, False),
        ({"labels": {}}, True),
        ({"labels": {**UID, "workflow.zen.io/attempt": "2"}}, True),
        ({"labels": {**UID, "jobflow": "other"}}, True),
        ({"annotations": {"workflow.zen.io/concurrency-group": "nightly"}}, True),
        ({"ownerReferences": []}, True),
    ],
    ids=["nothing", "others", "unmarked", "attempt", "flow", "group", "orphaned"],
)
def test_marks_stay_and_the_rest_is_everybody_s(change: dict[str, Any], refused: bool) -> None:
    """The garbage collector, which orphans, may update everything."""
    old = child(labels=UID, ownerReferences=[OWNER])
    new = {"metadata": {**old["metadata"], **change}}
    assert bool(children.refusal(new, old, "eve", "jobs", only())) is refused
    assert not children.refusal(new, old, "collector", "jobs", only(children.UPDATE))


def test_the_webhook_says_so() -> None:
    """As the policy does."""
    request = {
        "uid": "r-1",
        "operation": "CREATE",
        "resource": {"group": "batch", "version": "v1", "resource": "jobs"},
        "userInfo": {"username": "eve"},
        "object": child(labels=UID),
    }
    answer = admission.review({"request": request}, mutating=False, may=lambda _, right: False)
    assert answer["response"]["status"] == {
        "code": 403,
        "reason": "Forbidden",
        "message": 'jobs "x" is forbidden: eve may not give Job x the marks of a JobFlow, nor take them; '
        "it takes the right to create jobflows/children in workflow.zen.io",
    }
