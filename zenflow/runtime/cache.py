"""What the informer has seen: frozen objects by key and by index.

Read by everything that decides, written only by an Informer. Never asks the API server and never
hands out anything that may be changed.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec


class Key(NamedTuple):
    """What names an object of one resource type; cluster-scoped objects have no namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class OwnerReference(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """meta/v1 OwnerReference, as far as ownership is decided by it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """meta/v1 ObjectMeta, as far as decisions read it; managedFields and the rest never become objects."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    generate_name: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def key(self) -> Key:
        """Where the object lies in its cache."""
        return Key(self.namespace, self.name)

    @property
    def deletion_asked_at(self) -> datetime | None:
        """When somebody asked for its deletion; the deletionTimestamp is when its grace period ends."""
        if self.deletion_timestamp is None:
            return None
        try:
            return self.deletion_timestamp - timedelta(seconds=self.deletion_grace_period_seconds or 0)
        except OverflowError:  # whoever deletes chooses the grace period, and 64 bits of seconds are no time
            return self.deletion_timestamp

    @property
    def controller_uid(self) -> str:
        """The UID of the owner that controls the object, "" if none does."""
        return next((owner.uid for owner in self.owner_references if owner.controller), "")


class Cached(Protocol):
    """Any frozen msgspec struct with metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Cached)


class Cache(Generic[T]):
    """Objects of one type by key, and by the indexes given. Safe for threads.

    Readers get the very objects that are stored, which are frozen. `by_index` and `values` keep
    the order in which keys arrived, so that a simulation replays.
    """

    def __init__(self, indexers: Mapping[str, Callable[[T], Iterable[str]]]) -> None:
        self._indexers = dict(indexers)
        self._lock = threading.Lock()  # guards the two mappings below
        self._objects: dict[Key, T] = {}
        # index -> value -> keys (a dict for its order). A value without keys is not kept.
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {index: {} for index in indexers}

    def get(self, key: Key) -> T | None:
        """The object, or None where none is known."""
        with self._lock:
            return self._objects.get(key)

    def by_index(self, index: str, value: str) -> tuple[T, ...]:
        """All objects for which the indexer named `index` gave `value`. KeyError for an unknown index."""
        with self._lock:
            return tuple(self._objects[key] for key in self._indexes[index].get(value, ()))

    def values(self) -> tuple[T, ...]:
        """All objects at this moment."""
        with self._lock:
            return tuple(self._objects.values())

    def all_keys(self) -> tuple[Key, ...]:
        """The keys of all objects at this moment."""
        with self._lock:
            return tuple(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, item: T) -> None:
        """Store in place of what had its key. Only the informer calls this."""
        key = item.metadata.key
        entries = self._entries(item)
        with self._lock:
            old = self._objects.get(key)
            self._objects[key] = item
            if old is not None:
                known = self._entries(old)
                if known == entries:  # as nearly always
                    return
                self._unindex(key, known)
            for index, value in entries:
                self._indexes[index].setdefault(value, {})[key] = None

    def remove(self, key: Key) -> None:
        """Drop the object, if there is one. Only the informer calls this."""
        with self._lock:
            old = self._objects.pop(key, None)
            if old is not None:
                self._unindex(key, self._entries(old))

    def _unindex(self, key: Key, entries: Iterable[tuple[str, str]]) -> None:
        for index, value in entries:
            keys = self._indexes[index].get(value, {})
            keys.pop(key, None)
            if not keys:
                self._indexes[index].pop(value, None)

    def _entries(self, item: T) -> list[tuple[str, str]]:
        return [(index, value) for index, indexer in self._indexers.items() for value in indexer(item)]
