"""Who may write the Jobs and Pods of flows: what they show decides what becomes of a flow. No I/O.

The controller takes a Job for its own by owner and labels, and believes what it and its Pods show. So those who only
hold the right to create Jobs or Pods give them no marks of a flow, nor change those that are there. What doesn't touch
a mark (suspension, finalizers, status, deletion) is left to everybody. `children_policy` says the same in CEL.
"""

from collections.abc import Mapping
from typing import Any

from zenflow.api import names
from zenflow.api.editing import May, Object, Right, name_of

CREATE, UPDATE = Right("create", "children", of_one=False), Right("update", "children", of_one=False)
# Pods are made by the Job controller. Who may write the status of Jobs can call each of them complete anyway.
JOB_STATUS = Right("update", "status", of_one=False, resource="jobs", group="batch")
LABELS = (names.LABEL_FLOW_UID, names.LABEL_STEP, names.LABEL_ATTEMPT, names.LABEL_FLOW)
KINDS = {"jobs": "Job", "pods": "Pod"}
"""By resource."""


def refusal(obj: Object, old: Object | None, user: str, resource: str, may: May) -> str:
    """Why this user may not write this Job or Pod, in one sentence; empty where nothing is in the way."""
    if not is_marked(obj) and not (old is not None and is_marked(old)):
        return ""
    if old is not None and marks(obj) == marks(old):
        return ""
    right = CREATE if old is None else UPDATE
    if may(right) or (resource == "pods" and may(JOB_STATUS)):
        return ""
    return (
        f"{user} may not give {KINDS[resource]} {name_of(obj)} the marks of a JobFlow, nor take them; it takes {right}"
    )


def is_marked(obj: Object) -> bool:
    """Whether the controller, or the garbage collector, takes it for a flow's."""
    metadata = _mapping(obj.get("metadata"))
    return names.LABEL_FLOW_UID in _mapping(metadata.get("labels")) or any(map(_is_flow, _owners(metadata)))


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
