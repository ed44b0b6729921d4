"""What Events say of a Job or a Pod that does not get going, on the embedded API server and a virtual clock."""

import json
from typing import Any

import pytest

from tests.support.embedded import JOBS, Embedded, job, pod
from tests.support.transport import ScriptedTransport, reply
from zenflow.controller.inquiry import EVENTS as EVENT
from zenflow.controller.inquiry import (
    EVENTS_A_PAGE,
    LONGEST_PAUSE,
    MOST_PAGES,
    Answer,
    Inquiry,
    Standstill,
    decode_event,
    standstill_of,
)
from zenflow.controller.objects import PODS, Job, Pod, decode_job, decode_pod, readable
from zenflow.dag.snapshot import Trouble
from zenflow.runtime.client import Client
from zenflow.runtime.errors import Unreachable
from zenflow.runtime.transport import Request, Response, Stream, Transport

EVENTS = "/api/v1/namespaces/default/events"


class World:
    """A Job without a Pod, and somebody who reports."""

    def __init__(self) -> None:
        self.server = Embedded()
        self.job: Job = decode_job(json.dumps(self.server.create(JOBS, job("load"))).encode())
        self.answers: dict[str, Answer] = {}
        self._inquiry = Inquiry(Client(self.server.api), self.server.clock)

    def tell(self, name: str, reason: str, message: str, *, kind: str = "Warning", at: str = "10") -> None:
        meta = self.job.metadata
        about = {"kind": "Job", "name": meta.name, "namespace": "default", "uid": meta.uid}
        body = {"metadata": {"name": name}, "involvedObject": about, "type": kind, "reason": reason}
        self.server.create(EVENTS, {**body, "message": message, "lastTimestamp": f"2026-01-01T00:00:{at}Z"})

    def after(self, seconds: float) -> Trouble:
        self.server.clock.advance(seconds)
        standstill = standstill_of(self.job, ())
        assert standstill is not None
        return self._inquiry.explain(standstill, self.answers)


def test_the_latest_warning_explains_a_job_without_pods() -> None:
    """In the words of whoever refused, and with what to do; later good news does not count."""
    world = World()
    world.tell("first", "FailedCreate", "exceeded quota", at="10")
    world.tell("second", "FailedCreate", "violates PodSecurity", at="20")
    world.tell("third", "SuccessfulCreate", "Created pod: x", kind="Normal", at="25")
    trouble = world.after(30)
    assert trouble.reason == "FailedCreate"
    assert trouble.message.startswith("Job load: violates PodSecurity. Remedy: allow its Pods")
    assert trouble.since == world.job.metadata.creation_timestamp


def test_a_reason_that_is_none_is_not_repeated_and_a_message_is_one_short_line() -> None:
    """Whoever may create Events writes both, as long as etcd takes."""
    world = World()
    world.tell("forged", "Approved\x1b[31m\n\u202e", "\x1b[2Jfine\nStep b: Approved " + "x" * 2**20)
    trouble = world.after(30)
    assert trouble.reason == "NoPods"
    assert trouble.message.startswith("Job load: fine | Step b: Approved xxx")
    assert len(trouble.message.encode()) <= 1024
    assert trouble.message.endswith("Remedy: see kubectl describe job load")


def test_of_many_events_only_some_are_read() -> None:
    """Each may be as large as etcd takes: a page of hundreds would not fit into memory."""
    world = World()
    for number in range(EVENTS_A_PAGE * MOST_PAGES + 5):
        world.tell(f"event-{number:03}", f"Reason{number}", "no", at="59" if number >= 100 else "01")
    reading = Counting(world.server.api)
    standstill = standstill_of(world.job, ())
    assert standstill is not None
    world.server.clock.advance(30)
    assert Inquiry(Client(reading), world.server.clock).explain(standstill, {}).reason.startswith("Reason")
    assert reading.requests == MOST_PAGES


@pytest.mark.parametrize("moment", ["0000-01-01T00:00:00Z", "+1-", 7])
def test_an_event_that_cannot_be_read_hides_no_other(moment: object) -> None:
    """Anybody who may write Events may write one about this Job."""
    world = World()
    world.tell("good", "FailedCreate", "violates PodSecurity")
    transport = ScriptedTransport(reply({"metadata": {}, "items": [{"metadata": {"name": "x"}, "eventTime": moment}]}))
    pages = [*Client(transport).pages(PODS), *Client(world.server.api).pages(EVENT)]
    assert [event.reason for event in readable(decode_event, pages)] == ["FailedCreate"]


