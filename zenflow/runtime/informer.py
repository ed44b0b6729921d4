"""From watch lines to cache changes and wake-ups: a state machine without I/O.

The Reflector feeds it; the Cache it keeps is what decisions read; its handlers put keys on queues.
Never talks to an API server and never waits.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

import msgspec

from zenflow.runtime.cache import Cache, ObjectMeta, T
from zenflow.runtime.client import Resource
from zenflow.runtime.errors import Undecodable, from_status

Handler = Callable[[T | None, T | None], None]


class _Event(msgspec.Struct, frozen=True):
    """meta/v1 WatchEvent; the object stays undecoded until its type is known."""

    type: str
    object: msgspec.Raw


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Version


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_version = msgspec.json.Decoder(_Versioned).decode


class Informer(Generic[T]):
    """The known state of one resource type, kept current by `replace` (a list) and `feed` (a watch).

    One thread writes, any number read. `decode` makes the frozen struct out of an object's JSON; a
    struct that keeps a `msgspec.Raw` holds on to all of that JSON unless it copies the part.

    Versions of one object (by UID) never go back: what is older than the cached one is dropped. A
    list older than what was seen before means a restored etcd: it replaces everything.
    """

    def __init__(
        self,
        resource: Resource,
        decode: Callable[[bytes], T],
        *,
        namespace: str = "",
        label_selector: str = "",
        indexers: Mapping[str, Callable[[T], Iterable[str]]] | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.label_selector = label_selector
        self.cache: Cache[T] = Cache(indexers or {})
        self.has_synced = False
        self.resource_version = ""
        self._decode = decode
        self._handlers: list[Handler[T]] = []
        self._listeners: list[Callable[[int], None]] = []

    @property
    def version(self) -> int:
        """`resource_version` as the number it is (KEP-5504); 0 before the first list."""
        return int(self.resource_version or 0)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler(old, new)` after the cache changed; None stands for "not there".

        Not called when nothing but the resourceVersion differs between what is cached and what came.
        """
        self._handlers.append(handler)

    def add_version_listener(self, listener: Callable[[int], None]) -> None:
        """Call `listener(version)` after each list, event and bookmark; a smaller number than before: restored etcd."""
        self._listeners.append(listener)

    def decode(self, item: bytes | msgspec.Raw) -> T:
        """One object of a list or event. Raises `Undecodable`."""
        try:
            return self._decode(bytes(item))  # its own copy: a struct that keeps a Raw must not keep a whole page
        except (msgspec.MsgspecError, ValueError) as error:
            raise Undecodable(f"{self.resource.plural}: {error}") from error

    def replace(self, items: Iterable[T], resource_version: str) -> None:
        """Make the cache equal to a consistent list taken at `resource_version`."""
        restored = int(resource_version or 0) < self.version
        listed = {item.metadata.key: item for item in items}
        for key in self.cache.all_keys():
            if key not in listed:
                self._remove(self.cache.get(key))
        for item in listed.values():
            self._put(item, trusted=restored)
        self.has_synced = True
        self._advance(resource_version)

    def feed(self, line: bytes) -> None:
        """Take one line of a watch.

        Raises `errors.Expired` (or another `ApiError`) for an ERROR event, and `Undecodable` for an
        object of another shape, after which the versions have advanced all the same.
        """
        try:
            event = _decode_event(line)
        except msgspec.DecodeError as error:
            raise Undecodable(f"{self.resource.plural}: a watch line is no event: {error}") from error
        if event.type == "ERROR":
            raise from_status(msgspec.json.decode(event.object))
        if event.type == "BOOKMARK":
            self._advance(_decode_version(event.object).metadata.resource_version)
            return
        try:
            item = self.decode(event.object)
        except Undecodable:
            self._advance(_decode_version(event.object).metadata.resource_version)
            raise
        if event.type == "DELETED":
            self._remove_if_current(item)
        else:
            self._put(item, trusted=False)
        self._advance(item.metadata.resource_version)

    def _put(self, new: T, *, trusted: bool) -> None:
        old = self.cache.get(new.metadata.key)
        if old is not None and not trusted and _is_older(new.metadata, old.metadata):
            return
        if old is not None and old.metadata.uid != new.metadata.uid:
            # Deleted and re-created between two looks: whoever follows the old object must hear of its end.
            self._remove(old)
            old = None
        self.cache.put(new)
        if old is None or not is_same(old, new):
            self._notify(old, new)

    def _remove_if_current(self, last: T) -> None:
        cached = self.cache.get(last.metadata.key)
        if cached is not None and cached.metadata.uid == last.metadata.uid:
            # The final state goes through the cache first, so that handlers see how the object ended.
            self._remove(last)

    def _remove(self, old: T | None) -> None:
        if old is not None:
            self.cache.remove(old.metadata.key)
            self._notify(old, None)

    def _notify(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            handler(old, new)

    def _advance(self, resource_version: str) -> None:
        self.resource_version = resource_version
        for listener in self._listeners:
            listener(self.version)


def is_same(old: Any, new: Any) -> bool:
    """Whether the structs agree in everything but the resourceVersion."""
    aligned = msgspec.structs.replace(new.metadata, resource_version=old.metadata.resource_version)
    return bool(aligned == old.metadata and msgspec.structs.replace(new, metadata=old.metadata) == old)


def _is_older(new: ObjectMeta, old: ObjectMeta) -> bool:
    return new.uid == old.uid and int(new.resource_version or 0) < int(old.resource_version or 0)
