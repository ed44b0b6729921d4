"""From watch lines to slim structs."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from zenflow.api.types import ConcurrencyPolicy
from zenflow.api.validation import MAX_DEPTH
from zenflow.controller.objects import (
    FlowRecord,
    Job,
    Pod,
    decode_existing,
    decode_flow,
    decode_job,
    decode_metadata,
    decode_pod,
    remains_of,
)
from zenflow.controller.parsed_flows import read
from zenflow.runtime.errors import Undecodable


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


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize("levels", [MAX_DEPTH, 300, 1_200, 9_000])
def test_a_spec_of_any_depth_is_still_a_record_and_refused_for_its_depth(levels: int) -> None:
    """Never run without what was left out; the API server takes 10,000 levels."""
    steps = f'[{{"name":"s","template":{{"spec":{nested(levels)}}}}}]'
    body = f'{{"metadata":{{"name":"etl","namespace":"data","uid":"u"}},"spec":{{"suspend":true,"steps":{steps}}}}}'
    record = decode_flow(body.encode())
    assert record.is_suspended
    reading = read(record)
    assert reading.graph is None
    assert "spec.steps[0]: Invalid value: is nested more than 100 levels deep; make it flatter" in reading.problems


@pytest.mark.parametrize("decoder", [decode_job, decode_pod, decode_flow, decode_metadata])
def test_metadata_of_any_depth_is_read(decoder: Callable[[bytes], Any]) -> None:
    """managedFields are written by whoever may create the object, and read by nobody here."""
    fields = f'[{{"manager":"m","fieldsV1":{nested(9_000)}}}]'
    item = decoder(f'{{"metadata":{{"managedFields":{fields},"name":"x"}}}}'.encode())
    assert getattr(item, "metadata", item).name == "x"


@pytest.mark.parametrize("decoder", [decode_job, decode_pod])
def test_a_status_that_cannot_be_read_is_told_of_its_object(decoder: Callable[[bytes], Job | Pod]) -> None:
    """A date of the year 0 is one that the API server takes, and Python does not."""
    conditions = [{"type": "Failed", "status": "True", "lastTransitionTime": "0000-01-01T00:00:00Z"}]
    body = json.dumps({"metadata": {"name": "x", "uid": "u"}, "status": {"conditions": conditions}}).encode()
    with pytest.raises(Undecodable):
        decoder(body)
    remains = remains_of(decoder, body)
    assert remains.metadata.uid == "u"
    (condition,) = remains.status.conditions
    assert condition.type == "Unreadable"
    assert "unreadable" in condition.message


def test_what_has_no_readable_owner_has_none() -> None:
    """It is somebody else's, whatever it is."""
    assert decode_existing(b'{"metadata":7}').controller_uid == ""
    with pytest.raises(Undecodable):
        remains_of(decode_job, b'{"metadata":7}')


def test_of_a_flow_s_metadata_only_what_is_read_is_kept() -> None:
    """kubectl keeps the whole manifest in an annotation, and others what they like."""
    last_applied = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 1_000, "team": "b"}
    answers = {"approved.workflow.zen.io/a": "true", "approved-by.workflow.zen.io/a": "alice"}
    kept = flow({"annotations": {**last_applied, **answers}, "labels": {"team": "b"}})
    assert kept.metadata.annotations == answers
    assert kept.metadata.labels == {}


@pytest.mark.parametrize("decoder", [decode_job, decode_pod])
def test_of_a_child_s_metadata_only_what_is_read_is_kept(decoder: Callable[[bytes], Job | Pod]) -> None:
    """Whoever may create Jobs or Pods may have them watched, with all that etcd takes."""
    ours = {
        "workflow.zen.io/flow-uid": "u",
        "workflow.zen.io/step": "s",
        "workflow.zen.io/attempt": "1",
        "jobflow": "f",
    }
    owner = {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "x"}
    metadata = {
        "name": "x",
        "labels": {**ours, **{f"l{number}": "x" for number in range(1_000)}},
        "annotations": {"a": "x" * 250_000, "workflow.zen.io/concurrency-group": "g"},
        "ownerReferences": [{**owner, "controller": True}, *[{**owner, "uid": f"u{n}"} for n in range(1_000)]],
    }
    meta = decoder(json.dumps({"metadata": metadata}).encode()).metadata
    assert meta.labels == ours
    assert meta.annotations == {"workflow.zen.io/concurrency-group": "g"}
    assert [each.uid for each in meta.owner_references] == ["x"]
    metadata["annotations"] = {"workflow.zen.io/concurrency-group": "g" * 250_000}
    metadata["ownerReferences"] = [{**owner, "name": "n" * 250_000, "controller": True}]
    meta = decoder(json.dumps({"metadata": metadata}).encode()).metadata
    assert len(msgspec.json.encode(meta)) < 1_000


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
