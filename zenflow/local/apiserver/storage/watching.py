"""A watch: a place in a journal, a selection, and what has been told so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.storage.rendering import added_line, bookmark_line, error_line, watch_line
from zenflow.local.apiserver.storage.selectors import Selector
from zenflow.local.apiserver.storage.store import Change, ChangeType, Entry, Storage, Store
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import StreamEnded

_BOOKMARK_EVERY = 60.0
"""Seconds between bookmarks on a quiet watch, as kube-apiserver has it."""
_LAST_BOOKMARK_BEFORE_END = 2.0
"""A watch that ends sends a last bookmark, unless it was shorter than this: also kube-apiserver's number."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a storage are meant: those under a prefix that a selector matches."""

    prefix: str
    selector: Selector

    def includes(self, entry: Entry | None) -> bool:
        """Whether the object is (or was) one of them."""
        if entry is None or not entry.key.startswith(self.prefix):
            return False
        return not self.selector or self.selector.matches(entry.labels, lambda: entry.decoded)

    def event(self, change: Change) -> ChangeType | None:
        """What a watcher of the selection sees of a change: entering it is ADDED, leaving it DELETED."""
        if not self.selector:
            return change.type if change.entry.key.startswith(self.prefix) else None
        before = self.includes(change.previous)
        after = change.type is not ChangeType.DELETED and self.includes(change.entry)
        if after:
            return ChangeType.MODIFIED if before else ChangeType.ADDED
        return ChangeType.DELETED if before else None


@dataclass(frozen=True, slots=True)
class WatchStart:
    """How a watch begins: at a version, or (None) with the objects that are there now."""

    version: int | None
    timeout: float | None = None
    bookmarks: bool = False
    initial_events_end: bool = False


class Watch:
    """A LocalStream over one storage. `read` takes the store's lock; nothing is kept for a watch that nobody reads."""

    def __init__(
        self, store: Store, clock: Clock, type_: ResourceType, selection: Selection, start: WatchStart
    ) -> None:
        self._store = store
        self._storage: Storage = store.storage(type_.storage_name)
        self._clock = clock
        self._type = type_
        self._selection = selection
        self._bookmarks = start.bookmarks
        self._bookmark_at_end = start.timeout is not None and start.timeout > _LAST_BOOKMARK_BEFORE_END
        self._closed = False
        self._told_version = store.version
        self._after = start.version or 0
        self._last_bookmark = clock.monotonic()
        self._deadline = None if start.timeout is None else self._last_bookmark + start.timeout
        self._pending: list[bytes] = []
        if start.version is None:
            self._begin_with_objects(start)
        else:
            self._begin_at(start.version)

    def _begin_with_objects(self, start: WatchStart) -> None:
        entries = self._storage.prefixed(self._selection.prefix)
        self._pending = [added_line(self._type, entry) for entry in entries if self._selection.includes(entry)]
        if start.initial_events_end:
            self._pending.append(bookmark_line(self._type, self._store.version, initial_events_end=True))
        self._sequence = self._storage.next_sequence

    def _begin_at(self, version: int) -> None:
        self._sequence = self._storage.sequence_after(version)
        if version < self._storage.forgotten:
            self._pending = [self._too_old(version)]
            self._closed = True

    def _too_old(self, version: int) -> bytes:
        gone = refusals.expired(f"too old resource version: {version} ({self._storage.forgotten})")
        return error_line(refusals.status_of(gone))

    def read(self) -> Sequence[bytes]:
        with self._store.lock:
            lines, self._pending = self._pending, []
            if not self._closed:
                lines += self._news()
            if not lines and self._closed:
                raise StreamEnded
            return lines

    def _news(self) -> list[bytes]:
        changes = self._storage.since(self._sequence)
        if changes is None:
            self._closed = True
            return [self._too_old(self._told_version)]
        self._sequence = self._storage.next_sequence
        self._told_version = self._store.version
        lines = []
        for change in changes:
            event = self._selection.event(change)
            if event is not None and change.version > self._after:
                lines.append(watch_line(self._type, change, event))
        return lines + self._bookmark_if_due()

    def _bookmark_if_due(self) -> list[bytes]:
        now = self._clock.monotonic()
        ends = self._deadline is not None and now >= self._deadline
        self._closed = ends
        due = now - self._last_bookmark >= _BOOKMARK_EVERY or (ends and self._bookmark_at_end)
        if not due or not self._bookmarks or self._told_version < self._after:
            return []
        self._last_bookmark = now
        return [bookmark_line(self._type, self._told_version)]

    def wait(self, timeout: float) -> None:
        """Return when something was written since the last `read`, or after `timeout` seconds."""
        if not self._closed and not self._pending:
            self._store.wait(self._told_version, timeout)

    def close(self) -> None:
        self._closed = True
        self._pending = []
