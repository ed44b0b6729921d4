"""What a step's template may hold. Reads raw steps.

A template is a batch/v1 Job of which labels, annotations and spec are taken. Its own name is ignored, as CronJob
ignores it, and so is what Kubernetes generated, so that a Job can be pasted in (`pasted`); what a person would miss if
it were ignored is refused. Fields and their types are `job_schema`'s business; the rest is for the API server to judge
when the Job is created.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zenflow.api import pasted
from zenflow.api.labels import check_annotations, check_labels
from zenflow.api.names import LABEL_FLOW, LABEL_STEP, LABELS_JOB_NAME, RESERVED_LABELS
from zenflow.api.problems import Problem, Reason, entry, path, quote
from zenflow.api.translation import of_type, unsupported

_OWNED = {
    "ownerReferences": "the flow owns its Jobs",
    "finalizers": "a flow must be able to delete its Jobs",
}


def check(steps: Sequence[Any], field: str, namespace: str) -> Iterator[Problem]:
    """Job steps without template, Manual steps with one, and templates that a flow can't run as they stand.

    `namespace` is the flow's, empty where it isn't known yet.
    """
    for i, step in enumerate(steps):
        if isinstance(step, Mapping):
            yield from _check_step(step, path(field, i), namespace)


def container_names(template: Mapping[str, Any]) -> frozenset[str]:
    """The names of all containers of a template that passed `check`, init containers included."""
    pod = ((template.get("spec") or {}).get("template") or {}).get("spec") or {}
    found = (each for field in ("initContainers", "containers") for each in containers(pod.get(field)))
    return frozenset(str(container.get("name", "")) for container in found)


def containers(field: Any) -> Iterator[Mapping[str, Any]]:
    """Those of a Pod's containers that are objects at all; what else stands there the API server will refuse."""
    yield from (each for each in (field if isinstance(field, list) else ()) if isinstance(each, Mapping))


def _check_step(step: Mapping[str, Any], field: str, namespace: str) -> Iterator[Problem]:
    where, template, name = path(field, "template"), step.get("template"), quote(step.get("name", ""))
    if step.get("type") == "Manual":
        if template is not None:
            message = f"step {name} is Manual and has a template"
            yield Problem(where, "", message, "remove the template or set type to Job", Reason.FORBIDDEN)
    elif template is None:
        if step.get("type") in (None, "Job"):
            message = f"step {name} has no template"
            yield Problem(where, "", message, "add the batch/v1 Job to run or set type to Manual", Reason.REQUIRED)
    elif isinstance(template, Mapping):
        yield from _check_template(template, where, namespace)


def _check_template(template: Mapping[str, Any], field: str, namespace: str) -> Iterator[Problem]:
    for key, known in (("apiVersion", "batch/v1"), ("kind", "Job")):
        if template.get(key) is not None and template[key] != known:
            yield unsupported(path(field, key), template[key], known)
    yield from _check_job_metadata(template.get("metadata"), path(field, "metadata"), namespace)
    spec = template.get("spec")
    where = path(field, "spec")
    if spec is None:
        yield Problem(where, "", "the template has no spec", "add the Job's spec", Reason.REQUIRED)
    elif not isinstance(spec, Mapping):
        yield of_type(where, spec, "object")
    else:
        yield from _check_selector(spec, where)
        yield from _check_pod(spec.get("template"), path(where, "template"))


def _check_job_metadata(metadata: Any, field: str, namespace: str) -> Iterator[Problem]:
    yield from _check_labels(metadata, field)
    if not isinstance(metadata, Mapping):
        return
    own = metadata.get("namespace")
    if own and namespace and own != namespace:
        message = f"Jobs run in the namespace of their flow, {quote(namespace)}"
        yield Problem(path(field, "namespace"), quote(own), message, "remove it")
    for key, why in _OWNED.items():
        if metadata.get(key):
            yield Problem(path(field, key), "", why, "remove it", Reason.FORBIDDEN)


def _check_selector(spec: Mapping[str, Any], field: str) -> Iterator[Problem]:
    """Selector and labels by which a Job knows its Pods: Kubernetes makes them, and refuses any others."""
    if spec.get("manualSelector") is True:
        return
    selector = spec.get("selector")
    if selector and not pasted.is_generated(selector):
        remedy = "remove it, or set manualSelector: true if you know that no other Pods match it"
        yield Problem(path(field, "selector"), "", "Kubernetes selects the Pods of a Job by its UID", remedy)
    pod = spec.get("template")
    metadata = pod.get("metadata") if isinstance(pod, Mapping) else None
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    if isinstance(labels, Mapping):
        for label in sorted(LABELS_JOB_NAME.intersection(pasted.written_labels(labels))):
            where = entry(path(field, "template", "metadata", "labels"), label)
            message = "Kubernetes sets this label to the name of each Job"
            remedy = f"remove it; {LABEL_STEP} and {LABEL_FLOW} are the labels that select the Pods of a step"
            yield Problem(where, quote(labels[label]), message, remedy)


def _check_pod(pod: Any, field: str) -> Iterator[Problem]:
    if pod is None:
        yield Problem(field, "", "the Job has no Pod template", "add one with its containers", Reason.REQUIRED)
        return
    if not isinstance(pod, Mapping):
        yield of_type(field, pod, "object")
        return
    yield from _check_labels(pod.get("metadata"), path(field, "metadata"))
    spec = pod.get("spec")
    if not isinstance(spec, Mapping) or not isinstance(spec.get("containers"), list) or not spec["containers"]:
        where = path(field, "spec", "containers")
        yield Problem(where, "", "the Pod has no containers", "list at least one", Reason.REQUIRED)
    elif spec.get("restartPolicy") not in (None, "Never", "OnFailure"):
        yield unsupported(path(field, "spec", "restartPolicy"), spec["restartPolicy"], "Never", "OnFailure")


def _check_labels(metadata: Any, field: str) -> Iterator[Problem]:
    """Labels and annotations as Kubernetes takes them; those that tell whose Job it is are ours."""
    if metadata is not None and not isinstance(metadata, Mapping):
        yield of_type(field, metadata, "object")
        return
    labels = (metadata or {}).get("labels")
    yield from check_labels(labels, path(field, "labels"))
    yield from check_annotations((metadata or {}).get("annotations"), path(field, "annotations"))
    if not isinstance(labels, Mapping):
        return
    for label in sorted(RESERVED_LABELS.intersection(labels)):
        message = "zenflow sets this label to tell whose Job it is"
        yield Problem(entry(path(field, "labels"), label), quote(labels[label]), message, "remove it")
