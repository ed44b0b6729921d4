"""Caches of the local controllers, read without waiting.

The embedded API server's watches never block, so one `catch_up` brings a cache up to everything that was written
before it. That is why the local controllers need no barrier: a `catch_up` after a write of their own sees that write.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog

from zenflow.runtime.client import Client
from zenflow.runtime.errors import Expired, RuntimeFault, StreamEnded, Undecodable
from zenflow.runtime.informer import Informer
from zenflow.runtime.transport import Stream

log = structlog.get_logger()


class Mirror:
    """Keeps one Informer equal to what the API server holds, as of each `catch_up`.

    A request that is refused or not answered leaves the cache as it was, and the next `catch_up` tries again.
    An object that cannot be decoded is left out and logged.
    """

    def __init__(self, client: Client, informer: Informer[Any]) -> None:
        self._client = client
        self._informer = informer
        self._stream: Stream | None = None
        self._must_list = True

    @property
    def is_current(self) -> bool:
        """Whether the last `catch_up` was answered."""
        return self._stream is not None

    def catch_up(self) -> bool:
        """Take over what was written since the last call, and say whether anything was."""
        before = self._informer.resource_version
        try:
            self._take_over()
        except Expired:
            self._must_list = True
            self.close()
        except RuntimeFault:
            self.close()
        return self._informer.resource_version != before

    def close(self) -> None:
        """Stop watching; a later `catch_up` goes on where this one stopped."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _take_over(self) -> None:
        if self._must_list:
            self._list()
        if self._stream is None:
            self._stream = self._client.watch(self._informer.resource, resource_version=self._informer.resource_version)
        try:
            while lines := self._stream.read():
                self._feed(lines)
        except StreamEnded:
            self._stream = None

    def _list(self) -> None:
        pages = list(self._client.pages(self._informer.resource))
        items = [item for page in pages for item in self._decoded(page.items)]
        self._informer.replace(items, pages[-1].resource_version)
        self._must_list = False

    def _decoded(self, items: Iterable[msgspec.Raw]) -> Iterable[Any]:
        for item in items:
            try:
                yield self._informer.decode(item)
            except Undecodable as error:
                log.warning("object left out", error=str(error))

    def _feed(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            try:
                self._informer.feed(line)
            except Undecodable as error:
                log.warning("object left out", error=str(error))
