"""The Pod that a Job makes: names, labels, owner and index. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from zenflow.local.loop.objects import COMPLETION_INDEX, JOBS, Job

# The characters of names that Kubernetes makes up: no vowels, no digits that look like them.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
MAX_GENERATED_BASE = 58

INDEX_VARIABLE: Mapping[str, Any] = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{COMPLETION_INDEX}']"}},
}


def build(job: Job, index: int | None, random: Callable[[], float]) -> dict[str, Any]:
    """The manifest of one Pod of the Job. `random` gives numbers in [0, 1) for its name."""
    template = job.spec.template
    metadata = template.get("metadata") or {}
    spec = dict(template.get("spec") or {})
    labels = {**_job_labels(job), **(metadata.get("labels") or {})}
    annotations = dict(metadata.get("annotations") or {})
    base = f"{job.metadata.name}-"
    if index is not None:
        base += f"{index}-"
        labels[COMPLETION_INDEX] = annotations[COMPLETION_INDEX] = str(index)
        _index_containers(spec)
        spec.setdefault("hostname", f"{job.metadata.name}-{index}")
    meta = {
        "name": base[:MAX_GENERATED_BASE] + _suffix(random),
        "generateName": base,
        "namespace": job.metadata.namespace,
        "labels": labels,
        "annotations": annotations,
        "finalizers": list(metadata.get("finalizers") or ()),
        "ownerReferences": [_owner(job)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {k: v for k, v in meta.items() if v}, "spec": spec}


def _job_labels(job: Job) -> dict[str, str]:
    """The labels that the API server puts into a Job's template; here in case it did not."""
    name, uid = job.metadata.name, job.metadata.uid
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def _owner(job: Job) -> dict[str, Any]:
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "name": job.metadata.name,
        "uid": job.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _index_containers(spec: dict[str, Any]) -> None:
    for field in ("initContainers", "containers"):
        if field in spec:
            spec[field] = [_with_index(container) for container in spec[field]]


def _with_index(container: Mapping[str, Any]) -> dict[str, Any]:
    env = container.get("env") or []
    if any(variable.get("name") == INDEX_VARIABLE["name"] for variable in env):
        return dict(container)
    return {**container, "env": [*env, INDEX_VARIABLE]}


def _suffix(random: Callable[[], float]) -> str:
    return "".join(ALPHABET[int(random() * len(ALPHABET))] for _ in range(SUFFIX_LENGTH))
