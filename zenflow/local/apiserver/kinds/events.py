"""Events are stored once and served twice: core/v1 and events.k8s.io/v1 name the same fields differently."""

from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import NameRule, path_segment
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, text_at
from zenflow.local.apiserver.registry import ResourceType
from zenflow.runtime.errors import Cause

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


def is_events_v1(type_: ResourceType) -> bool:
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


_LEGACY_EVENT_TYPES = ("Normal", "Warning")


class Events(Strategy):
    """Events; stored as core/v1, whichever group they come in by."""

    create_on_update = True
    name_rule: NameRule = staticmethod(path_segment)
    selectable = (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    )

    def default(self, new: Object) -> None:
        for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
            new.setdefault(name, None)
        new.setdefault("source", {})
        new.setdefault("reportingComponent", "")
        new.setdefault("reportingInstance", "")

    def prepare_for_create(self, new: Object) -> None:
        """An Event has no status."""

    def problems(self, new: Frozen) -> list[Cause]:
        found = []
        involved = (new.get("involvedObject") or {}).get("namespace", "")
        if involved != new["metadata"].get("namespace") and (involved or new["metadata"].get("namespace") != "default"):
            found.append(field_errors.invalid("involvedObject.namespace", involved, "does not match event.namespace"))
        if new.get("eventTime") is None:
            return found
        if not new["reportingComponent"]:
            found.append(field_errors.required("reportingController"))
        if not new["reportingInstance"]:
            found.append(field_errors.required("reportingInstance"))
        if not new.get("action"):
            found.append(field_errors.required("action"))
        if not new.get("reason"):
            found.append(field_errors.required("reason"))
        if new.get("type") not in _LEGACY_EVENT_TYPES:
            found.append(_bad_event_type(new))
        return found

    def field_value(self, decoded: Frozen, path: str) -> str:
        if path == "source":
            return text_at(decoded, "source.component") or text_at(decoded, "reportingComponent")
        return super().field_value(decoded, path)


class NewEvents(Events):
    """events.k8s.io/v1, which wants to know more."""

    def problems(self, new: Frozen) -> list[Cause]:
        found = super().problems(new)
        if new.get("eventTime") is None:
            found.append(field_errors.required("eventTime"))
            if new.get("type") not in _LEGACY_EVENT_TYPES:
                found.append(_bad_event_type(new))
        return found


def _bad_event_type(new: Frozen) -> Cause:
    return field_errors.invalid("type", new.get("type", ""), f"has invalid value: {new.get('type', '')}")
