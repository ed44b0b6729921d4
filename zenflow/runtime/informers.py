"""One resource type in several namespaces, known as one.

Each namespace has its list and its watch, so an informer of its own; what they know stands in one cache, and whoever
reads it or waits for its changes need not know how it came there.
"""

from collections.abc import Iterator, Sequence
from typing import Generic

from zenflow.runtime.cache import Cache, T
from zenflow.runtime.informer import Handler, Informer


class Informers(Generic[T]):
    """Informers that share a cache: one for all namespaces (the empty name), or one for each of some."""

    def __init__(self, informers: Sequence[Informer[T]]) -> None:
        self._by_namespace = {informer.namespace: informer for informer in informers}

    def __iter__(self) -> Iterator[Informer[T]]:
        return iter(self._by_namespace.values())

    @property
    def cache(self) -> Cache[T]:
        """What is known, over all of them."""
        return next(iter(self)).cache

    def add_handler(self, handler: Handler[T]) -> None:
        """As that of each informer; called by several threads, one for each."""
        for informer in self:
            informer.add_handler(handler)

    def of(self, namespace: str) -> Informer[T]:
        """The one that sees what happens there. KeyError for a namespace that nobody watches."""
        return self._by_namespace.get("") or self._by_namespace[namespace]
