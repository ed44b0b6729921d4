"""Bodies that tenants send: flows, Jobs, Pods, Events, and JSON that no library would write."""

import json
from collections.abc import Mapping
from typing import Any

from tests.e2e.flows import Work, container, pod_template, step

RAW = "@raw@"


def flow(name: str, *steps: Mapping[str, Any], annotations: Mapping[str, str] | None = None, **spec: Any) -> Any:
    """A JobFlow without a namespace, so that it goes where it is sent."""
    metadata = {"name": name, **({"annotations": dict(annotations)} if annotations else {})}
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": metadata,
        "spec": {**spec, "steps": list(steps)},
    }


def gate(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A Manual step."""
    return {"name": name, "type": "Manual", **({"dependencies": list(after)} if after else {}), **fields}


def with_raw(body: Any, raw: str) -> bytes:
    """The JSON of `body` in which the string RAW is replaced by text that may be any JSON, however deep."""
    text = json.dumps(body)
    assert text.count(f'"{RAW}"') == 1
    return text.replace(f'"{RAW}"', raw).encode()


def nested(depth: int, shape: str = "object") -> str:
    """A value of so many levels."""
    opening, closing = {"object": ('{"a":', "}"), "array": ("[", "]")}[shape]
    return opening * depth + "1" + closing * depth


def nested_fields(depth: int) -> str:
    """A fieldsV1 as server-side apply keeps it, of so many levels."""
    return '{"f:metadata":{"f:annotations":' + '{"f:a":' * depth + "{}" + "}" * depth + "}}"


def managed(raw: str = RAW) -> list[dict[str, Any]]:
    """managedFields with one entry, whose fields are `raw`."""
    entry = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    return [{**entry, "time": "2026-01-01T00:00:00Z", "fieldsV1": raw}]


def owner(flow: Mapping[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """An ownerReference as the controller writes it, changed by `fields`."""
    metadata = flow["metadata"]
    reference = {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [{**reference, **fields}]


def marks(flow: Mapping[str, Any], step: str, attempt: str) -> dict[str, str]:
    """The labels that tell whose Job it is."""
    metadata = flow["metadata"]
    return {
        "jobflow": metadata["name"],
        "workflow.zen.io/flow-uid": metadata["uid"],
        "workflow.zen.io/step": step,
        "workflow.zen.io/attempt": attempt,
    }


def job(name: str, *, codes: tuple[int, ...] = (0,), seconds: float = 0, **metadata: Any) -> dict[str, Any]:
    """A batch/v1 Job whose Pods end as told."""
    template = pod_template(name, Work(seconds=seconds, codes=codes))
    labels = metadata.get("labels", {})
    template["metadata"]["labels"] = {key: value for key, value in labels.items() if len(value) < 64}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **metadata},
        "spec": {"backoffLimit": 0, "template": template},
    }


def pod(name: str, *, codes: tuple[int, ...] = (0,), **metadata: Any) -> dict[str, Any]:
    """A bare Pod whose container `main` ends as told."""
    made = pod_template(name, Work(codes=codes))
    annotations = {**made["metadata"]["annotations"], **metadata.pop("annotations", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations, **metadata},
        "spec": made["spec"],
    }


def event(name: str, about: Mapping[str, Any], kind: str, **fields: Any) -> dict[str, Any]:
    """A Warning about an object of the same namespace."""
    metadata = about["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "kind": kind,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": "Warning",
        "reason": "FailedMount",
        "message": "cannot mount",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        **fields,
    }


def template_with(**fields: Any) -> dict[str, Any]:
    """A step's template whose Pod spec has more fields, or others."""
    made = step("x")["template"]
    made["spec"]["template"]["spec"].update(fields)
    return dict(made)


def job_step(name: str, *after: str, template: Any, **fields: Any) -> dict[str, Any]:
    """A step with a template that may be anything."""
    return {"name": name, **({"dependencies": list(after)} if after else {}), **fields, "template": template}


__all__ = ["Work", "container", "step"]
