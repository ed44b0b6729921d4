"""A key waits until the caches have seen our own writes (KEP-5647).

The writer says what it wrote, the Loop asks before it reconciles. Never blocks: a key that has to wait
goes back to its queue and is woken by the event that it waits for.
"""

import heapq
import threading
from collections.abc import Callable
from typing import Any

from zenflow.runtime.cache import Key
from zenflow.runtime.informer import Informer


class Barrier:
    """Which versions the caches must have reached before a key may be looked at again. Safe for threads.

    Versions compare as integers (KEP-5504), per informer. A reconcile that read a cache without its own
    last write would do the same work twice; this is where that is ruled out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._expected: dict[Key, dict[Informer[Any], int]] = {}
        self._blocked: set[Key] = set()  # to be woken when ready: refused by is_ready, or the event never came
        self._awaited: dict[Informer[Any], list[tuple[int, Key]]] = {}  # heap of the same expectations by version
        self._echoes: dict[Informer[Any], set[int]] = {}  # versions in _awaited whose events have not come
        self._seen: dict[Informer[Any], int] = {}
        self._wake: Callable[[Key], None] = lambda key: None

    def on_ready(self, wake: Callable[[Key], None]) -> None:
        """Call `wake(key)` when a key that was refused has become ready, or when the event of its write never came."""
        self._wake = wake

    def expect(self, key: Key, informer: Informer[Any], resource_version: str) -> None:
        """The key must not be looked at before the informer has reached the version of a write of ours."""
        version = int(resource_version)
        with self._lock:
            if informer not in self._awaited:
                self._awaited[informer] = []
                self._echoes[informer] = set()
                self._seen[informer] = informer.version
                informer.add_version_listener(lambda reached: self._reached(informer, reached))
            if version > informer.version:
                self._echoes[informer].add(version)
            heapq.heappush(self._awaited[informer], (version, key))
            expected = self._expected.setdefault(key, {})
            expected[informer] = max(version, expected.get(informer, 0))

    def is_echo(self, informer: Informer[Any], resource_version: str) -> bool:
        """Whether this version, which the informer is just taking in, is what a write of ours came to.

        To be asked once. False is no proof of the contrary: the news of a write may overtake its answer. A write whose
        event is never asked about, because a new list went beyond it, wakes its key: it may have been undone already.
        """
        version, echoes = int(resource_version), self._echoes.get(informer)
        with self._lock:
            if not echoes or version not in echoes:
                return False
            echoes.remove(version)
            return True

    def is_ready(self, key: Key) -> bool:
        """Whether all caches have seen what was written for this key."""
        with self._lock:
            return self._is_ready(key)

    def _is_ready(self, key: Key) -> bool:
        expected = self._expected.get(key, {})
        if any(informer.version < version for informer, version in expected.items()):
            self._blocked.add(key)
            return False
        self._expected.pop(key, None)
        self._blocked.discard(key)
        return True

    def _reached(self, informer: Informer[Any], version: int) -> None:
        with self._lock:
            restored = version < self._seen[informer]
            self._seen[informer] = version
            heap, echoes = self._awaited[informer], self._echoes[informer]
            passed = []
            while heap and (restored or heap[0][0] <= version):
                written, key = heapq.heappop(heap)
                passed.append(key)
                if written in echoes:
                    echoes.remove(written)
                    self._blocked |= {key} & self._expected.keys()
            if restored:
                # An etcd that was restored never reaches the versions of writes it has forgotten.
                for key in passed:
                    self._expected.get(key, {}).pop(informer, None)
            ready = [key for key in passed if key in self._blocked and self._is_ready(key)]
        for key in ready:
            self._wake(key)
