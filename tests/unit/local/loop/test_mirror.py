"""Caches read without waiting: what they take over, and what they survive."""

import msgspec
import pytest

from tests.support.clock import VirtualClock
from zenflow.local.apiserver.server import ApiServer
from zenflow.local.containers.environment import CONFIG_MAPS
from zenflow.local.loop.mirror import Mirror
from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Client
from zenflow.runtime.errors import Unreachable
from zenflow.runtime.informer import Informer
from zenflow.runtime.transport import Request, Response, Stream, Transport


class Named(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class Faulty:
    """A transport that does not answer while `down`."""

    def __init__(self, inner: Transport) -> None:
        self.down = False
        self._inner = inner

    def send(self, request: Request) -> Response:
        self._answer()
        return self._inner.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        self._answer()
        return self._inner.stream(request, silence=silence)

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("down")


class Seen:
    """A mirror of ConfigMaps on an API server that forgets after three writes."""

    def __init__(self) -> None:
        uids = iter(f"uid-{n}" for n in range(10_000))
        self.clock = VirtualClock()
        api = ApiServer(clock=self.clock, uid=lambda: next(uids), history=3)
        self.transport = Faulty(api)
        self.client = Client(api)
        self.informer: Informer[Named] = Informer(CONFIG_MAPS, msgspec.json.Decoder(Named).decode)
        self.mirror = Mirror(Client(self.transport), self.informer)

    def create(self, *names: str) -> None:
        for name in names:
            self.client.create(CONFIG_MAPS, msgspec.json.encode({"metadata": {"name": name}}), "default")

    def names(self) -> list[str]:
        self.mirror.catch_up()
        return sorted(item.metadata.name for item in self.informer.cache.values())


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_a_read_sees_what_was_written_before_it(seen: Seen) -> None:
    """The first by a list, later ones by the watch; nothing blocks."""
    seen.create("a")
    assert seen.names() == ["a"]
    seen.create("b")
    seen.client.delete(CONFIG_MAPS, "a", "default")
    assert seen.names() == ["b"]


def test_a_read_says_whether_anything_was_new(seen: Seen) -> None:
    """So that its owner knows whether to go on."""
    seen.create("a")
    assert [seen.mirror.catch_up(), seen.mirror.catch_up()] == [True, False]


def test_a_reader_that_fell_behind_lists_anew(seen: Seen) -> None:
    """More was written than the server remembers."""
    seen.names()
    seen.create("a", "b", "c", "d", "e")
    seen.mirror.catch_up()
    assert seen.names() == ["a", "b", "c", "d", "e"]


def test_a_server_that_does_not_answer_is_asked_again(seen: Seen) -> None:
    """The cache stays as it was meanwhile."""
    seen.create("a")
    seen.names()
    seen.mirror.close()
    seen.transport.down = True
    seen.create("b")
    assert (seen.names(), seen.mirror.is_current) == (["a"], False)
    seen.transport.down = False
    assert (seen.names(), seen.mirror.is_current) == (["a", "b"], True)
