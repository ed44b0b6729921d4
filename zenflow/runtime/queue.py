"""client-go's work queue: which key to look at next.

Filled by informers' handlers and by the Loop itself, emptied by the Loop's workers. Never knows what
a key stands for, and keeps no object: state is read from the caches when the key is handed out.
"""

import heapq
import threading
from collections import deque
from itertools import count
from typing import Protocol

from zenflow.runtime.cache import Key
from zenflow.runtime.clock import Clock

BASE_DELAY = 0.005
MAX_DELAY = 60.0
# A key that wants to be looked at again within so many seconds comes soon; so often in a row without news that is as
# it should be, after that something is wrong with its object or with the reconciler.
SOON = 1.0
FREE = 5
# How long a key that can wait gives way to others.
PATIENCE = 1.0
# Delays that were replaced by others and not yet forgotten, beside as many as there are keys.
DEAD_ENTRIES = 64


class QueueMetrics(Protocol):
    """What a queue tells about itself as it happens; see `metrics.py` for the names."""

    def added(self) -> None: ...
    def retried(self) -> None: ...
    def held_back(self) -> None: ...
    def handed_out(self, waited: float) -> None: ...
    def finished(self, worked: float) -> None: ...
    def bind(self, queue: "WorkQueue") -> None: ...


class NoMetrics:
    """For queues that nobody measures."""

    def bind(self, queue: "WorkQueue") -> None: ...
    def added(self) -> None: ...
    def retried(self) -> None: ...
    def held_back(self) -> None: ...
    def handed_out(self, waited: float) -> None: ...
    def finished(self, worked: float) -> None: ...


