"""The Job, claim or ConfigMap for an action: the template, plus what the docs say is added. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from zenflow.api import names, pasted
from zenflow.api.types import ConfigMapTemplate, FlowMeta, JobFlow, Step, TemplateMeta, VolumeClaimTemplate

Manifest = dict[str, Any]


class _Marks(NamedTuple):
    """What tells whose a Job is, and its Pods."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def job(flow: JobFlow, step: Step, attempt: int) -> bytes:
    """The Job of one attempt (semantics.md, sections 1 and 4).

    Added to the template: name, labels and concurrency group (also on the Pods), owner; restartPolicy Never and
    terminationMessagePolicy FallbackToLogsOnError where the template chooses none; backoffLimit 0 where the step has a
    retryPolicy or the flow a podFailurePolicy, and the template neither a backoffLimit nor a backoffLimitPerIndex.
    Left out: ttlSecondsAfterFinished, and what Kubernetes had generated in a Job that was pasted in.
    """
    template = step.template or {}
    meta = flow.metadata
    labels = {
        names.LABEL_FLOW: meta.name,
        names.LABEL_STEP: step.name,
        names.LABEL_ATTEMPT: str(attempt),
        names.LABEL_FLOW_UID: meta.uid,
    }
    policy = flow.spec.execution_policy
    group = names.concurrency_group(policy.concurrency_group, meta.generate_name, meta.name)
    marks = _Marks(labels, {names.ANNOTATION_GROUP: group})
    return msgspec.json.encode(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                **_described(template.get("metadata"), marks),
                "name": names.job_name(meta.name, meta.uid, step.name, attempt),
                "namespace": meta.namespace,
                "ownerReferences": [_owner(meta)],
            },
            "spec": _job_spec(template.get("spec") or {}, marks, judged_here=_is_judged_here(flow, step)),
        }
    )


def claim(flow: JobFlow, template: VolumeClaimTemplate) -> bytes:
    """The PersistentVolumeClaim of a resource template."""
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": template.spec}
    return _owned(flow, template.metadata, body)


def config_map(flow: JobFlow, template: ConfigMapTemplate) -> bytes:
    """The ConfigMap of a resource template."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": template.data, "binaryData": template.binary_data}
    return _owned(flow, template.metadata, body)


def _owned(flow: JobFlow, template: TemplateMeta, body: Manifest) -> bytes:
    meta = flow.metadata
    labels = {**template.labels, names.LABEL_FLOW: meta.name, names.LABEL_FLOW_UID: meta.uid}
    metadata = {
        "name": template.name,
        "namespace": meta.namespace,
        "labels": labels,
        "annotations": template.annotations,
        "ownerReferences": [_owner(meta)],
    }
    return msgspec.json.encode({**body, "metadata": metadata})


def _owner(meta: FlowMeta) -> Manifest:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": meta.name,
        "uid": meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _described(metadata: Mapping[str, Any] | None, marks: _Marks) -> Manifest:
    """Labels and annotations of a template's metadata; names, owners and finalizers are not the template's to set."""
    given = metadata or {}
    return {
        "labels": {**pasted.written_labels(given.get("labels") or {}), **marks.labels},
        "annotations": {**pasted.written_annotations(given.get("annotations") or {}), **marks.annotations},
    }


def _is_judged_here(flow: JobFlow, step: Step) -> bool:
    """Whether a failed Pod is the flow's to retry or to ignore, at once, and not the Job's to retry for ten minutes."""
    return step.retry_policy is not None or flow.spec.execution_policy.pod_failure_policy is not None


def _job_spec(spec: Mapping[str, Any], marks: _Marks, *, judged_here: bool) -> Manifest:
    result = {key: value for key, value in pasted.written_spec(spec).items() if key != "ttlSecondsAfterFinished"}
    # With backoffLimitPerIndex a limit of 0 would end the Job at the first failure of any index.
    if judged_here and result.get("backoffLimitPerIndex") is None and result.get("backoffLimit") is None:
        result["backoffLimit"] = 0
    pod = result.get("template") or {}
    result["template"] = {
        "metadata": _described(pod.get("metadata"), marks),
        "spec": _pod_spec(pod.get("spec") or {}),
    }
    return result


def _pod_spec(spec: Mapping[str, Any]) -> Manifest:
    result = {"restartPolicy": "Never", **spec}
    for field in ("initContainers", "containers"):
        if isinstance(spec.get(field), list):
            result[field] = [_container(each) for each in spec[field]]
    return result


def _container(given: Any) -> Any:
    """Whatever is no container is passed on, for the API server to say so."""
    return {"terminationMessagePolicy": "FallbackToLogsOnError", **given} if isinstance(given, Mapping) else given
