"""List, watch, and what comes after each way in which they end."""

from typing import Any

import pytest

from tests.support.clock import VirtualClock
from tests.support.things import Thing, key, thing, things_informer
from tests.support.transport import ScriptedStream, ScriptedTransport, event, refusal, reply
from zenflow.runtime.client import Client
from zenflow.runtime.errors import RuntimeFault, StreamEnded, StreamSilent, Unreachable
from zenflow.runtime.informer import Informer
from zenflow.runtime.reflector import Reflector
from zenflow.runtime.transport import Response


def listing(version: int, *items: dict[str, Any], token: str = "") -> Response:
    return reply({"metadata": {"resourceVersion": str(version), "continue": token}, "items": items})


class Stage:
    """A reflector of Things over a scripted server, with time standing still."""

    def __init__(self, *script: Response | ScriptedStream | RuntimeFault) -> None:
        self.clock = VirtualClock()
        self.server = ScriptedTransport(*script)
        self.informer: Informer[Thing] = things_informer()
        self.reflector = Reflector(Client(self.server), self.informer, clock=self.clock, random=lambda: 0.5)

    def step(self, times: int = 1) -> float:
        """The wait that the last of the steps asked for."""
        return [self.reflector.step() for _ in range(times)][-1]

    def sync(self) -> "Stage":
        """List and open the watch, which the script must have in that order: a list of one page, a stream."""
        self.step(3)
        return self

    @property
    def names(self) -> list[str]:
        return sorted(item.metadata.name for item in self.informer.cache.values())

    @property
    def last_query(self) -> dict[str, str]:
        return dict(self.server.requests[-1].query)


def test_first_a_list_then_a_watch_from_its_version() -> None:
    """Nothing between the two is lost or seen twice."""
    stage = Stage(listing(7, thing("a", 3)), ScriptedStream([event("ADDED", thing("b", 8))]))
    stage.sync()
    assert stage.last_query["resourceVersion"] == "7"
    assert stage.step() == 0
    assert stage.names == ["a", "b"]


def test_nothing_is_believed_before_the_last_page() -> None:
    """Half a list would read as "the rest was deleted"."""
    stage = Stage(listing(7, thing("a", 3), token="more"), listing(7, thing("b", 4)))
    stage.step()
    assert not stage.informer.has_synced
    stage.step(2)
    assert stage.informer.has_synced
    assert stage.names == ["a", "b"]


def test_a_list_that_breaks_midway_starts_from_the_beginning() -> None:
    """The first page of the broken list is forgotten."""
    stage = Stage(
        listing(7, thing("gone", 3), token="more"),
        refusal(410, "Expired"),
        listing(9, thing("a", 8)),
    )
    stage.step(4)
    assert stage.names == ["a"]
    assert "continue" not in stage.last_query


def test_the_server_is_told_when_to_end_the_watch() -> None:
    """At random between 5 and 10 minutes, so that watches do not end together."""
    stage = Stage(listing(7), ScriptedStream()).sync()
    assert stage.last_query["timeoutSeconds"] == "450"


def test_a_watch_that_ends_goes_on_from_the_last_bookmark() -> None:
    """After a healthy life, at once."""
    stream = ScriptedStream([event("ADDED", thing("a", 8)), event("BOOKMARK", thing("", 20))])
    stage = Stage(listing(7), stream, ScriptedStream()).sync()
    stage.step()
    stage.clock.advance(300)
    stream.push(StreamEnded("end"))
    assert stage.step() == 0
    stage.step()
    assert stage.last_query["resourceVersion"] == "20"
    assert stage.names == ["a"]


def test_a_watch_that_closes_at_once_is_reopened_ever_more_rarely() -> None:
    """Again and again: no hot loop against a server in trouble."""
    streams = [ScriptedStream(StreamEnded("end")) for _ in range(12)]
    stage = Stage(listing(7), *streams)
    stage.step(2)
    waits = []
    for _ in range(12):
        stage.step()
        waits.append(stage.step())
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == 45  # 30 s and half of it as jitter


def test_a_broken_list_is_repeated_ever_more_rarely_until_it_works() -> None:
    """An API server that is down for a while."""
    stage = Stage(*[Unreachable("refused")] * 10, listing(7), ScriptedStream())
    waits = [stage.step() for _ in range(10)]
    assert waits == sorted(waits)
    assert 0 < waits[0] < 1
    assert waits[-1] == 45
    assert stage.step(3) == 0
    assert stage.informer.has_synced


def test_after_a_healthy_watch_the_patience_is_new() -> None:
    """An outage last week does not slow down the answer to one today."""
    stream = ScriptedStream()
    stage = Stage(*[Unreachable("refused")] * 10, listing(7), stream, Unreachable("refused"))
    stage.step(13)
    stage.clock.advance(60)
    stream.push(StreamEnded("end"))
    stage.step()
    assert stage.step() < 1


