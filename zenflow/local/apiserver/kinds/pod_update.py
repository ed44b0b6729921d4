"""What a change of a Pod may not do: of its spec hardly anything changes once it is made."""

from collections.abc import Sequence
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds.checks import MAX_INT32, Fields
from zenflow.runtime.errors import Cause

_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_MUTABLE = ("activeDeadlineSeconds", "tolerations", "schedulingGates")


def problems(spec: Fields, old: Fields) -> list[Cause]:
    """Everything that is wrong with the change."""
    for name in ("containers", "initContainers"):
        if len(spec.get(name) or ()) != len(old.get(name) or ()):
            return [field_errors.forbidden(f"spec.{name}", "pod updates may not add or remove containers")]
    found, stop = _deadline(spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"))
    if stop:
        return found
    found += _tolerations(spec.get("tolerations") or (), old.get("tolerations") or ())
    found += _gates(spec.get("schedulingGates") or (), old.get("schedulingGates") or ())
    gated = bool(old.get("schedulingGates"))
    if gated:
        found += _node_selector(spec.get("nodeSelector") or {}, old.get("nodeSelector") or {})
    if _fixed_part(spec, gated=gated) != _fixed_part(old, gated=gated):
        found.append(field_errors.forbidden("spec", _FIXED))
    return found


def _fixed_part(spec: Fields, *, gated: bool) -> dict[str, Any]:
    fixed = {name: value for name, value in spec.items() if name not in _MUTABLE}
    if gated:
        fixed.pop("nodeSelector", None)
    if fixed.get("terminationGracePeriodSeconds", 0) < 0:
        fixed["terminationGracePeriodSeconds"] = 1
    for name in ("containers", "initContainers"):
        fixed[name] = [{**container, "image": ""} for container in spec.get(name) or ()]
    return fixed


def _deadline(new: int | None, old: int | None) -> tuple[list[Cause], bool]:
    """It may be set once and then only be lowered; whether that is all there is to say."""
    at = "spec.activeDeadlineSeconds"
    if new is None:
        why = "must not update from a positive integer to nil value"
        return ([] if old is None else [field_errors.invalid(at, None, why)]), False
    if not 0 <= new <= MAX_INT32:
        return [field_errors.invalid(at, new, f"must be between 0 and {MAX_INT32}, inclusive")], True
    if old is not None and old < new:
        return [field_errors.invalid(at, new, "must be less than or equal to previous value")], True
    return [], False


def _tolerations(new: Sequence[Fields], old: Sequence[Fields]) -> list[Cause]:
    known = [_without_seconds(toleration) for toleration in new]
    if all(_without_seconds(toleration) in known for toleration in old):
        return []
    why = "existing toleration can not be modified except its tolerationSeconds"
    return [field_errors.forbidden("spec.tolerations", why)]


def _without_seconds(toleration: Fields) -> dict[str, Any]:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}


def _gates(new: Sequence[Fields], old: Sequence[Fields]) -> list[Cause]:
    known = {gate.get("name") for gate in old}
    return [
        field_errors.forbidden(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'",
        )
        for index, gate in enumerate(new)
        if gate.get("name") not in known
    ]


def _node_selector(new: Fields, old: Fields) -> list[Cause]:
    """While a Pod is gated, its selector may become stricter."""
    if all(new.get(key) == value for key, value in old.items()):
        return []
    why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    return [field_errors.invalid("spec.nodeSelector", new, why)]
