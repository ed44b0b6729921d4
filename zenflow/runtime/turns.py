"""Batches of work whose owners are served in turn: one wide batch holds up nobody's small one."""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Batch(Generic[T]):
    """What one caller has to do. Made by `Turns.add`, emptied by it."""

    def __init__(self, items: Iterable[T]) -> None:
        self.items = deque(items)


class Turns(Generic[T]):
    """Hands out one item of each batch, then the next of each. Safe for threads."""

    def __init__(self) -> None:
        self._added = threading.Condition()  # guards the batches and what is in them
        self._batches: deque[Batch[T]] = deque()

    def add(self, items: Iterable[T]) -> Batch[T]:
        """Offer a batch, after those that are there."""
        batch = Batch(items)
        with self._added:
            if batch.items:
                self._batches.append(batch)
                self._added.notify(len(batch.items))
        return batch

    def get(self) -> T:
        """The next item of the batch whose turn it is. Blocks until there is one."""
        with self._added:
            while not self._batches:
                self._added.wait()
            batch = self._batches.popleft()
            item = batch.items.popleft()
            if batch.items:
                self._batches.append(batch)
            return item

    def take(self, batch: Batch[T]) -> T | None:
        """The next item of this batch, whoever's turn it is: an owner may always work on its own. None: it is empty."""
        with self._added:
            if not batch.items:
                return None
            item = batch.items.popleft()
            if not batch.items:
                self._batches.remove(batch)
            return item
