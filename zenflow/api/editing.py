"""Which changes of a JobFlow take a right of their own, beside the right to write it at all. No I/O.

Approving is not editing: `kubectl annotate` takes the right to patch flows, and who holds that alone may change answers
and nothing else. And a flow that ends others or holds them back is made by who could delete them. `editing_policies`
says the same in CEL; this is for the webhook and the embedded API server.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from zenflow.api import names

Object = Mapping[str, Any]


class Right(NamedTuple):
    """What RBAC is asked for, in the namespace of what is written."""

    verb: str
    subresource: str = ""
    of_one: bool = True
    """Whether it can be given for one flow by its name; else it is asked for all of the namespace."""
    resource: str = names.PLURAL
    group: str = names.GROUP

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"the right to {self.verb} {resource} in {self.group}"


APPROVE = Right("update", "approval")
EDIT = Right("update")
# Whose the others of a group are, admission can't see.
END_OTHERS = Right("delete", of_one=False)

May = Callable[[Right], bool]
"""Whether who writes holds a right."""

_ANSWERS = (names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX)
MAX_ANNOTATIONS = 6000
"""Of a flow that is answered by who may not edit it: 2,000 answers with their stamps, and as many again."""
METADATA = ("generateName", "labels", "finalizers", "ownerReferences")
"""Of an object's metadata, what a write can change: all but annotations, and managedFields, which every write does."""


def refusal(obj: Object, old: Object | None, user: str, may: May) -> str:
    """Why this user may not write this, in one sentence; empty where nothing is in the way. Asks only if it must."""
    flow = name_of(obj)
    field = next(changed(obj, old), "") if old is not None else ""
    if field and not may(EDIT):
        return f"{user} may only answer the Manual steps of JobFlow {flow}; changing {field} takes {EDIT}"
    way = reach(obj, old)
    if way and not may(END_OTHERS):
        return f"{user} may not end or hold back other JobFlows, as {way} does; it takes {END_OTHERS}"
    return ""


def changed(obj: Object, old: Object) -> Iterator[str]:
    """What is not as it was, answers aside."""
    if obj.get("spec") != old.get("spec"):
        yield "spec"
    new, before = _metadata(obj), _metadata(old)
    for field in METADATA:
        if (new.get(field) or None) != (before.get(field) or None):
            yield f"metadata.{field}"
    if new.get("annotations") != before.get("annotations") and (
        len(new.get("annotations") or ()) > MAX_ANNOTATIONS or _other_annotations(new) != _other_annotations(before)
    ):
        yield "metadata.annotations"


def reach(obj: Object, old: Object | None) -> str:
    """The field by which this write makes the flow end others or hold them back; empty if it does not."""
    policy, group, prefix = _rivalry(obj)
    if old is not None and _rivalry(old) == (policy, group, prefix):
        return ""
    if policy == "Replace":
        return "spec.executionPolicy.concurrencyPolicy: Replace"
    if group:
        return "spec.executionPolicy.concurrencyGroup"
    return "metadata.generateName" if old is not None and _rivalry(old)[2] != prefix else ""


def name_of(obj: Any) -> str:
    """Empty where the server has not made it yet."""
    metadata = obj.get("metadata") if isinstance(obj, Mapping) else None
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def _rivalry(obj: Object) -> tuple[Any, Any, Any]:
    """The policy, the group, and what the group is made of where none is chosen."""
    spec = obj.get("spec")
    policy = spec.get("executionPolicy") if isinstance(spec, Mapping) else None
    policy = policy if isinstance(policy, Mapping) else {}
    return policy.get("concurrencyPolicy"), policy.get("concurrencyGroup"), _metadata(obj).get("generateName")


def _metadata(obj: Object) -> Mapping[str, Any]:
    found = obj.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _other_annotations(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = metadata.get("annotations")
    annotations = found if isinstance(found, Mapping) else {}
    return {key: value for key, value in annotations.items() if not str(key).startswith(_ANSWERS)}
