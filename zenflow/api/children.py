"""Who may write the Jobs and Pods of flows: what they show decides what becomes of a flow. No I/O.

The controller takes a Job for its own by owner and labels, and believes what it and its Pods show. So who only holds
the right to create Jobs gives them no marks of a flow, and who only holds the right to create Pods gives them none of a
Job: the Job controller adopts a Pod with its Job's label, and counts it. What doesn't touch a mark (suspension,
finalizers, status, deletion) is left to everybody. `children_policy` says the same in CEL.
"""

from collections.abc import Mapping
from typing import Any

from zenflow.api import names
from zenflow.api.editing import May, Object, Right, name_of

CREATE, UPDATE = Right("create", "children", of_one=False), Right("update", "children", of_one=False)
# Pods of Jobs are made by the Job controller. Who may write the status of Jobs can call each of them complete anyway.
JOB_STATUS = Right("update", "status", of_one=False, resource="jobs", group="batch")
LABEL_JOB = "batch.kubernetes.io/controller-uid"
"""By which the Job controller finds the Pods of a Job."""
LABELS = (LABEL_JOB, names.LABEL_FLOW_UID, names.LABEL_STEP, names.LABEL_ATTEMPT, names.LABEL_FLOW)
KINDS = {"jobs": ("Job", "JobFlow"), "pods": ("Pod", "Job")}
"""By resource: what it is, and whose child."""


def refusal(obj: Object, old: Object | None, user: str, resource: str, may: May) -> str:
    """Why this user may not write this Job or Pod, in one sentence; empty where nothing is in the way."""
    if not is_marked(obj, resource) and not (old is not None and is_marked(old, resource)):
        return ""
    if old is not None and marks(obj) == marks(old):
        return ""
    right = JOB_STATUS if resource == "pods" else CREATE if old is None else UPDATE
    if may(right):
        return ""
    kind, owner = KINDS[resource]
    return f"{user} may not give {kind} {name_of(obj)} the marks of a {owner}, nor take them; it takes {right}"


def is_marked(obj: Object, resource: str) -> bool:
    """Whether a controller or the garbage collector takes it for a flow's child, or a Pod for a Job's."""
    metadata = _mapping(obj.get("metadata"))
    labels = _mapping(metadata.get("labels"))
    is_job_s = resource == "pods" and LABEL_JOB in labels
    return is_job_s or names.LABEL_FLOW_UID in labels or any(map(_is_flow, _owners(metadata)))


def marks(obj: Object) -> tuple[Any, ...]:
    """All that tells whose child it is, and which."""
    metadata = _mapping(obj.get("metadata"))
    labels, annotations = _mapping(metadata.get("labels")), _mapping(metadata.get("annotations"))
    return (*map(labels.get, LABELS), annotations.get(names.ANNOTATION_GROUP), _owners(metadata))


def _owners(metadata: Object) -> list[Any]:
    found = metadata.get("ownerReferences")
    return found if isinstance(found, list) else []


def _is_flow(owner: Any) -> bool:
    reference = _mapping(owner)
    return reference.get("kind") == names.KIND and str(reference.get("apiVersion")).startswith(f"{names.GROUP}/")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
