"""Builders of Jobs and Pods as the API server would hold them."""

from datetime import datetime
from typing import Any

import msgspec

from zenflow.local.loop.objects import Job, Pod


def job(name: str = "build", *, uid: str = "job-uid", status: dict[str, Any] | None = None, **spec: Any) -> Job:
    """A Job of one completion; `spec` overrides its fields."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "command": ["true"]}]}}
    metadata = {"name": name, "namespace": "default", "uid": uid}
    whole = {"completions": 1, "template": template, **spec}
    return msgspec.convert({"metadata": metadata, "spec": whole, "status": status or {}}, Job)


def pod(  # noqa: PLR0913 - each is something that a test is about
    name: str = "pod",
    phase: str = "Running",
    *,
    index: int | None = None,
    exit_code: int | None = None,
    finished_at: datetime | None = None,
    deleted_at: datetime | None = None,
    restarts: int = 0,
    spec: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
) -> Pod:
    """A Pod with one container `main`, its uid equal to its name."""
    metadata: dict[str, Any] = {"name": name, "namespace": "default", "uid": name, "labels": labels or {}}
    if index is not None:
        metadata["annotations"] = {"batch.kubernetes.io/job-completion-index": str(index)}
    if deleted_at is not None:
        metadata["deletionTimestamp"] = deleted_at
    container: dict[str, Any] = {"name": "main", "restartCount": restarts}
    if exit_code is not None:
        container["state"] = {"terminated": {"exitCode": exit_code, "finishedAt": finished_at}}
    status = {"phase": phase, "containerStatuses": [container]}
    whole = {"containers": [{"name": "main", "command": ["true"]}], "restartPolicy": "Never", **(spec or {})}
    return msgspec.convert({"metadata": metadata, "spec": whole, "status": status}, Pod)
