"""How the local controllers tell what they did: the runtime's EventRecorder, or silence."""

from collections.abc import Mapping
from typing import Literal, Protocol

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
