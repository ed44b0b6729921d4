"""From watch lines to cache changes and wake-ups: a state machine without I/O.

The Reflector feeds it; the Cache it keeps is what decisions read; its handlers put keys on queues.
Never talks to an API server and never waits.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from zenflow.runtime.cache import Cache, Key, ObjectMeta, T
from zenflow.runtime.client import Resource
from zenflow.runtime.decoding import containers, decode, shallow
from zenflow.runtime.errors import Expired, Garbled, Undecodable, from_status

R = TypeVar("R")
Handler = Callable[[T | None, T | None], None]


class _Event(msgspec.Struct, frozen=True):
    """meta/v1 WatchEvent; the object stays undecoded until its type is known."""

    type: str
    object: msgspec.Raw


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Identified(msgspec.Struct, frozen=True):
    """What every object has, however strange the rest of it is."""

    metadata: _Identity

    @property
    def key(self) -> Key:
        return Key(self.metadata.namespace, self.metadata.name)


_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
# Numbers (KEP-5504) of etcd's 64 bits.
_VERSION = re.compile(r"[0-9]{1,20}")

_decode_event = msgspec.json.Decoder(_Event).decode
_decode_identity = msgspec.json.Decoder(_Identified).decode
_decode_status = msgspec.json.Decoder(dict[str, Any]).decode


class Informer(Generic[T]):
    """The known state of one resource type, kept current by `replace` (a list) and `feed` (a watch).

    One thread writes, any number read. `decode` makes the frozen struct out of an object's JSON; a
    struct that keeps a `msgspec.Raw` holds on to all of that JSON unless it copies the part.

    Versions of one object (by UID) never go back: what is older than the cached one is dropped. A
    list older than what was seen before means a restored etcd: it replaces everything.

    A cache that is given is shared with informers of the same type in other namespaces, and left as it is there.

    `carry(old, new)` returns the new state of an object with what the old one told and the server no longer does.
    """

    def __init__(  # noqa: PLR0913 - what to follow, and how to keep it
        self,
        resource: Resource,
        decode: Callable[[bytes], T],
        *,
        namespace: str = "",
        label_selector: str = "",
        indexers: Mapping[str, Callable[[T], Iterable[str]]] | None = None,
        cache: Cache[T] | None = None,
        carry: Callable[[T, T], T] = lambda old, new: new,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.label_selector = label_selector
        self.cache: Cache[T] = Cache(indexers or {}) if cache is None else cache
        self.has_synced = False
        self.version = 0  # resource_version as the number it is (KEP-5504)
        self._decode = decode
        self._carry = carry
        self._handlers: list[Handler[T]] = []
        self._listeners: list[Callable[[int], None]] = []
        self._tell: Callable[[Exception], None] = _raise

    @property
    def resource_version(self) -> str:
        """The version to watch from: that of the last list, event or bookmark; "" before the first list."""
        return str(self.version) if self.has_synced else ""

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler(old, new)` after the cache changed; None stands for "not there".

        Not called when nothing but the resourceVersion differs between what is cached and what came.
        """
        self._handlers.append(handler)

    def on_panic(self, tell: Callable[[Exception], None]) -> None:
        """Call `tell(error)` for what a handler or listener raises, and go on; without it the error is raised.

        What one of them makes of one object must not cost the others theirs, nor the watch its place.
        """
        self._tell = tell

    def add_version_listener(self, listener: Callable[[int], None]) -> None:
        """Call `listener(version)` after each list, event and bookmark; a smaller number than before: restored etcd."""
        self._listeners.append(listener)

    def decode(self, item: bytes | msgspec.Raw) -> T:
        """One object of a list or event. Raises `Undecodable`, which names the object as far as it has a name."""
        try:
            return decode(self._decode, item, self.resource.kind)  # of a copy: a Raw must not keep a whole page
        except Undecodable as error:
            raise Undecodable(f"{self._name(item)}: {error}", remains=error.remains) from error

    def known(self, item: bytes | msgspec.Raw) -> T | None:
        """What is known of an undecodable object: its last readable state in the cache, if that has the same UID."""
        try:
            identity = decode(_decode_identity, item, self.resource.kind)
        except Undecodable:
            return None
        cached = self.cache.get(identity.key)
        return cached if cached is not None and cached.metadata.uid == identity.metadata.uid else None

    def replace(self, items: Iterable[T], resource_version: str) -> None:
        """Make the cache equal to a consistent list taken at `resource_version` (`Garbled` if that is no version)."""
        version = self._number(resource_version)
        restored = version < self.version
        listed = {item.metadata.key: item for item in items}
        for key in self.cache.all_keys():
            if key not in listed and self.namespace in ("", key.namespace):
                self._remove(self.cache.get(key))
        for item in listed.values():
            self._put(item, trusted=restored)
        self.has_synced = True
        self._advance(version)

    def feed(self, line: bytes) -> None:
        """Take one line of a watch.

        Raises `errors.Expired` (or another `ApiError`) for an ERROR event. A bookmark older than what was seen is an
        `Expired` too: an API server whose etcd was restored needs a new list. `Undecodable` is an object of another
        shape: what remains of it was taken in and the version has advanced. After `Garbled`, a line that does not say
        what it is about, nothing has changed: the watch must be opened again at the version that is known.
        """
        event = self._event(line)
        if event.type == "ERROR":
            raise from_status(self._understood(_decode_status, event.object))
        if event.type == "BOOKMARK":
            self._feed_bookmark(self._version_of(event.object))
        elif event.type in _CHANGES:
            self._take(event)
        else:
            raise Garbled(f"{self.resource.plural}: an event of the unknown type {event.type[:40]!r}")

    def _take(self, event: _Event) -> None:
        unreadable = None
        try:
            item: T | None = self.decode(event.object)
        except Undecodable as error:
            item, unreadable = error.remains, error
        # Before anything is changed: what has no version is Garbled.
        version = self._number(item.metadata.resource_version) if item else self._version_of(event.object)
        if item is not None and version >= self.version:
            self._feed_change(event.type, item)
        elif item is None and event.type == "DELETED":
            self._remove(self.known(event.object))
        self._advance(max(self.version, version))
        if unreadable is not None:
            raise unreadable

    def _feed_bookmark(self, version: int) -> None:
        if version < self.version:
            raise Expired(
                410, "Expired", f"a bookmark at {version} after {self.version}: the server's past has changed"
            )
        self._advance(version)

    def _feed_change(self, type_: str, item: T) -> None:
        if type_ != "DELETED":
            self._put(item, trusted=False)
            return
        cached = self.cache.get(item.metadata.key)
        if cached is not None and cached.metadata.uid == item.metadata.uid:
            # Handlers get the last state, which says how the object ended, not the one before it.
            self._remove(self._carry(cached, item))

    def _put(self, new: T, *, trusted: bool) -> None:
        old = self.cache.get(new.metadata.key)
        if old is not None and not trusted and _is_older(new.metadata, old.metadata):
            return
        if old is not None and old.metadata.uid != new.metadata.uid:
            # Deleted and re-created between two looks: whoever follows the old object must hear of its end.
            self._remove(old)
            old = None
        if old is not None:
            new = self._carry(old, new)
        self.cache.put(new)
        if old is None or not is_same(old, new):
            self._notify(old, new)

    def _remove(self, old: T | None) -> None:
        if old is not None:
            self.cache.remove(old.metadata.key)
            self._notify(old, None)

    def _notify(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception as error:
                self._tell(error)

    def _advance(self, version: int) -> None:
        self.version = version
        for listener in self._listeners:
            try:
                listener(version)
            except Exception as error:
                self._tell(error)

    def _event(self, line: bytes) -> _Event:
        """The envelope, even of an object that is no JSON: then by its brackets alone."""
        try:
            return decode(_decode_event, line, self.resource.plural)
        except Undecodable:
            outline = self._understood(_decode_event, shallow(line, 1))
            place = next(containers(line, 2), None)
            if place is None:
                raise Garbled(f"{self.resource.plural}: an event without an object") from None
            return _Event(outline.type, msgspec.Raw(line[place[0] : place[1]]))

    def _version_of(self, raw: msgspec.Raw) -> int:
        return self._number(self._understood(_decode_identity, raw).metadata.resource_version)

    def _number(self, resource_version: str) -> int:
        if not _VERSION.fullmatch(resource_version):
            raise Garbled(f"{self.resource.plural}: {resource_version[:40]!r} is no resourceVersion")
        return int(resource_version)

    def _name(self, item: bytes | msgspec.Raw) -> str:
        try:
            return f"{self.resource.kind} {decode(_decode_identity, item, self.resource.kind).key}"
        except Undecodable:
            return f"{self.resource.kind} without a name"

    def _understood(self, decoder: Callable[[bytes], R], raw: bytes | msgspec.Raw) -> R:
        try:
            return decode(decoder, raw, self.resource.plural)
        except Undecodable as error:
            raise Garbled(f"not a watch event: {error}") from error


def _raise(error: Exception) -> None:
    raise error


def is_same(old: Any, new: Any) -> bool:
    """Whether the structs agree in everything but the resourceVersion."""
    aligned = msgspec.structs.replace(new.metadata, resource_version=old.metadata.resource_version)
    return bool(aligned == old.metadata and msgspec.structs.replace(new, metadata=old.metadata) == old)


def _is_older(new: ObjectMeta, old: ObjectMeta) -> bool:
    return new.uid == old.uid and int(new.resource_version or 0) < int(old.resource_version or 0)
