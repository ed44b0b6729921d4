"""From watch lines to slim structs."""

import json
from typing import Any

import pytest

from zenflow.api.types import ConcurrencyPolicy
from zenflow.controller.library import read
from zenflow.controller.objects import FlowRecord, decode_flow, decode_job


def flow(metadata: dict[str, Any] | None = None, spec: Any = None, status: Any = None) -> FlowRecord:
    body: dict[str, Any] = {"metadata": {"name": "etl", "namespace": "data", "uid": "u", **(metadata or {})}}
    body |= {key: value for key, value in (("spec", spec), ("status", status)) if value is not None}
    return decode_flow(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("metadata", "spec", "group"),
    [
        ({}, {}, "etl"),
        ({"name": "etl-x7", "generateName": "etl-"}, {}, "etl"),
        ({"generateName": "etl-"}, {"executionPolicy": {"concurrencyGroup": "nightly"}}, "nightly"),
    ],
)
def test_the_group_is_the_given_one_else_generate_name_else_the_name(
    metadata: dict[str, Any], spec: dict[str, Any], group: str
) -> None:
    """semantics.md, section 6."""
    assert flow(metadata, spec).group == group


def test_a_spec_of_a_wrong_shape_is_still_a_record() -> None:
    """Otherwise nobody could tell its author what is wrong with it."""
    record = flow(spec={"executionPolicy": {"concurrencyPolicy": 7}, "steps": "none"})
    assert record.policy is ConcurrencyPolicy.FORBID
    assert read(record).problems


def test_the_manifest_that_kubectl_keeps_is_not_kept_twice() -> None:
    """It is as large as the flow."""
    kept = flow({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}})
    assert kept.metadata.annotations == {"a": "b"}


def test_a_job_is_finished_by_its_conditions_and_not_by_a_promise_of_them() -> None:
    """FailureTarget is set while Pods still run."""

    def job(type_: str, status: str = "True") -> bool:
        conditions = [{"type": type_, "status": status}]
        return decode_job(
            json.dumps({"metadata": {"name": "j"}, "status": {"conditions": conditions}}).encode()
        ).is_finished

    assert job("Complete")
    assert job("Failed")
    assert not job("FailureTarget")
    assert not job("SuccessCriteriaMet")
    assert not job("Failed", "False")
