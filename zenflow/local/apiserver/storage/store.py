"""Holds every object, its recent versions and the list of changes.

The API server alone writes here, under `lock`; watches read the journal. One counter numbers all writes,
as etcd's does. Objects are kept as the JSON that goes out, so that a read costs no encoding and nobody can
change what is stored; the decoded form is made when asked for.
"""

import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any

import msgspec

_HISTORY_BYTES = 32 * 2**20
"""A journal also forgets when it holds more than this: big objects must not fill the memory."""


MAX_OBJECT = 1_572_700
"""The largest object, in bytes of JSON: etcd takes requests of 1.5 MiB, of which its key and frame are a part."""


class ObjectTooLarge(Exception):
    """The store takes no object of that size; nothing was written."""


def object_key(namespace: str, name: str) -> str:
    """Where an object lies in its storage; the order of keys is the order of lists."""
    return f"{namespace}/{name}" if namespace else name


class Entry:
    """One version of one object, never changed."""

    __slots__ = ("_decoded", "encoded", "key", "labels", "version")

    def __init__(self, key: str, version: int, decoded: dict[str, Any]) -> None:
        self.key = key
        self.version = version
        self.encoded = msgspec.json.encode(decoded)
        self.labels: Mapping[str, str] = decoded["metadata"].get("labels") or {}
        self._decoded: dict[str, Any] | None = decoded

    @property
    def decoded(self) -> Mapping[str, Any]:
        """The object, to be read only."""
        if self._decoded is None:
            self._decoded = msgspec.json.decode(self.encoded)
        return self._decoded

    def copy(self) -> dict[str, Any]:
        """The object, to be changed at will."""
        copied: dict[str, Any] = msgspec.json.decode(self.encoded)
        return copied

    def retire(self) -> None:
        """Keep only the bytes: this version is history now."""
        self._decoded = None


class ChangeType(Enum):
    """The kinds of watch events that tell of an object."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(slots=True)
class Change:
    """One accepted write. A deletion's `entry` is the last state, numbered with the deletion's version."""

    type: ChangeType
    entry: Entry
    previous: Entry | None
    lines: dict[tuple[str, ChangeType], bytes] = field(default_factory=dict)
    """Watch lines already encoded, by API version and event type: once for all watchers."""

    @property
    def version(self) -> int:
        return self.entry.version


class Storage:
    """The objects of one resource and the journal of their changes."""

    def __init__(self, history: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.forgotten = 0
        """The newest version that is no longer in the journal: a watch may start at it, not before it."""
        self.next_sequence = 0
        self._history = history
        self._journal: deque[Change] = deque()
        self._journal_bytes = 0

    def prefixed(self, prefix: str) -> Iterator[Entry]:
        """The entries whose key starts so, in order."""
        for key in islice(self.keys, bisect_left(self.keys, prefix), None):
            if not key.startswith(prefix):
                return
            yield self.entries[key]

    def apply(self, change: Change) -> None:
        """Make the change and remember it."""
        key = change.entry.key
        if change.type is ChangeType.DELETED:
            del self.entries[key]
            del self.keys[bisect_left(self.keys, key)]
            change.entry.retire()
        else:
            if key not in self.entries:
                insort(self.keys, key)
            self.entries[key] = change.entry
        if change.previous is not None:
            change.previous.retire()
        self._remember(change)

    def _remember(self, change: Change) -> None:
        self._journal.append(change)
        self._journal_bytes += len(change.entry.encoded)
        self.next_sequence += 1
        while len(self._journal) > self._history or (self._journal_bytes > _HISTORY_BYTES and len(self._journal) > 1):
            dropped = self._journal.popleft()
            self._journal_bytes -= len(dropped.entry.encoded)
            self.forgotten = dropped.version

    def sequence_after(self, version: int) -> int:
        """The journal position of the first change newer than a version."""
        behind = 0
        for change in reversed(self._journal):
            if change.version <= version:
                break
            behind += 1
        return self.next_sequence - behind

    def since(self, sequence: int) -> list[Change] | None:
        """The changes from a journal position on, oldest first; None if some of them are forgotten."""
        count = self.next_sequence - sequence
        if count > len(self._journal):
            return None
        newest_first = list(islice(reversed(self._journal), count))
        newest_first.reverse()
        return newest_first

    def as_of(self, version: int) -> dict[str, Entry] | None:
        """The objects as they were at a version; None if that is forgotten."""
        if version < self.forgotten:
            return None
        entries = dict(self.entries)
        for change in reversed(self._journal):
            if change.version <= version:
                break
            if change.previous is None:
                entries.pop(change.entry.key, None)
            else:
                entries[change.entry.key] = change.previous
        return entries


class Store:
    """All storages, and the one counter. `lock` guards everything here; `wait` is how others sleep until a write."""

    def __init__(self, history: int, *, max_object: int = MAX_OBJECT) -> None:
        self.lock = threading.RLock()
        self._max_object = max_object
        self.version = 1
        self._written = threading.Condition(self.lock)
        self._listeners: list[Callable[[], None]] = []
        self._history = history
        self._storages: dict[str, Storage] = {}

    def storage(self, name: str) -> Storage:
        """The storage of this name, made when first asked for."""
        return self._storages.get(name) or self._storages.setdefault(name, Storage(self._history))

    def put(self, name: str, key: str, decoded: dict[str, Any]) -> Entry:
        """Write an object under the next version. The store owns `decoded` from here on. Raises ObjectTooLarge."""
        with self.lock:
            previous = self.storage(name).entries.get(key)
            type_ = ChangeType.MODIFIED if previous else ChangeType.ADDED
            entry = self._numbered(key, decoded)
            if _stored_size(entry.encoded) > self._max_object:
                raise ObjectTooLarge
            return self._write(name, type_, entry, previous)

    def remove(self, name: str, key: str, last_state: dict[str, Any] | None = None) -> Entry:
        """Delete an object; watchers see `last_state` (default: as it was) under the next version."""
        with self.lock:
            previous = self.storage(name).entries[key]
            decoded = last_state if last_state is not None else previous.copy()
            return self._write(name, ChangeType.DELETED, self._numbered(key, decoded), previous)

    def _numbered(self, key: str, decoded: dict[str, Any]) -> Entry:
        self.version += 1
        decoded["metadata"]["resourceVersion"] = str(self.version)
        return Entry(key, self.version, decoded)

    def _write(self, name: str, type_: ChangeType, entry: Entry, previous: Entry | None) -> Entry:
        self.storage(name).apply(Change(type_, entry, previous))
        self._written.notify_all()
        for listener in self._listeners:
            listener()
        return entry

    def on_write(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every write, under the lock: it must neither block nor call back."""
        with self.lock:
            self._listeners.append(listener)

    def wait(self, version: int, timeout: float) -> bool:
        """Block until something newer than a version was written, or `timeout` seconds passed; whether it was."""
        with self._written:
            return self._written.wait_for(lambda: self.version > version, timeout)


def _stored_size(encoded: bytes) -> int:
    """The real server writes `<`, `>` and `&` as six characters each."""
    return len(encoded) + 5 * (encoded.count(b"<") + encoded.count(b">") + encoded.count(b"&"))
