"""Whose child a Job or a Pod is: the controlling owner, the name and the labels must all be as we make them. Pure.

Owner references, labels and names can be written by anybody who may create Jobs or Pods, and the names of our Jobs can
be foretold. What is asked here rules out whatever we never make; that we made a Job of the right form is told by its
UID alone (`controller.provenance`).
"""

from zenflow.api import names
from zenflow.api.types import Step, StepType
from zenflow.controller.objects import JOBS, Job, Pod
from zenflow.runtime.cache import ObjectMeta, OwnerReference


def flow_uid(meta: ObjectMeta) -> str:
    """The UID of the JobFlow that controls the object; "" where none does, whatever else may."""
    owner = _flow_of(meta)
    return owner.uid if owner else ""


def is_owned_by(meta: ObjectMeta, name: str, uid: str) -> bool:
    """Whether the JobFlow of that name and UID controls the object."""
    owner = _flow_of(meta)
    return owner is not None and (owner.name, owner.uid) == (name, uid)


def has_marks(job: Job) -> bool:
    """Whether the Job's labels name the flow that controls it, and a step and an attempt."""
    labels = job.metadata.labels
    is_owned = is_owned_by(job.metadata, labels.get(names.LABEL_FLOW, ""), labels.get(names.LABEL_FLOW_UID, ""))
    return is_owned and bool(job.step and job.attempt)


def is_attempt(job: Job) -> bool:
    """Whether the Job has the form of an attempt of the flow that controls it: marks, and the name that follows."""
    return has_marks(job) and job.metadata.name == _job_name(job.metadata)


def has_place(job: Job, step: Step) -> bool:
    """Whether the step may have an attempt of that number."""
    return step.type is StepType.JOB and job.attempt <= (step.retry_policy.limit if step.retry_policy else 0) + 1


def is_pod_of(pod: Pod, job_name: str, job_uid: str) -> bool:
    """Whether the Job of that name and UID controls the Pod."""
    owner = _job_of(pod)
    return owner is not None and (owner.name, owner.uid) == (job_name, job_uid)


def is_attempts_pod(pod: Pod) -> bool:
    """Whether the Job that controls the Pod is called as the attempt that the Pod's labels name.

    For Pods whose Job and flow are gone: nothing more can be asked of them.
    """
    owner = _job_of(pod)
    return owner is not None and owner.name == _job_name(pod.metadata)


def _flow_of(meta: ObjectMeta) -> OwnerReference | None:
    return _controller(meta, names.GROUP, names.KIND)


def _job_of(pod: Pod) -> OwnerReference | None:
    return _controller(pod.metadata, JOBS.group, JOBS.kind)


def _controller(meta: ObjectMeta, group: str, kind: str) -> OwnerReference | None:
    """The controlling owner, where it is of that group and kind; the version of the group may change."""
    owner = next((owner for owner in meta.owner_references if owner.controller), None)
    is_it = owner is not None and owner.api_version.rpartition("/")[0] == group and owner.kind == kind
    return owner if is_it else None


def _job_name(meta: ObjectMeta) -> str:
    """What the Job of the attempt is called that the labels name; "" where they name none."""
    flow, uid = meta.labels.get(names.LABEL_FLOW, ""), meta.labels.get(names.LABEL_FLOW_UID, "")
    step, attempt = meta.labels.get(names.LABEL_STEP, ""), names.attempt_of(meta.labels)
    return names.job_name(flow, uid, step, attempt) if flow and uid and step and attempt else ""
