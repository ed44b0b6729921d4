"""List, watch, and what comes after each way in which they end."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.support.clock import VirtualClock
from tests.support.things import Thing, key, thing, things_informer
from tests.support.transport import ScriptedStream, ScriptedTransport, event, refusal, reply
from zenflow.runtime.client import Client
from zenflow.runtime.errors import RuntimeFault, StreamEnded, StreamSilent, Unreachable
from zenflow.runtime.informer import Informer
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.reflector import Reflector, ReflectorMetrics
from zenflow.runtime.transport import Response


def listing(version: int, *items: dict[str, Any] | msgspec.Raw, token: str = "") -> Response:
    return reply({"metadata": {"resourceVersion": str(version), "continue": token}, "items": items})


class Stage:
    """A reflector of Things over a scripted server, with time standing still."""

    def __init__(
        self, *script: Response | ScriptedStream | RuntimeFault, metrics: ReflectorMetrics | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.server = ScriptedTransport(*script)
        self.informer: Informer[Thing] = things_informer()
        self.reflector = Reflector(
            Client(self.server), self.informer, clock=self.clock, random=lambda: 0.5, metrics=metrics
        )

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


DEEP = "[" * 9_000 + "]" * 9_000


def deep(item: dict[str, Any]) -> msgspec.Raw:
    """The object with a field that no decoder can go to the end of."""
    return msgspec.Raw(msgspec.json.encode(item).replace(b"[1,2]", DEEP.encode()))


def test_an_object_that_is_nested_too_deep_costs_no_other() -> None:
    """Whoever may create one object must not be able to make a page, or a watch, of all objects unreadable."""
    stage = Stage(listing(7, deep(thing("a", 3)), thing("b", 4)), ScriptedStream([event("ADDED", deep(thing("c", 8)))]))
    stage.sync()
    assert stage.step() == 0
    assert stage.names == ["a", "b", "c"]


def test_a_page_that_cannot_be_split_is_read_object_by_object() -> None:
    """One that is no JSON costs itself."""
    page = listing(7, thing("a", 3), thing("b", 4))
    broken = Response(200, page.body.replace(b'"color":"","ignored":[1,2]', b'"color":,', 1))
    stage = Stage(broken, ScriptedStream()).sync()
    assert stage.names == ["b"]


@pytest.mark.parametrize("line", [b"garbage", b'{"type":"MODIFIED","object":{"metadata":{}}}'])
def test_after_a_garbled_line_the_watch_is_opened_again_where_it_was(line: bytes) -> None:
    """What it would have told is told again; the next event must not make it forgotten."""
    good, after = event("ADDED", thing("a", 8)), event("ADDED", thing("c", 10))
    second = ScriptedStream([event("ADDED", thing("b", 9)), after])
    stage = Stage(listing(7), ScriptedStream([good, line, after]), second).sync()
    assert stage.step() > 0
    assert stage.names == ["a"]
    stage.step()
    assert stage.last_query["resourceVersion"] == "8"
    stage.step()
    assert stage.names == ["a", "b", "c"]


def test_a_line_that_stays_garbled_means_a_new_list() -> None:
    """A second time after the same version: the list says what the line cannot."""
    streams = [ScriptedStream([b"garbage"]) for _ in range(2)]
    stage = Stage(listing(7), *streams, listing(9, thing("b", 9)), ScriptedStream()).sync()
    stage.step(6)
    assert stage.names == ["b"]
    assert stage.last_query["resourceVersion"] == "9"


def test_a_bug_in_a_handler_is_counted_and_told_once() -> None:
    """The watch goes on; the process does not end."""
    registry = CollectorRegistry()
    stream = ScriptedStream([event("ADDED", thing(name, version)) for version, name in enumerate("abc", start=8)])
    stage = Stage(listing(7), stream, metrics=Metrics(registry).reflector("things"))
    stage.informer.add_handler(lambda old, new: [].clear(7))  # type: ignore[call-arg]
    with capture_logs() as lines:
        stage.step(4)
    assert stage.names == ["a", "b", "c"]
    assert registry.get_sample_value("reflector_handler_panics_total", {"resource": "things"}) == 3
    assert [line["event"] for line in lines] == ["handler failed, told once"]


def test_what_nobody_expects_is_counted_and_all_is_listed_anew() -> None:
    """A part that dies takes the process with it, and every replica would meet the same bytes."""
    registry = CollectorRegistry()
    stage = Stage(listing(7), listing(9, thing("a", 8)), metrics=Metrics(registry).reflector("things"))
    stage.step()
    stage.informer.replace = fail_once(stage.informer.replace)  # type: ignore[method-assign]
    assert stage.step() > 0
    stage.step(2)
    assert stage.names == ["a"]
    assert registry.get_sample_value("reflector_handler_panics_total", {"resource": "things"}) == 1


def fail_once(call: Callable[..., None]) -> Callable[..., None]:
    failures = [ZeroDivisionError("a bug")]

    def failing(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        call(*arguments)

    return failing


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
