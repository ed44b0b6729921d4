"""Metadata of a flow's Jobs and their Pods, as the controller makes it; a test says what is different."""

from typing import Any

from zenflow.api import names

Object = dict[str, Any]


def job_metadata(flow: str, flow_uid: str, step: str = "a", attempt: int = 1, **more: Any) -> Object:
    """Of the Job of an attempt."""
    owner = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": flow, "uid": flow_uid, "controller": True}
    name = names.job_name(flow, flow_uid, step, attempt)
    return {"name": name, "labels": labels(flow, flow_uid, step, attempt), "ownerReferences": [owner], **more}


def pod_metadata(job: Object, job_uid: str, suffix: str = "x", **more: Any) -> Object:
    """Of a Pod of the Job with that metadata."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["name"], "uid": job_uid, "controller": True}
    name = f"{job['name'][:57]}-{suffix}"
    return {"name": name, "labels": job["labels"], "ownerReferences": [owner], **more}


def labels(flow: str, flow_uid: str, step: str, attempt: int) -> dict[str, str]:
    """Of both."""
    return {
        names.LABEL_FLOW: flow,
        names.LABEL_FLOW_UID: flow_uid,
        names.LABEL_STEP: step,
        names.LABEL_ATTEMPT: str(attempt),
    }