class WorkQueue:
    """A fair queue of keys with client-go's contract. Safe for threads.

    - A key waits at most once, however often it is added (deduplication).
    - Keys are handed out in the order in which they were first added (fairness).
    - Two workers never hold the same key. Added while it is held, it is handed out again, once,
      after `done`.
    - `add_after` holds a key back; of several delays for one key the earliest counts.
    - A key that is held back `at_leisure` gives way to all others once it is due, for a second at most, and workers
      hold no more than `leisurely` of such keys at once: the others are kept free for what is urgent.
    - `add_rate_limited` delays a key by 5 ms doubled with each call up to a minute, until `forget`.
    - `requeue` is the wish of a key itself. One that wants to come soon, again and again, without an `add` (which is
      news of it) in between, is held back by 5 ms doubled with each time up to a minute.

    After `shut_down` nothing is accepted, and `get` returns what is left and then None.
    """

    def __init__(self, clock: Clock, *, metrics: QueueMetrics | None = None, leisurely: int = 1) -> None:
        self._clock = clock
        self._metrics: QueueMetrics = metrics or NoMetrics()
        self._changed = threading.Condition()  # guards everything below
        self._ready: deque[Key] = deque()
        self._leisurely: dict[Key, None] = {}  # ready too, but after all of _ready (a dict for its order)
        # Needs a look -> since when; all of _ready and _leisurely, and what was re-added while held.
        self._dirty: dict[Key, float] = {}
        self._processing: dict[Key, float] = {}  # held by a worker -> since when
        self._due: dict[Key, float] = {}  # held back -> until when
        self._can_wait: set[Key] = set()  # those of _due that were held back at leisure
        self._at_leisure: set[Key] = set()  # those of _processing that were handed out at leisure
        self._most_at_leisure = leisurely
        self._heap: list[tuple[float, int, Key]] = []  # the same by time; an entry that disagrees with _due is dead
        self._order = count()
        self._failures: dict[Key, int] = {}
        self._streaks: dict[Key, int] = {}  # how often in a row a key has asked to come soon, without news
        self._shut_down = False
        self._metrics.bind(self)

    def add(self, key: Key) -> None:
        """The key needs a look, now: there is news of it."""
        with self._changed:
            self._streaks.pop(key, None)
            self._add(key)

    def add_after(self, key: Key, seconds: float, *, at_leisure: bool = False) -> None:
        """The key needs a look in so many seconds, or sooner if it is already to be looked at sooner.

        `at_leisure`: what there is to do for it then is less urgent than what there is for others.
        """
        with self._changed:
            self._add_after(key, seconds, at_leisure=at_leisure)

    def requeue(self, key: Key, seconds: float | None, *, at_leisure: bool = False) -> bool:
        """The key itself wants to be looked at again in so many seconds; None: only when there is news.

        True, once in a row of such wishes: it is held back from now on, for it turns in place.
        """
        with self._changed:
            if seconds is None or seconds >= SOON:
                self._streaks.pop(key, None)
            else:
                self._streaks[key] = self._streaks.get(key, 0) + 1
            excess = self._streaks.get(key, 0) - FREE
            if excess > 0:
                self._metrics.held_back()
            if seconds is not None:
                self._add_after(key, max(seconds, _floor(excess)), at_leisure=at_leisure)
            return excess == 1

    def add_rate_limited(self, key: Key) -> None:
        """The key needs a look again after a failure; the more failures since `forget`, the later."""
        with self._changed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            self._metrics.retried()
            self._add_after(key, min(BASE_DELAY * 2 ** min(failures, 32), MAX_DELAY))

    def forget(self, key: Key) -> None:
        """The key is well: its next failure waits 5 ms again."""
        with self._changed:
            self._failures.pop(key, None)

    def failures(self, key: Key) -> int:
        """How often the key was rate limited since it was last well."""
        with self._changed:
            return self._failures.get(key, 0)

    def cancel_delay(self, key: Key) -> None:
        """Drop the key's delay, if it has one. For the worker who is about to compute it anew."""
        with self._changed:
            self._forget_delay(key)

    def get(self, timeout: float | None = None) -> Key | None:
        """The next key, which the caller must give back by `done`. None after `timeout` seconds or at shut-down.

        Blocks; a timeout of None waits for as long as it takes.
        """
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        with self._changed:
            while True:
                self._promote()
                key = self._next()
                if key is not None:
                    return self._hand_out(key)
                if self._shut_down:
                    return None
                wait = self._patience(deadline)
                if wait is not None and wait <= 0:
                    return None
                self._changed.wait(wait)

    def try_get(self) -> Key | None:
        """The next key, or None if none is ready at this moment of the clock. Never blocks."""
        return self.get(0)

    def next_due(self) -> float | None:
        """When (on the monotonic clock) the earliest delayed key becomes ready; None if none is delayed."""
        with self._changed:
            return self._earliest()

    def done(self, key: Key) -> None:
        """Give a key back. If it was added meanwhile, it is ready again."""
        with self._changed:
            started = self._processing.pop(key)
            self._metrics.finished(self._clock.monotonic() - started)
            if key in self._dirty:
                self._ready.append(key)
                self._changed.notify()
            if key in self._at_leisure:
                self._at_leisure.remove(key)
                self._changed.notify()

    def is_at_leisure(self, key: Key) -> bool:
        """Whether a key in work was handed out as one that can wait."""
        with self._changed:
            return key in self._at_leisure

    def shut_down(self) -> None:
        """Accept nothing more, drop the delays, and let waiting workers go once the queue is empty."""
        with self._changed:
            self._shut_down = True
            self._due.clear()
            self._can_wait.clear()
            self._heap.clear()
            self._changed.notify_all()

    @property
    def is_shut_down(self) -> bool:
        """Whether `shut_down` was called."""
        return self._shut_down

    def __len__(self) -> int:
        """Keys that are ready; neither those delayed nor those held."""
        return len(self._ready) + len(self._leisurely)

    def held_for(self) -> list[float]:
        """For how many seconds each key in work has been held."""
        with self._changed:
            now = self._clock.monotonic()
            return [now - started for started in self._processing.values()]

    def _add(self, key: Key, *, at_leisure: bool = False) -> None:
        if self._shut_down:
            return
        if key in self._dirty:
            if key in self._leisurely and not at_leisure:
                del self._leisurely[key]
                self._ready.append(key)
            return
        self._metrics.added()
        self._dirty[key] = self._clock.monotonic()
        if key in self._processing:
            return
        if at_leisure:
            self._leisurely[key] = None
        else:
            self._ready.append(key)
        self._changed.notify()

    def _add_after(self, key: Key, seconds: float, *, at_leisure: bool = False) -> None:
        if self._shut_down:
            return
        if seconds <= 0:
            self._add(key, at_leisure=at_leisure)
            return
        due = self._clock.monotonic() + seconds
        if due >= self._due.get(key, float("inf")):
            return
        self._forget_delay(key)
        self._due[key] = due
        if at_leisure:
            self._can_wait.add(key)
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._bury()
        self._changed.notify()

    def _promote(self) -> None:
        """Make ready what is due."""
        now = self._clock.monotonic()
        while (due := self._earliest()) is not None and due <= now:
            _, _, key = heapq.heappop(self._heap)
            at_leisure = key in self._can_wait
            self._forget_delay(key)
            self._add(key, at_leisure=at_leisure)

    def _bury(self) -> None:
        """Drop the dead entries once they are most of the heap: each costs what it cost to add it, and no more."""
        if len(self._heap) > 2 * len(self._due) + DEAD_ENTRIES:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def _forget_delay(self, key: Key) -> None:
        self._due.pop(key, None)
        self._can_wait.discard(key)

    def _earliest(self) -> float | None:
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def _next(self) -> Key | None:
        """The key whose turn it is, taken out of its line."""
        patient = next(iter(self._leisurely), None)
        if patient is not None and self._has_come(patient):
            del self._leisurely[patient]
            self._at_leisure.add(patient)
            return patient
        return self._ready.popleft() if self._ready else None

    def _has_come(self, patient: Key) -> bool:
        if len(self._at_leisure) >= self._most_at_leisure and not self._shut_down:
            return False
        return not self._ready or self._clock.monotonic() - self._dirty[patient] >= PATIENCE

    def _hand_out(self, key: Key) -> Key:
        now = self._clock.monotonic()
        self._metrics.handed_out(now - self._dirty.pop(key))
        self._processing[key] = now
        return key

    def _patience(self, deadline: float | None) -> float | None:
        """Seconds until something must be looked at again: the caller's deadline or the next delayed key."""
        times = [time for time in (deadline, self._earliest()) if time is not None]
        return min(times) - self._clock.monotonic() if times else None


def _floor(excess: int) -> float:
    """How long a key is held back that has come soon so many times too often."""
    return min(BASE_DELAY * 2 ** min(excess, 32), MAX_DELAY) if excess > 0 else 0.0
