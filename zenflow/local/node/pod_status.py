"""What the kubelet writes about a Pod, computed from the state of its containers. Pure.

Phases, conditions, states and reasons are those of the kubelet: whoever reads Pods cannot tell the
difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from zenflow.local.loop.objects import Container

LOCAL_ADDRESS = "127.0.0.1"


class Role(Enum):
    """What a container is for."""

    INIT = "init"
    """Runs to its end before the next one starts."""
    SIDECAR = "sidecar"
    """An init container with restartPolicy Always: runs beside the others and does not keep the Pod alive."""
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running, for a reason."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Running since."""

    started_at: datetime


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """Not running any more."""

    exit_code: int
    reason: str
    message: str
    started_at: datetime
    finished_at: datetime


State = Waiting | Running | ContainerEnd


@dataclass(slots=True)
class Record:
    """One container of a Pod: where it stands, and how its last run ended."""

    spec: Container
    role: Role
    state: State
    last: ContainerEnd | None = None
    restarts: int = 0
    attempts: int = 0

    @property
    def ended(self) -> ContainerEnd | None:
        """The end of its latest run, if it does not run now."""
        if isinstance(self.state, ContainerEnd):
            return self.state
        return self.last if isinstance(self.state, Waiting) else None

    @property
    def is_running(self) -> bool:
        return isinstance(self.state, Running)


@dataclass(frozen=True, slots=True)
class PodView:
    """All that a status is computed from. `reason` and `message` are set where the kubelet itself ended the Pod."""

    records: Sequence[Record]
    restart_policy: str
    started_at: datetime
    stopping: bool = False
    reason: str = ""
    message: str = ""
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, *roles: Role) -> list[Record]:
        """The containers with these roles, in order."""
        return [record for record in self.records if record.role in roles]


def will_restart(view: PodView, record: Record) -> bool:
    """Whether the policy has this ended container started again."""
    ended = record.ended
    if ended is None or view.stopping:
        return False
    if record.role is Role.SIDECAR:
        return True
    if view.restart_policy == "Always" and record.role is Role.MAIN:
        return True
    # An init container that succeeded is done, whatever the policy.
    return view.restart_policy != "Never" and ended.exit_code != 0


def phase(view: PodView) -> str:
    """Pending, Running, Succeeded or Failed."""
    begun = "Running" if any(r.attempts for r in view.of(Role.MAIN)) else "Pending"
    if any(r.is_running for r in view.records):
        return begun
    if all(succeeded(r) for r in view.of(Role.MAIN)):
        return "Succeeded"
    ended_by_kubelet = bool(view.reason) or view.stopping
    init_failed = any(is_over(view, r) and not succeeded(r) for r in view.of(Role.INIT))
    if ended_by_kubelet or init_failed or all(is_over(view, r) for r in view.of(Role.MAIN)):
        return "Failed"
    return begun


def build(view: PodView, now: datetime) -> dict[str, Any]:
    """The Pod's status as JSON-ready values; None removes a field."""
    current = phase(view)
    return {
        "phase": current,
        "reason": view.reason or None,
        "message": view.message or None,
        "hostIP": LOCAL_ADDRESS,
        "podIP": LOCAL_ADDRESS,
        "startTime": view.started_at,
        "conditions": _conditions(view, current, now),
        "initContainerStatuses": [_container(r) for r in view.of(Role.INIT, Role.SIDECAR)] or None,
        "containerStatuses": [_container(r) for r in view.of(Role.MAIN)],
    }


def is_over(view: PodView, record: Record) -> bool:
    """Whether this container has ended for good."""
    return record.ended is not None and not record.is_running and not will_restart(view, record)


def succeeded(record: Record) -> bool:
    """Whether its latest run ended well."""
    return isinstance(record.state, ContainerEnd) and record.state.exit_code == 0


def _conditions(view: PodView, current: str, now: datetime) -> list[dict[str, Any]]:
    initialized = all(succeeded(r) for r in view.of(Role.INIT)) and all(r.attempts for r in view.of(Role.SIDECAR))
    ready = bool(view.of(Role.MAIN)) and all(r.is_running for r in view.of(Role.MAIN, Role.SIDECAR))
    unready = _why_unready(view, current)
    sandboxed = any(r.attempts for r in view.records) and current not in ("Succeeded", "Failed")
    return [
        _condition(view, "PodReadyToStartContainers", sandboxed, ("", ""), now),
        _condition(view, "Initialized", initialized, _why_uninitialized(view), now),
        _condition(view, "Ready", ready, unready, now),
        _condition(view, "ContainersReady", ready, unready, now),
        _condition(view, "PodScheduled", True, ("", ""), now),
    ]


def _why_unready(view: PodView, current: str) -> tuple[str, str]:
    if current == "Succeeded":
        return "PodCompleted", ""
    if current == "Failed":
        return "PodFailed", ""
    names = " ".join(r.spec.name for r in view.of(Role.MAIN, Role.SIDECAR) if not r.is_running)
    return "ContainersNotReady", f"containers with unready status: [{names}]"


def _why_uninitialized(view: PodView) -> tuple[str, str]:
    names = " ".join(r.spec.name for r in view.of(Role.INIT) if not succeeded(r))
    return "ContainersNotInitialized", f"containers with incomplete status: [{names}]"


def _condition(view: PodView, type_: str, holds: bool, otherwise: tuple[str, str], now: datetime) -> dict[str, Any]:
    reason, message = ("", "") if holds else otherwise
    if type_ == "Initialized" and holds and _all_done(view):
        reason = "PodCompleted"
    status = "True" if holds else "False"
    before = view.conditions.get(type_, {})
    since = before.get("lastTransitionTime", now) if before.get("status") == status else now
    condition = {"type": type_, "status": status, "lastTransitionTime": since}
    return condition | {key: text for key, text in (("reason", reason), ("message", message)) if text}


def _all_done(view: PodView) -> bool:
    return all(succeeded(r) for r in view.of(Role.MAIN))


def _container(record: Record) -> dict[str, Any]:
    running = record.is_running
    return {
        "name": record.spec.name,
        "image": record.spec.image,
        "imageID": "",
        "ready": running or (record.role is Role.INIT and succeeded(record)),
        "started": running,
        "restartCount": record.restarts,
        "state": _state(record.state),
        "lastState": _state(record.last) if record.last else {},
    }


def _state(state: State) -> dict[str, Any]:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        case Running(started_at):
            return {"running": {"startedAt": started_at}}
        case ContainerEnd(code, reason, message, started_at, finished_at):
            terminated = {"exitCode": code, "reason": reason, "startedAt": started_at, "finishedAt": finished_at}
            return {"terminated": terminated | ({"message": message} if message else {})}
