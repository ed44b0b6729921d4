"""The Pod that a Job makes."""

from itertools import cycle
from typing import Any

import pytest

from tests.support.workloads import job
from zenflow.local.controllers import job_pod
from zenflow.local.loop.objects import COMPLETION_INDEX


def build(index: int | None = None, **spec: Any) -> dict[str, Any]:
    numbers = cycle((0.0, 0.5, 0.999))
    return job_pod.build(job(**spec), index, lambda: next(numbers))


def test_the_name_is_the_jobs_and_five_characters() -> None:
    """From the alphabet of generated names, chosen by the numbers given."""
    assert build()["metadata"]["name"] == "build-br9br"


def test_the_owner_is_the_job() -> None:
    """A controller reference that blocks its owner's foreground deletion."""
    (owner,) = build()["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("job-uid", True, True)


def test_labels_of_template_and_job_are_joined() -> None:
    """The template's own labels stay; those that find a Job's Pods are added."""
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}}
    labels = build(template=template)["metadata"]["labels"]
    assert (labels["app"], labels["job-name"], labels["batch.kubernetes.io/controller-uid"]) == (
        "x",
        "build",
        "job-uid",
    )


def test_an_index_is_told_in_every_way() -> None:
    """Annotation, label, hostname, name, and a variable in every container."""
    made = build(3)
    meta, spec = made["metadata"], made["spec"]
    assert (meta["annotations"][COMPLETION_INDEX], meta["labels"][COMPLETION_INDEX]) == ("3", "3")
    assert (spec["hostname"], meta["generateName"]) == ("build-3", "build-3-")
    assert [v["name"] for v in spec["containers"][0]["env"]] == ["JOB_COMPLETION_INDEX"]


def test_a_variable_that_the_template_sets_is_left_alone() -> None:
    """Whoever sets JOB_COMPLETION_INDEX himself means it."""
    own = {"name": "JOB_COMPLETION_INDEX", "value": "mine"}
    template = {"spec": {"containers": [{"name": "main", "env": [own]}]}}
    assert build(0, template=template)["spec"]["containers"][0]["env"] == [own]


@pytest.mark.parametrize("index", [None, 2])
def test_the_template_is_not_changed(index: int | None) -> None:
    """The Job is shared by all who read the cache."""
    source = job()
    before = repr(source.spec.template)
    job_pod.build(source, index, lambda: 0.0)
    assert repr(source.spec.template) == before


def test_a_long_name_leaves_room_for_its_suffix() -> None:
    """63 characters is what a name as hostname may have."""
    made = job_pod.build(job("j" * 63), None, lambda: 0.0)
    assert len(made["metadata"]["name"]) == 63