@pytest.mark.parametrize(
    "expiry",
    [
        ScriptedStream([event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})]),
        refusal(410, "Expired"),
    ],
)
def test_an_expired_version_means_a_new_list(expiry: ScriptedStream | Response) -> None:
    """Whether the 410 is the answer or an event in the stream."""
    if isinstance(expiry, Response):
        stage = Stage(listing(7, thing("a", 3)), expired_at_opening())
    else:
        stage = Stage(listing(7, thing("a", 3)), expiry)
    stage.server.then(listing(50, thing("b", 40)), ScriptedStream())
    stage.step(6)
    assert stage.names == ["b"]
    assert stage.informer.resource_version == "50"


def expired_at_opening() -> RuntimeFault:
    """What a transport raises when the server refuses to open a watch."""
    from zenflow.runtime.errors import Expired

    return Expired(410, "Expired", "too old resource version")


def test_silence_reopens_and_a_second_silence_lists() -> None:
    """One may be a dead connection; two may be a server that waits for versions its etcd has forgotten."""
    first, second = ScriptedStream(StreamSilent("70 s")), ScriptedStream(StreamSilent("70 s"))
    stage = Stage(listing(100), first, second, listing(20, thing("a", 5)), ScriptedStream()).sync()
    stage.clock.advance(70)
    stage.step()
    assert stage.last_query["resourceVersion"] == "100"
    stage.clock.advance(70)
    stage.step(4)
    assert stage.names == ["a"]
    assert stage.informer.resource_version == "20"


def test_silences_with_a_word_between_them_never_list() -> None:
    """A network that swallows a connection now and then is no restored etcd."""
    word = [event("BOOKMARK", thing("", 101))]
    first, second = ScriptedStream(StreamSilent("70 s")), ScriptedStream(word, StreamSilent("70 s"))
    stage = Stage(listing(100), first, second, ScriptedStream()).sync()
    for steps in (1, 2, 2):
        stage.clock.advance(70)
        stage.step(steps)
    assert stage.last_query["resourceVersion"] == "101"


def test_one_unreadable_object_hides_no_other() -> None:
    """In a list and in a watch."""
    bad = {**thing("bad", 3), "color": ["of", "another", "shape"]}
    lines = [event("ADDED", {**bad, "metadata": thing("worse", 8)["metadata"]}), event("ADDED", thing("b", 9))]
    stage = Stage(listing(7, bad, thing("a", 3)), ScriptedStream(lines)).sync()
    assert stage.step() == 0
    assert stage.names == ["a", "b"]
    assert stage.informer.resource_version == "9"


def test_an_object_that_can_no_longer_be_read_survives_a_new_list() -> None:
    """In its last readable state: the list says that it exists."""
    expired = ScriptedStream([event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})])
    strange = {**thing("a", 8), "color": 7}
    stage = Stage(listing(7, thing("a", 3)), expired, listing(9, strange, thing("b", 9)), ScriptedStream())
    stage.step(7)
    assert stage.names == ["a", "b"]


def test_the_wait_the_server_asks_for_is_kept() -> None:
    """429 with Retry-After."""
    stage = Stage(refusal(429, "TooManyRequests", **{"retry-after": "20"}))
    assert stage.step() == 20


def test_a_server_fault_in_the_stream_keeps_the_cache_and_the_version() -> None:
    """The watch goes on where it was; nothing is listed for a hiccup."""
    fault = ScriptedStream([event("ADDED", thing("a", 8)), event("ERROR", {"kind": "Status", "code": 500})])
    stage = Stage(listing(7), fault, ScriptedStream()).sync()
    stage.step(2)
    assert stage.names == ["a"]
    assert stage.last_query["resourceVersion"] == "8"


def test_a_quiet_watch_is_not_asked_all_the_time() -> None:
    """A stream that does not block returns nothing; its driver may wait."""
    stage = Stage(listing(7), ScriptedStream()).sync()
    assert stage.step() > 0


def test_freshness_counts_from_the_last_word_of_the_server() -> None:
    """What readiness reports."""
    stream = ScriptedStream()
    stage = Stage(listing(7), stream).sync()
    stage.clock.advance(30)
    stage.step()
    assert stage.reflector.silent_for() == 30
    stream.push([event("BOOKMARK", thing("", 8))])
    stage.step()
    assert stage.reflector.silent_for() == 0


def test_closing_ends_the_watch() -> None:
    """And no later step opens another."""
    stream = ScriptedStream([event("ADDED", thing("a", 8))])
    stage = Stage(listing(7), stream).sync()
    stage.reflector.close()
    stage.step(3)
    assert stream.closed
    assert stage.informer.cache.get(key("a")) is None
    assert len(stage.server.requests) == 2