def test_without_a_warning_the_latest_news_is_told() -> None:
    """A large image takes its time, and that is no failure."""
    world = World()
    world.tell("first", "Scheduled", "Successfully assigned", kind="Normal", at="10")
    world.tell("second", "Pulling", "Pulling image big:1", kind="Normal", at="20")
    trouble = world.after(30)
    assert trouble.reason == "NoPods"
    assert trouble.message == (
        "Job load: not started, last heard: Pulling image big:1. Remedy: see kubectl describe job load"
    )


def test_nothing_is_asked_before_half_a_minute_has_passed() -> None:
    """A Job mostly has its Pod within a second."""
    world = World()
    assert (world.after(29.9).reason, world.answers) == ("NoPods", {})
    assert world.after(0.1).look_again_at is not None
    assert world.answers


def test_it_is_asked_again_ever_more_rarely() -> None:
    """After 30 s, a minute, two, and never more than ten minutes apart; meanwhile the last answer stands."""
    world = World()
    pauses = []
    trouble = world.after(30)
    for _ in range(8):
        assert trouble.look_again_at is not None
        pause = (trouble.look_again_at - world.server.clock.now()).total_seconds()
        pauses.append(pause)
        trouble = world.after(pause)
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    assert LONGEST_PAUSE.total_seconds() == 600


def test_an_answer_stands_until_it_is_asked_for_again() -> None:
    """And then the news is heard."""
    world = World()
    assert world.after(30).reason == "NoPods"
    world.tell("late", "FailedCreate", "no")
    assert world.after(10).reason == "NoPods"
    assert world.after(20).reason == "FailedCreate"


def test_where_events_may_not_be_read_only_the_words_are_lost() -> None:
    """An installation may leave out that right."""

    world = World()
    refused = Client(Refusing())
    standstill = standstill_of(world.job, ())
    assert standstill is not None
    world.server.clock.advance(30)
    trouble = Inquiry(refused, world.server.clock).explain(standstill, {})
    assert trouble.reason == "NoPods"
    assert "kubectl describe job load" in trouble.message


class Counting:
    """An API server whose requests are counted."""

    def __init__(self, server: Transport) -> None:
        self._server = server
        self.requests = 0

    def send(self, request: Request) -> Response:
        self.requests += 1
        return self._server.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        return self._server.stream(request, silence=silence)


class Refusing:
    """An API server that lets us read nothing."""

    def send(self, request: Request) -> Response:
        return Response(403, b'{"kind":"Status","code":403,"reason":"Forbidden","message":"no"}')

    def stream(self, request: Request, *, silence: float) -> Stream:
        raise Unreachable("no")


def of_pod(status: dict[str, Any]) -> Standstill | None:
    body = {**pod("load-x"), "status": status}
    body["metadata"] = {**body["metadata"], "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    found: Pod = decode_pod(json.dumps(body).encode())
    return standstill_of(World().job, (found,))


WAITING = {"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}
RUNNING = {"name": "setup", "state": {"running": {}}}


@pytest.mark.parametrize(
    ("status", "is_still"),
    [
        pytest.param({}, True, id="nobody has looked at it"),
        pytest.param({"phase": "Pending", "containerStatuses": [WAITING]}, True, id="creating its containers"),
        pytest.param(
            {"phase": "Pending", "initContainerStatuses": [WAITING]}, True, id="no init container has started"
        ),
        pytest.param({"phase": "Pending", "initContainerStatuses": [RUNNING]}, False, id="an init container runs"),
        pytest.param({"phase": "Running"}, False, id="running"),
        pytest.param({"phase": "Failed"}, False, id="failed"),
    ],
)
def test_a_pod_stands_still_until_its_first_container_has_started(status: dict[str, Any], is_still: bool) -> None:
    """An init container may take its time."""
    standstill = of_pod(status)
    assert (standstill is not None) is is_still
    if standstill is not None:
        assert (standstill.kind, standstill.metadata.name) == ("Pod", "load-x")
