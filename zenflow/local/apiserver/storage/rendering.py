"""From stored objects to the bytes of responses, in the version that was asked for.

Objects are stored in one version; a response in that one is the stored bytes themselves.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from zenflow.local.apiserver.kinds import events
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.storage.store import Change, ChangeType, Entry


def arranged(decoded: dict[str, Any]) -> dict[str, Any]:
    """The same object, its type first: `_type_head` relies on it."""
    head = {"apiVersion": decoded["apiVersion"], "kind": decoded["kind"], "metadata": decoded["metadata"]}
    return head | decoded


def to_stored(type_: ResourceType, decoded: dict[str, Any]) -> dict[str, Any]:
    """An object of a served version as its storage keeps it."""
    if type_.storage_version and type_.storage_version != type_.version:
        decoded["apiVersion"] = f"{type_.group}/{type_.storage_version}"
    if events.is_events_v1(type_):
        return events.to_core(decoded)
    return decoded


def to_served(type_: ResourceType, decoded: dict[str, Any]) -> dict[str, Any]:
    """A stored object, which may be changed, in the version of `type_`."""
    if events.is_events_v1(type_):
        return events.from_core(decoded)
    decoded["apiVersion"] = type_.api_version
    return decoded


def rendered(type_: ResourceType, entry: Entry) -> bytes:
    """One object."""
    if entry.encoded.startswith(_type_head(type_)):
        return entry.encoded
    return msgspec.json.encode(to_served(type_, entry.copy()))


def rendered_list(
    type_: ResourceType, entries: Iterable[Entry], version: int, *, continue_token: str = "", remaining: int = 0
) -> bytes:
    """A list. Items of built-in lists don't repeat their type, those of custom resources do: as the real server."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if continue_token:
        metadata["continue"] = continue_token
    if remaining:
        metadata["remainingItemCount"] = remaining
    head = msgspec.json.encode({"kind": type_.list_name, "apiVersion": type_.api_version, "metadata": metadata})
    items = (rendered(type_, entry) for entry in entries)
    if not type_.custom:
        skipped = len(_type_head(type_))
        items = (b"{" + item[skipped:] for item in items)
    return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


def watch_line(type_: ResourceType, change: Change, event: ChangeType) -> bytes:
    """One watch event; `event` may differ from the change's own where a selector began or ceased to match."""
    cached = change.lines.get((type_.api_version, event))
    if cached is None:
        cached = _line(event.value, rendered(type_, _told_entry(change, event)))
        change.lines[type_.api_version, event] = cached
    return cached


def _told_entry(change: Change, event: ChangeType) -> Entry:
    """An object that left the selection is told as it was while it belonged to it, under the new version."""
    if event is not ChangeType.DELETED or change.type is ChangeType.DELETED or change.previous is None:
        return change.entry
    last_seen = change.previous.copy()
    last_seen["metadata"]["resourceVersion"] = str(change.version)
    return Entry(change.entry.key, change.version, last_seen)


def added_line(type_: ResourceType, entry: Entry) -> bytes:
    """The event that a watch without a start version begins with, for each object."""
    return _line("ADDED", rendered(type_, entry))


def bookmark_line(type_: ResourceType, version: int, *, initial_events_end: bool = False) -> bytes:
    """Nothing happened up to this version."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    told = {"kind": type_.kind, "apiVersion": type_.api_version, "metadata": metadata}
    return _line("BOOKMARK", msgspec.json.encode(told))


def error_line(status: dict[str, Any]) -> bytes:
    """The watch ends with this Status."""
    return _line("ERROR", msgspec.json.encode(status))


def _line(event: str, encoded: bytes) -> bytes:
    return b'{"type":"' + event.encode() + b'","object":' + encoded + b"}"


def _type_head(type_: ResourceType) -> bytes:
    return b'{"apiVersion":"' + type_.api_version.encode() + b'","kind":"' + type_.kind.encode() + b'",'
