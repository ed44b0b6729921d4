"""What the local controllers write besides objects of their own: Events, and patches."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Resource

EventType = Literal["Normal", "Warning"]


class Recorder(Protocol):
    """`runtime.events.EventRecorder`, as far as it is used here."""

    def record(self, reference: Mapping[str, str], type_: EventType, reason: str, message: str, /) -> None:
        """Record an Event about an object. Never raises."""
        ...


class NoEvents:
    """Records nothing: for simulations, where Events only cost requests."""

    def record(self, reference: Mapping[str, str], type_: EventType, reason: str, message: str, /) -> None:
        """Do nothing."""


def reference(resource: Resource, meta: ObjectMeta) -> dict[str, str]:
    """The `involvedObject` of an Event about an object."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    }


def patch_of(value: Any) -> bytes:
    """A merge patch as JSON. None removes a field, times are cut to whole seconds (Kubernetes has no others), structs
    become objects.
    """
    return msgspec.json.encode(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    if isinstance(value, msgspec.Struct):
        fields = msgspec.to_builtins(value, builtin_types=(datetime,))
        return {name: _plain(item) for name, item in fields.items() if item not in (None, "")}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
