"""Approval annotations: the guide's key and the stored one, who gave them, and what nobody may forge.

`kubectl annotate jobflow NAME workflow.zen.io/approved/STEP=true` has two slashes, which no API server stores.
Admission moves it to `approved.workflow.zen.io/STEP` and stamps `approved-by.workflow.zen.io/STEP` with the name of the
user. An answer without a stamp has been seen by no admission and counts for nothing (docs/decisions/0007).
`approval_policies` says the same in CEL; this is for the webhook and the embedded API server. Whether the user may
approve is asked elsewhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from zenflow.api import names
from zenflow.api.editing import APPROVE, May
from zenflow.api.problems import Problem, Reason, entry, quote
from zenflow.api.translation import unsupported

VALUES = ("false", "true")
FIELDS = ("steps", "resourceTemplates")
"""Of the spec, what an answer is to: whoever changes it takes away the answers of others."""
_GUIDE, _STORED, _STAMP = names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX


def edited(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Whether a write changes what the answers so far were given to."""
    spec, before = obj.get("spec"), (old or {}).get("spec")
    if not isinstance(spec, Mapping) or not isinstance(before, Mapping):
        return False
    return any(spec.get(field) != before.get(field) for field in FIELDS)


def without_stale(new: Mapping[str, str], old: Mapping[str, str], user: str) -> dict[str, str]:
    """The annotations of a write that edits: answers left over from before are gone, unless `user` stands by them."""
    return {
        key: value
        for key, value in new.items()
        if not key.startswith(_STORED) or old.get(key) != value or new.get(_stamp_of(key)) == user
    }


def without_answers(old: Mapping[str, str]) -> dict[str, str]:
    """What is to be compared with after an edit: as if nobody had answered yet."""
    return {key: value for key, value in old.items() if not key.startswith((_STORED, _STAMP))}


def admitted(new: Mapping[str, str], old: Mapping[str, str], user: str) -> dict[str, str]:
    """The annotations to store for a write by `user`: guide keys moved, each answer that it gives stamped.

    Stamps come from here alone: those in the request are dropped, those stored stay as long as their answer does.
    Repeating a stamped answer changes nothing, so it takes no right and leaves the first approver. Doing it twice is
    doing it once.
    """
    stored = {key: value for key, value in new.items() if not key.startswith((_GUIDE, _STAMP))}
    moved = {_STORED + key.removeprefix(_GUIDE): value for key, value in new.items() if key.startswith(_GUIDE)}
    stored |= moved
    for key in [key for key in stored if key.startswith(_STORED)]:
        stamp = _stamp_of(key)
        # An answer that no admission has seen is none yet: saying it anew gives it. (The user's own stamp is what an
        # earlier admission of the same request has made of the guide's key.)
        is_said = key in moved or new.get(stamp) == user
        if old.get(key) != stored[key] or (is_said and stamp not in old):
            stored[stamp] = user
        elif stamp in old:
            stored[stamp] = old[stamp]
    return stored


def given(new: Mapping[str, str], old: Mapping[str, str]) -> tuple[str, ...]:
    """The stored keys of the answers that a write gives, once it is `admitted`."""
    return tuple(
        key
        for key, value in new.items()
        if key.startswith(_STORED) and (old.get(key) != value or (_stamp_of(key) in new and _stamp_of(key) not in old))
    )


def withdrawn(new: Mapping[str, str], old: Mapping[str, str]) -> tuple[str, ...]:
    """The stored keys of the answers that a write takes back: that is the approvers' too."""
    return tuple(key for key in old if key.startswith(_STORED) and key not in new)


def check(keys: tuple[str, ...], obj: Mapping[str, Any]) -> Iterator[Problem]:
    """Approvals that would never be read: of no Manual step of this flow, or neither given nor refused."""
    spec = obj.get("spec")
    steps = spec.get("steps") if isinstance(spec, Mapping) else None
    manual = {
        step.get("name")
        for step in (steps if isinstance(steps, list) else ())
        if isinstance(step, Mapping) and step.get("type") == "Manual"
    }
    for key in keys:
        field, step = entry("metadata.annotations", key), key.removeprefix(_STORED)
        value = obj["metadata"]["annotations"][key]
        if step not in manual:
            message = "the flow has no Manual step of this name"
            yield Problem(field, quote(step), message, "name one of its Manual steps", Reason.NOT_FOUND)
        elif value not in VALUES:
            yield unsupported(field, value, *VALUES)


def forged(new: Mapping[str, str], old: Mapping[str, str], user: str) -> Iterator[Problem]:
    """Stamps that `admitted` would not have left so: somebody else has changed them since."""
    expected = admitted(new, old, user)
    for key in sorted(key for key in {*new, *expected} if key.startswith(_STAMP)):
        if new.get(key) != expected.get(key):
            message = "only admission says who approved"
            remedy = "leave this annotation alone"
            yield Problem(entry("metadata.annotations", key), "", message, remedy, Reason.FORBIDDEN)


def refusal(user: str, namespace: str, flow: str, may: May) -> str:
    """Why a user may not approve, in one sentence; empty if the user may.

    A ServiceAccount of the flow's own namespace never may: who creates flows there can run a Pod as it.
    """
    why = f"{user} may not approve steps of JobFlow {flow}"
    if not may(APPROVE):
        return f"{why}; it takes {APPROVE}"
    if user.startswith(f"system:serviceaccount:{namespace}:"):
        return (
            f"{why}: any Pod of the namespace can run as this ServiceAccount; "
            "approve as a person or from another namespace"
        )
    return ""


def _stamp_of(key: str) -> str:
    return _STAMP + key.removeprefix(_STORED)
