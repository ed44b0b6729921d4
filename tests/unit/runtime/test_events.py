"""Events reach the API server, in few requests, and never in anyone's way."""

from typing import Any

import msgspec
import pytest

from tests.support.clock import VirtualClock
from tests.support.transport import ScriptedTransport, refusal, reply
from zenflow.runtime.client import Client
from zenflow.runtime.errors import RuntimeFault, Unreachable
from zenflow.runtime.events import BURST, REFILL_SECONDS, EventRecorder
from zenflow.runtime.transport import Response

REFERENCE = {"apiVersion": "example.org/v1", "kind": "Thing", "name": "t", "namespace": "ns", "uid": "u"}


class Stage:
    """A recorder over a server that accepts, unless the script says otherwise."""

    def __init__(self, *script: Response | RuntimeFault) -> None:
        self.clock = VirtualClock()
        self.server = ScriptedTransport(*script, *[reply({})] * 200)
        self.recorder = EventRecorder(Client(self.server), self.clock, component="things", instance="pod-1")

    def record(self, message: str = "it broke", reason: str = "Broken", **reference: str) -> None:
        self.recorder.record({**REFERENCE, **reference}, "Warning", reason, message)

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        return [(request.method, msgspec.json.decode(request.body)) for request in self.server.requests]


def test_an_event_says_who_what_and_when() -> None:
    """As core/v1 has it, in the namespace of its object."""
    stage = Stage()
    stage.record()
    ((method, body),) = stage.sent
    assert method == "POST"
    assert stage.server.requests[0].path == "/api/v1/namespaces/ns/events"
    assert body["involvedObject"] == REFERENCE
    assert (body["type"], body["reason"], body["message"], body["count"]) == ("Warning", "Broken", "it broke", 1)
    assert body["source"]["component"] == body["reportingComponent"] == "things"
    assert body["firstTimestamp"] == body["lastTimestamp"] == "2026-01-01T00:00:00Z"
    assert body["metadata"]["name"].startswith("t.")


def test_an_object_without_a_namespace_is_told_of_in_default() -> None:
    """Where kubectl looks for it."""
    stage = Stage()
    stage.record(namespace="")
    assert stage.server.requests[0].path == "/api/v1/namespaces/default/events"


def test_repeats_are_counted_on_one_event_in_few_requests() -> None:
    """A thousand of them: one creation, then a patch at each doubling."""
    stage = Stage()
    for _ in range(1000):
        stage.record()
        stage.clock.advance(1)
    methods = [method for method, _ in stage.sent]
    assert methods == ["POST"] + ["PATCH"] * 9
    assert [body["count"] for _, body in stage.sent] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert stage.sent[1][1]["lastTimestamp"] == "2026-01-01T00:00:01Z"
    assert len({request.path for request in stage.server.requests[1:]}) == 1


def test_other_messages_and_objects_are_events_of_their_own() -> None:
    """Nothing else may be counted together."""
    stage = Stage()
    stage.record()
    stage.record("it broke in another way")
    stage.record(uid="another")
    assert [method for method, _ in stage.sent] == ["POST"] * 3
    assert len({body["metadata"]["name"] for _, body in stage.sent}) == 3


def test_an_event_that_is_gone_is_made_again_with_its_count() -> None:
    """The API server keeps Events for an hour."""
    stage = Stage(reply({}), refusal(404, "NotFound"))
    stage.record()
    stage.record()
    (_, _), (_, _), (method, body) = stage.sent
    assert (method, body["count"]) == ("POST", 2)


@pytest.mark.parametrize(
    "answer",
    [Unreachable("reset"), refusal(403, "Forbidden"), refusal(404, "NotFound"), refusal(409, "AlreadyExists")],
)
def test_a_refused_event_is_nobodys_problem(answer: Response | RuntimeFault) -> None:
    """It is lost; the work goes on, and the next Event is tried."""
    stage = Stage(answer)
    stage.record()
    stage.record("another")
    assert len(stage.sent) == 2


def test_one_object_cannot_flood_the_server() -> None:
    """client-go's budget: 25 at once, then one in five minutes; other objects have their own."""
    stage = Stage()
    for number in range(100):
        stage.record(f"message {number}")
    assert len(stage.sent) == BURST
    stage.record(uid="another")
    assert len(stage.sent) == BURST + 1
    stage.clock.advance(REFILL_SECONDS)
    stage.record("later")
    stage.record("later still")
    assert len(stage.sent) == BURST + 2


def test_an_event_carries_nothing_that_the_api_server_or_a_terminal_could_not_take() -> None:
    """The API server refuses a message of more than 1 KiB; `kubectl describe` prints both as they are."""
    stage = Stage()
    stage.record("\x1b[31m" + "é" * 2000 + "\nnot a line\ud800", reason="Two words\n")
    told = stage.sent[0][1]
    assert len(told["message"].encode()) <= 1024
    assert set(told["message"]) <= set("é .| not a line\ufffd")
    assert told["reason"] == "Unknown"
