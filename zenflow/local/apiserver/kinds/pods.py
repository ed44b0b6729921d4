"""Pods."""

from typing import Any

from zenflow.local.apiserver.kinds import pod_update
from zenflow.local.apiserver.kinds.pod_spec import defaults, resources
from zenflow.local.apiserver.kinds.pod_spec import spec as pod_spec
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, restore
from zenflow.local.apiserver.schemas.quantities import value_of
from zenflow.runtime.errors import Cause

_FINISHED = ("Succeeded", "Failed")
_TOLERATED_SECONDS = 300
_NODE_TROUBLES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Pods(Strategy):
    """core/v1 Pod. What the default admission plug-ins of kube-apiserver add (tolerations, priority) is added too."""

    counts_generation = True
    selectable = (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    )

    def default(self, new: Object) -> None:
        defaults.default_pod(new.setdefault("spec", {}))

    def prepare_for_create(self, new: Object) -> None:
        spec = new["spec"]
        resources.default_of_pod(spec)
        spec.setdefault("priority", 0)
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
        _tolerate_troubles(spec)
        new["status"] = {"phase": "Pending", "qosClass": _quality_of_service(spec)}
        if spec.get("schedulingGates"):
            new["status"]["conditions"] = [_gated(new["metadata"].get("creationTimestamp"))]

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        super().prepare_for_update(new, old)
        _tolerate_troubles(new["spec"])

    def prepare_status_update(self, new: Object, old: Frozen) -> None:
        super().prepare_status_update(new, old)
        restore(new["metadata"], old["metadata"], "ownerReferences")
        new.setdefault("status", {}).setdefault("qosClass", old["status"]["qosClass"])

    def problems(self, new: Frozen) -> list[Cause]:
        return pod_spec.pod_problems(new["spec"], "spec")

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return self.problems(new) + pod_update.problems(new["spec"], old["spec"])

    def grace_period(self, old: Frozen, asked: int | None) -> int:
        """As asked, else as the Pod says; none for a Pod that is not on a node or has finished."""
        if not old["spec"].get("nodeName") or old.get("status", {}).get("phase") in _FINISHED:
            return 0
        period: int = asked if asked is not None else old["spec"].get("terminationGracePeriodSeconds", 30)
        return max(period, 1) if period < 0 else period

    def field_value(self, decoded: Frozen, path: str) -> str:
        value = super().field_value(decoded, path)
        return value or ("false" if path == "spec.hostNetwork" else "")


def _tolerate_troubles(spec: dict[str, Any]) -> None:
    """A Pod stays for a while on a node in trouble, unless it says something else (DefaultTolerationSeconds)."""
    tolerated = {toleration.get("key") for toleration in spec.get("tolerations") or ()}
    missing = [_toleration(key) for key in _NODE_TROUBLES if key not in tolerated]
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *missing]


def _gated(time: str | None) -> dict[str, Any]:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": time,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def _toleration(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATED_SECONDS}


def _quality_of_service(spec: Frozen) -> str:
    """By what the Pod says of itself as a whole, else by all its containers."""
    if spec.get("resources") is not None and resources.is_of_pod(spec["resources"]):
        return _quality(spec["resources"])
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    qualities = {_quality(container.get("resources") or {}) for container in containers}
    return qualities.pop() if len(qualities) == 1 else "Burstable"


def _quality(requirements: Frozen) -> str:
    requests, limits = (_computing(requirements.get(name) or {}) for name in ("requests", "limits"))
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if limits.keys() == {"cpu", "memory"} and requests == limits else "Burstable"


def _computing(amounts: Frozen) -> dict[str, Any]:
    values = {name: value_of(amounts[name]) for name in ("cpu", "memory") if name in amounts}
    return {name: value for name, value in values.items() if value}
