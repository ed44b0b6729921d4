"""The two cells of a Pod's row that take thought: STATUS and RESTARTS, told as kubectl tells them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from zenflow.local.http.printing import ages

Object = Mapping[str, Any]


def ready(pod: Object) -> str:
    """Ready containers of all that are to stay, sidecars among them: `1/2`."""
    total = len(pod["spec"].get("containers") or ()) + len(_sidecars(pod))
    return f"{sum(1 for status in _lasting_statuses(pod) if status.get('ready'))}/{total}"


def status(pod: Object) -> str:
    """One word for where the Pod stands: its phase, or what its containers have to say that is more telling."""
    known = pod.get("status") or {}
    phase = known.get("phase") or ""
    if pod["metadata"].get("deletionTimestamp") and phase not in ("Succeeded", "Failed"):
        return "Terminating"
    return _init_reason(pod) or _main_reason(pod, known.get("reason") or phase)


def restarts(pod: Object, now: datetime) -> str:
    """How often containers were started again, and when last: `2 (5m ago)`."""
    statuses = _init_statuses(pod) if _init_reason(pod) else _lasting_statuses(pod)
    count = sum(status.get("restartCount") or 0 for status in statuses)
    ends = [(status.get("lastState") or {}).get("terminated", {}).get("finishedAt") for status in statuses]
    last = max(filter(None, map(ages.parse, ends)), default=None)
    return f"{count} ({ages.short((now - last).total_seconds())} ago)" if count and last else str(count)


def _init_statuses(pod: Object) -> Sequence[Object]:
    return (pod.get("status") or {}).get("initContainerStatuses") or ()


def _sidecars(pod: Object) -> set[str]:
    """Init containers that stay up beside the main ones."""
    containers = pod["spec"].get("initContainers") or ()
    return {container["name"] for container in containers if container.get("restartPolicy") == "Always"}


def _lasting_statuses(pod: Object) -> list[Object]:
    sidecars = _sidecars(pod)
    beside = [status for status in _init_statuses(pod) if status["name"] in sidecars]
    return [*beside, *((pod.get("status") or {}).get("containerStatuses") or ())]


def _init_reason(pod: Object) -> str:
    """`Init:…` for the first init container that has not done its part; empty when all have."""
    if _has_condition(pod, "Initialized"):
        return ""
    sidecars = _sidecars(pod)
    total = len(pod["spec"].get("initContainers") or ())
    for index, container in enumerate(_init_statuses(pod)):
        state = container.get("state") or {}
        done = "terminated" in state and state["terminated"].get("exitCode") == 0
        if not done and not (container["name"] in sidecars and container.get("started")):
            reason = _reason_of(state)
            return f"Init:{reason}" if reason not in ("", "PodInitializing") else f"Init:{index}/{total}"
    return ""


def _main_reason(pod: Object, otherwise: str) -> str:
    """What the first container that waits or has ended says; a failure or a running container outweighs `Completed`."""
    statuses: Iterable[Object] = (pod.get("status") or {}).get("containerStatuses") or ()
    states = [status.get("state") or {} for status in statuses]
    reason = next(filter(None, map(_reason_of, states)), otherwise)
    if reason != "Completed":
        return reason
    running = any(status.get("ready") and "running" in (status.get("state") or {}) for status in statuses)
    if running and _has_condition(pod, "Ready"):
        return "Running"
    failures = (_reason_of(state) for state in states if state.get("terminated", {}).get("exitCode"))
    return next(failures, "NotReady" if running else reason)


def _reason_of(state: Object) -> str:
    """Why a container waits or ended; empty while it runs."""
    ended = state.get("terminated")
    if ended is None:
        return str(state.get("waiting", {}).get("reason") or "")
    code = f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
    return str(ended.get("reason") or code)


def _has_condition(pod: Object, type_: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == type_ and condition["status"] == "True" for condition in conditions)
