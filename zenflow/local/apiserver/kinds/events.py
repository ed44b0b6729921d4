"""Events are stored once and served twice: core/v1 and events.k8s.io/v1 name the same fields differently."""

from typing import Any

from zenflow.local.registry import ResourceType

# events.k8s.io/v1 name, core/v1 name
_RENAMED = (
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)
_SHOWN_EMPTY_IN_CORE = ("reportingComponent", "reportingInstance")
_TO_CORE = dict(_RENAMED)
_FROM_CORE = {core: new for new, core in _RENAMED}


def is_new(type_: ResourceType) -> bool:
    """Whether this is the newer of the two."""
    return type_.group == "events.k8s.io"


def to_core(event: dict[str, Any]) -> dict[str, Any]:
    """The event as it is stored."""
    renamed = {_TO_CORE.get(key, key): value for key, value in event.items()}
    return renamed | {"apiVersion": "v1"}


def from_core(event: dict[str, Any]) -> dict[str, Any]:
    """The stored event in events.k8s.io/v1."""
    renamed = {
        _FROM_CORE.get(key, key): value
        for key, value in event.items()
        if value != "" or key not in _SHOWN_EMPTY_IN_CORE
    }
    return renamed | {"apiVersion": "events.k8s.io/v1"}
