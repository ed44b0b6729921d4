"""Keeps one informer current: a paged list, then a watch, for as long as somebody calls `step`.

Reads from a Client, writes into an Informer. Never waits by itself: each step says how long its driver
should wait before the next one. It is the only place that knows what to do when a watch breaks.
"""

import traceback
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import structlog

from zenflow.runtime.cache import T
from zenflow.runtime.client import Client, Page
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import (
    ApiError,
    Expired,
    Garbled,
    RuntimeFault,
    ServerFault,
    StreamEnded,
    StreamSilent,
    TooManyRequests,
    Undecodable,
)
from zenflow.runtime.informer import Informer
from zenflow.runtime.transport import Stream

R = TypeVar("R")

# A healthy API server sends a bookmark about every minute (KEP-956), so more silence than this is a dead connection.
SILENCE = 70.0
# The server ends a watch after a random time in this range, so that not all start anew at once (as client-go).
SHORTEST_WATCH, LONGEST_WATCH = 300, 600
# How long a driver without a blocking stream waits before it looks again.
IDLE = 0.02
# A watch that lived this long was worth opening; one that ends sooner counts as a failure, whatever it said.
HEALTHY_AFTER = 5.0
# So many failures of the server in a row, and a new list is tried instead of the same watch.
STUBBORN = 5
BASE_DELAY, MAX_DELAY = 0.2, 30.0


class Backoff:
    """Waits that double with each failure, with jitter, so that replicas do not come back all at once."""

    def __init__(self, random: Callable[[], float]) -> None:
        self.failures = 0
        self._random = random

    def next(self) -> float:
        """Count a failure and return the seconds to wait: 0.2 s doubled up to 30 s, plus up to as much again."""
        delay: float = min(BASE_DELAY * 2 ** min(self.failures, 16), MAX_DELAY)
        self.failures += 1
        return delay * (1 + self._random())

    def reset(self) -> None:
        """Forget the failures: the next one waits 0.2 s again."""
        self.failures = 0


class ReflectorMetrics(Protocol):
    """What a reflector tells about itself as it happens; see `metrics.py` for the names."""

    def unreadable(self) -> None: ...
    def garbled(self) -> None: ...
    def panicked(self) -> None: ...


class NoMetrics:
    """For reflectors that nobody measures."""

    def unreadable(self) -> None: ...
    def garbled(self) -> None: ...
    def panicked(self) -> None: ...


