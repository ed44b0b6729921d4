"""Whose child an object is: everything must be as we make it, and any part that is not makes it a stranger."""

import json
from typing import Any

import pytest

from tests.support.children import job_metadata, pod_metadata
from zenflow.api import names
from zenflow.api.types import RetryPolicy, Step, StepType
from zenflow.controller.objects import Job, Pod, decode_job, decode_pod
from zenflow.controller.ownership import flow_uid, has_marks, has_place, is_attempt, is_attempts_pod, is_pod_of

OURS = job_metadata("etl", "uid-etl", "load", 2)


def job(metadata: dict[str, Any]) -> Job:
    return decode_job(json.dumps({"metadata": metadata}).encode())


def pod(metadata: dict[str, Any]) -> Pod:
    return decode_pod(json.dumps({"metadata": metadata}).encode())


def owned(**owner: Any) -> dict[str, Any]:
    """The Job with another owner reference."""
    return {**OURS, "ownerReferences": [{**OURS["ownerReferences"][0], **owner}]}


def labelled(**labels: str) -> dict[str, Any]:
    """The Job with another label."""
    keys = {
        "flow": names.LABEL_FLOW,
        "uid": names.LABEL_FLOW_UID,
        "step": names.LABEL_STEP,
        "attempt": names.LABEL_ATTEMPT,
    }
    return {**OURS, "labels": {**OURS["labels"], **{keys[key]: value for key, value in labels.items()}}}


def test_what_we_make_is_ours() -> None:
    ours = job(OURS)
    assert has_marks(ours)
    assert is_attempt(ours)
    assert flow_uid(ours.metadata) == "uid-etl"
    assert (ours.step, ours.attempt) == ("load", 2)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(owned(kind="JobSet"), id="owner of another kind"),
        pytest.param(owned(apiVersion="jobset.x-k8s.io/v1alpha2"), id="owner of another group"),
        pytest.param(owned(apiVersion="v1alpha1"), id="owner without a group"),
        pytest.param(owned(controller=False), id="owner that does not control"),
        pytest.param({**OURS, "ownerReferences": []}, id="no owner"),
    ],
)
def test_only_a_controlling_job_flow_is_an_owner(metadata: dict[str, Any]) -> None:
    """Group and kind count, not the UID alone: a UID is only a text in an owner reference."""
    assert flow_uid(job(metadata).metadata) == ""
    assert not has_marks(job(metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(owned(name="other"), id="owner's name is not the label's"),
        pytest.param(owned(uid="uid-other"), id="owner's UID is not the label's"),
        pytest.param(labelled(flow="other"), id="label of another flow"),
        pytest.param(labelled(uid="uid-other"), id="label of another UID"),
        pytest.param(labelled(step=""), id="no step"),
        pytest.param(labelled(attempt=""), id="no attempt"),
    ],
)
def test_owner_and_labels_must_say_the_same(metadata: dict[str, Any]) -> None:
    assert not has_marks(job(metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({**OURS, "name": "forged"}, id="another name"),
        pytest.param(labelled(step="other"), id="the name of another step"),
        pytest.param(labelled(attempt="1"), id="the name of another attempt"),
    ],
)
def test_the_name_must_follow_from_the_identity(metadata: dict[str, Any]) -> None:
    """Two steps whose names are cut alike and whose hashes collide are told apart by the labels."""
    assert has_marks(job(metadata))
    assert not is_attempt(job(metadata))


@pytest.mark.parametrize(
    "text", ["0", "01", "+1", "-1", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "٣", "²", "1002", "999999999", "9" * 63, ""]
)
def test_a_number_counts_only_as_we_write_it(text: str) -> None:
    """Python reads more texts as numbers than anybody should write, and some of them are very large."""
    assert job(labelled(attempt=text)).attempt == 0


@pytest.mark.parametrize("number", [1, 9, 10, 999, 1000, names.MAX_ATTEMPTS])
def test_every_number_of_an_attempt_is_read(number: int) -> None:
    assert job(labelled(attempt=str(number))).attempt == number


def test_a_pod_is_of_the_job_that_controls_it_by_name_and_uid() -> None:
    ours = pod_metadata(OURS, "uid-job")
    assert is_pod_of(pod(ours), OURS["name"], "uid-job")
    for change in ({"uid": "other"}, {"name": "other"}, {"kind": "ReplicaSet"}, {"apiVersion": "v1"}):
        forged = {**ours, "ownerReferences": [{**ours["ownerReferences"][0], **change}]}
        assert not is_pod_of(pod(forged), OURS["name"], "uid-job"), change


@pytest.mark.parametrize(
    ("step", "has"),
    [
        (Step(name="load", template={}, retry_policy=RetryPolicy(limit=1)), True),
        (Step(name="load", template={}, retry_policy=RetryPolicy(limit=0)), False),
        (Step(name="load", template={}), False),
        (Step(name="load", type=StepType.MANUAL), False),
    ],
)
def test_a_step_has_place_for_one_attempt_more_than_retries(step: Step, has: bool) -> None:
    """The Job is the second attempt; a Manual step has none."""
    assert has_place(job(OURS), step) is has


def test_a_pod_of_a_job_that_is_gone_is_known_by_its_owners_name() -> None:
    """A Pod without an owner, or of anything but the attempt that its labels name, is nobody's."""
    ours = pod_metadata(OURS, "uid-job")
    assert is_attempts_pod(pod(ours))
    assert not is_attempts_pod(pod({**ours, "ownerReferences": []}))
    assert not is_attempts_pod(pod({**ours, "labels": {names.LABEL_FLOW_UID: "whatever", names.LABEL_FLOW: "etl"}}))
    assert not is_attempts_pod(pod(pod_metadata({**OURS, "name": "any"}, "uid-job")))
