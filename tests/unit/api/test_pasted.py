"""What Kubernetes generated in a pasted Job is told from what a person wrote."""

from typing import Any

import pytest

from zenflow.api import pasted

UID = "11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize("prefix", ["", "batch.kubernetes.io/"])
def test_labels_beside_the_uid_of_a_job_are_generated(prefix: str) -> None:
    """Kubernetes sets all of them together, by both names or, in older versions, by one."""
    labels = {f"{prefix}controller-uid": UID, f"{prefix}job-name": "ok", "team": "a"}
    assert pasted.written_labels(labels) == {"team": "a"}


def test_a_job_name_alone_was_written_by_a_person() -> None:
    """It is for `templates` to refuse, or on the Job itself to keep."""
    assert pasted.written_labels({"job-name": "train"}) == {"job-name": "train"}


@pytest.mark.parametrize("key", ["controller-uid", "batch.kubernetes.io/controller-uid"])
def test_a_selector_of_the_uid_is_generated(key: str) -> None:
    """And left out, for the next Job has another UID."""
    spec = {"selector": {"matchLabels": {key: UID}}, "parallelism": 2}
    assert pasted.written_spec(spec) == {"parallelism": 2}


@pytest.mark.parametrize(
    "spec",
    [
        {"selector": {"matchLabels": {"controller-uid": UID}}, "manualSelector": True},
        {"selector": {"matchLabels": {"app": "etl"}}},
        {"selector": {"matchLabels": {"controller-uid": UID}, "matchExpressions": [{"key": "app"}]}},
        {"selector": {"matchLabels": ["controller-uid"]}},
        {"selector": "controller-uid"},
    ],
)
def test_a_selector_of_ones_own_is_kept(spec: dict[str, Any]) -> None:
    """What is wrong with it is not decided here."""
    assert pasted.written_spec(spec) == spec


def test_notes_of_whoever_stored_it_are_left_out() -> None:
    """A copy of the whole Job in each Job, and the mark of an old Job controller."""
    notes = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "batch.kubernetes.io/job-tracking": ""}
    assert pasted.written_annotations({**notes, "note": "x"}) == {"note": "x"}