class Reflector(Generic[T]):
    """List, then watch, then whatever the server's answers ask for. One thread steps it; `close` may come from another.

    `random` gives numbers in [0, 1). The list is consistent and read page by page. A watch that ends is
    opened again at the last version seen, bookmarks included; 410 means a new list; so does a second silence
    in a row, because a server whose etcd was restored says nothing to a watch from its future.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each part by name
        self,
        client: Client,
        informer: Informer[T],
        *,
        clock: Clock,
        random: Callable[[], float],
        page_limit: int = 500,
        silence: float = SILENCE,
        metrics: ReflectorMetrics | None = None,
        log: Any = None,
    ) -> None:
        self.informer = informer
        self.last_contact = clock.monotonic()
        self._client = client
        self._clock = clock
        self._random = random
        self._page_limit = page_limit
        self._silence = silence
        self._metrics: ReflectorMetrics = metrics or NoMetrics()
        self._log = (log or structlog.get_logger()).bind(resource=informer.resource.plural)
        self._backoff = Backoff(random)
        self._pages: Iterator[Page] | None = None
        self._listed: list[T] = []
        self._listed_version = ""
        self._must_list = True
        self._stream: Stream | None = None
        self._opened_at = 0.0
        self._silences = 0
        self._garbled_at: int | None = None  # the version after which a line could not be understood
        self._closed = False
        self._told: set[object] = set()  # places in the code that have raised what nobody expected
        informer.on_panic(self._tell_panic)

    def step(self) -> float:
        """Do one bounded piece of work (a page, opening a watch, one read) and return the seconds to wait for the next.

        A read blocks if the transport's stream blocks. Never raises: what no part of this expects is counted and told,
        and all is listed anew.
        """
        if self._closed:
            return IDLE
        try:
            if self._must_list:
                return self._list_page()
            if self._stream is None:
                return self._open_watch()
            return self._read(self._stream)
        except RuntimeFault as error:
            return self._recover(error)
        except Exception as error:  # a bug here must not end the process, for every replica would meet the same bytes
            self._tell_panic(error)
            self._must_list = True
            return self._recover(RuntimeFault(str(error)))

    def silent_for(self) -> float:
        """Seconds since the server last said anything: how stale the cache may be."""
        return self._clock.monotonic() - self.last_contact

    def close(self) -> None:
        """Give up the watch; a `step` blocked in another thread returns. Idempotent."""
        self._closed = True
        self._drop_stream()

    def _list_page(self) -> float:
        if self._pages is None:
            self._listed = []
            informer = self.informer
            self._pages = self._client.pages(
                informer.resource, informer.namespace, label_selector=informer.label_selector, limit=self._page_limit
            )
        page = next(self._pages, None)
        if page is None:
            self._finish_list()
            return 0.0
        self._heard()
        self._listed_version = page.resource_version
        # Decoded at once, so that no more than one page is ever held as raw JSON.
        for raw in page.items:
            self._tolerate(self._take, raw)
        return 0.0

    def _finish_list(self) -> None:
        listed, self._listed, self._pages = self._listed, [], None
        self.informer.replace(listed, self._listed_version)
        self._must_list = False
        self._silences = 0

    def _open_watch(self) -> float:
        informer = self.informer
        self._stream = self._client.watch(
            informer.resource,
            informer.namespace,
            resource_version=informer.resource_version,
            label_selector=informer.label_selector,
            silence=self._silence,
            timeout_seconds=int(SHORTEST_WATCH + (LONGEST_WATCH - SHORTEST_WATCH) * self._random()),
        )
        self._opened_at = self._clock.monotonic()
        self._heard()
        if self._closed:
            self._drop_stream()
        return 0.0

    def _read(self, stream: Stream) -> float:
        lines = stream.read()
        for line in lines:
            self._tolerate(self.informer.feed, line)
        if not lines:
            return IDLE
        self._heard()
        self._silences = 0
        return 0.0

    def _heard(self) -> None:
        self.last_contact = self._clock.monotonic()

    def _take(self, raw: msgspec.Raw) -> None:
        try:
            self._listed.append(self.informer.decode(raw))
        except Undecodable as error:
            # It exists: leaving it out would tell everyone that it was deleted.
            known = self.informer.known(raw) if error.remains is None else error.remains
            if known is not None:
                self._listed.append(known)
            raise

    def _tolerate(self, take: Callable[[R], None], raw: R) -> None:
        """One object that we cannot read must not hide the others."""
        try:
            take(raw)
        except Undecodable as error:
            self._metrics.unreadable()
            self._log.error("object unreadable", error=str(error))

    def _tell_panic(self, error: Exception) -> None:
        """Count what is a bug of ours, and log it with its place, each place once."""
        self._metrics.panicked()
        frames = traceback.extract_tb(error.__traceback__)
        place = (type(error), frames[-1].filename, frames[-1].lineno) if frames else type(error)
        if place not in self._told:
            self._told.add(place)
            self._log.error("handler failed, told once", error=str(error), exc_info=error)

    def _recover(self, error: RuntimeFault) -> float:
        healthy = self._stream is not None and self._clock.monotonic() - self._opened_at >= HEALTHY_AFTER
        self._drop_stream()
        self._pages, self._listed = None, []
        if healthy:
            self._backoff.reset()
        self._must_list = self._must_list or self._needs_list(error)
        if not self._closed:
            self._log_fault(error)
        if isinstance(error, Garbled):
            self._metrics.garbled()
        if healthy and isinstance(error, StreamEnded):
            return 0.0
        asked = error.retry_after if isinstance(error, ApiError) else None
        return max(self._backoff.next(), asked or 0.0)

    def _needs_list(self, error: RuntimeFault) -> bool:
        """Whether opening the watch again at the version we have cannot help."""
        if isinstance(error, StreamSilent):
            self._silences += 1
            return self._silences > 1
        if isinstance(error, Garbled):
            # Once it may have been the connection; the same line again, and only a list can tell what has changed.
            again = self._garbled_at == self.informer.version
            self._garbled_at = self.informer.version
            return again
        if isinstance(error, ServerFault):
            return self._backoff.failures >= STUBBORN
        return isinstance(error, ApiError) and not isinstance(error, TooManyRequests)

    def _log_fault(self, error: RuntimeFault) -> None:
        routine = isinstance(error, StreamEnded | Expired) and not isinstance(error, StreamSilent)
        tell = self._log.debug if routine else self._log.warning
        tell("list and watch interrupted", error=str(error), reason=type(error).__name__, relist=self._must_list)

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
