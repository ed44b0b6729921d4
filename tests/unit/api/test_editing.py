"""Which changes of a flow take a right of their own."""

from typing import Any

import pytest

from tests.support.jobflows import flow, manual, step
from zenflow.api import editing

STORED, STAMP = "approved.workflow.zen.io/ok", "approved-by.workflow.zen.io/ok"


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return flow(manual("ok"), metadata=metadata)


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"annotations": {STORED: "true", STAMP: "alice"}}, ""),
        ({"annotations": {"workflow.zen.io/approved/ok": "true"}}, ""),
        ({"managedFields": [{}], "resourceVersion": "7", "labels": {}, "finalizers": []}, ""),
        ({"annotations": {"x": "y"}}, "metadata.annotations"),
        ({"labels": {"x": "y"}}, "metadata.labels"),
        ({"finalizers": ["example.com/hold"]}, "metadata.finalizers"),
        ({"ownerReferences": [{"uid": "gone"}]}, "metadata.ownerReferences"),
        ({"generateName": "nightly-"}, "metadata.generateName"),
    ],
    ids=["answer", "guide-key", "empty", "annotation", "label", "finalizer", "owner", "prefix"],
)
def test_everything_but_answers_is_an_edit(metadata: dict[str, Any], field: str) -> None:
    """A finalizer holds a flow for ever, an owner that is not there deletes it."""
    assert next(editing.changed(with_metadata(**metadata), with_metadata()), "") == field
    assert next(editing.changed(with_metadata(), with_metadata(**metadata)), "") == field


def test_the_spec_comes_first() -> None:
    """It is what a person asks about."""
    assert next(editing.changed(flow(step("a")), with_metadata(labels={"x": "y"}))) == "spec"


def test_more_annotations_than_anybody_has_are_not_compared() -> None:
    """The policy's comparison costs the API server the square of their number."""
    many = {str(i): "" for i in range(editing.MAX_ANNOTATIONS)}
    old = with_metadata(annotations=many)
    assert list(editing.changed(old, old)) == []
    assert list(editing.changed(with_metadata(annotations={**many, STORED: "true"}), old)) == ["metadata.annotations"]


REPLACE = {"concurrencyPolicy": "Replace"}
GROUPED = {"concurrencyGroup": "nightly"}


@pytest.mark.parametrize(
    ("policy", "old", "field"),
    [
        ({}, None, ""),
        ({"concurrencyPolicy": "Forbid"}, None, ""),
        (REPLACE, None, "spec.executionPolicy.concurrencyPolicy: Replace"),
        (GROUPED, None, "spec.executionPolicy.concurrencyGroup"),
        (REPLACE, {}, "spec.executionPolicy.concurrencyPolicy: Replace"),
        (GROUPED, {}, "spec.executionPolicy.concurrencyGroup"),
        (REPLACE, REPLACE, ""),
        ({**GROUPED, "ttlSecondsAfterFinished": 1}, GROUPED, ""),
        ({}, GROUPED, ""),
        (REPLACE, {**REPLACE, **GROUPED}, "spec.executionPolicy.concurrencyPolicy: Replace"),
    ],
    ids=["plain", "forbid", "replace", "group", "to-replace", "to-group", "same", "other-field", "left", "regrouped"],
)
def test_what_ends_others_or_holds_them_back(policy: Any, old: Any, field: str) -> None:
    """At create, and whenever the flow comes to rival with others than before."""
    before = None if old is None else flow(step("a"), executionPolicy=old)
    assert editing.reach(flow(step("a"), executionPolicy=policy), before) == field


def test_another_prefix_of_the_name_is_another_group() -> None:
    """The server lets generateName be changed."""
    old = flow(step("a"))
    assert editing.reach(flow(step("a"), metadata={"generateName": "nightly-"}), old) == "metadata.generateName"
    assert editing.reach(flow(step("a"), metadata={"generateName": "nightly-"}), None) == ""
