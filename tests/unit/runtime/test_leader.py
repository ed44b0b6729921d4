"""One Lease, at most one leader, whatever happens to clocks, requests and replicas.

The replicas run against the embedded API server, whose compare-and-set is held to the real one's by tests/conformance.
"""

import random
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest

from tests.support.clock import VirtualClock
from tests.support.transport import FlakyTransport, ScriptedTransport
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.client import Client
from zenflow.runtime.errors import LeaseLost, Unreachable
from zenflow.runtime.leader import LEASES, FencedTransport, LeaderElector, LeaseTerms
from zenflow.runtime.transport import Request, Response

DURATION, DEADLINE, RETRY = 15.0, 10.0, 2.0


class Replica:
    """An elector with a connection of its own."""

    def __init__(self, stage: "Stage", name: str) -> None:
        self.transport = FlakyTransport(stage.api)
        self.elector = LeaderElector(
            Client(self.transport),
            LeaseTerms("default", "lock", name),
            clock=stage.clock,
            random=lambda: 0.0,
        )

    @property
    def leads(self) -> bool:
        return self.elector.is_leader

    def step(self) -> float:
        return self.elector.step()


class Stage:
    """An API server, a clock, and replicas a and b."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        numbers = count()
        self.api = ApiServer(clock=self.clock, uid=lambda: f"uid-{next(numbers)}")
        self.client = Client(self.api)
        self.a, self.b = Replica(self, "a"), Replica(self, "b")

    def lease(self) -> dict[str, Any]:
        body: dict[str, Any] = msgspec.json.decode(self.client.get(LEASES, "lock", "default"))
        return body

    def spec(self, field: str) -> Any:
        return self.lease()["spec"].get(field)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_first_to_ask_leads_and_the_second_does_not(stage: Stage) -> None:
    """The Lease is made by whoever comes first."""
    stage.a.step()
    stage.b.step()
    assert (stage.a.leads, stage.b.leads) == (True, False)
    assert stage.spec("holderIdentity") == "a"
    assert stage.spec("leaseDurationSeconds") == DURATION


def test_a_leader_that_renews_goes_on_leading(stage: Stage) -> None:
    """For as long as it does, however often others ask; nothing about the Lease but its time changes."""
    stage.a.step()
    acquired = stage.spec("acquireTime")
    for _ in range(100):
        stage.clock.advance(RETRY)
        stage.a.step()
        stage.b.step()
        assert (stage.a.leads, stage.b.leads) == (True, False)
    assert stage.spec("leaseTransitions") == 0
    assert stage.spec("acquireTime") == acquired
    assert stage.spec("renewTime") > acquired


def test_a_dead_leader_is_replaced_after_its_duration_and_not_before(stage: Stage) -> None:
    """Counted from when the candidate first saw it silent."""
    stage.a.step()
    stage.b.step()
    stage.clock.advance(DURATION - 0.1)
    stage.b.step()
    assert not stage.b.leads
    stage.clock.advance(0.1)
    stage.b.step()
    assert stage.b.leads
    assert stage.spec("leaseTransitions") == 1


def test_a_leader_that_cannot_renew_stops_before_anybody_may_follow(stage: Stage) -> None:
    """By the clock alone, even if its thread hangs: the deadline is shorter than the duration."""
    stage.a.step()
    stage.clock.advance(DEADLINE - 0.1)
    assert stage.a.leads
    stage.clock.advance(0.1)
    assert not stage.a.leads


def test_losing_contact_is_told_when_the_deadline_has_passed(stage: Stage) -> None:
    """Until then it tries again; then the process must end."""
    stage.a.step()
    stage.a.transport.is_down = True
    waited = 0.0
    while waited < DEADLINE:
        wait = stage.a.step()
        assert wait > 0
        stage.clock.advance(wait)
        waited += wait
    with pytest.raises(LeaseLost):
        stage.a.step()
    assert not stage.a.leads


def test_a_replica_that_was_paused_finds_its_successor(stage: Stage) -> None:
    """Stopped and continued long after (SIGSTOP): it does not take anything back."""
    stage.a.step()
    stage.b.step()
    stage.clock.advance(DURATION)
    stage.b.step()
    with pytest.raises(LeaseLost, match="held by b"):
        stage.a.step()
    assert stage.b.leads
    assert stage.spec("holderIdentity") == "b"


def test_a_renewal_whose_answer_was_lost_is_a_renewal(stage: Stage) -> None:
    """The next one meets a conflict with itself, looks, and goes on."""
    stage.a.step()
    stage.a.transport.loses_answers = True
    stage.clock.advance(RETRY)
    stage.a.step()
    stage.a.transport.loses_answers = False
    stage.clock.advance(RETRY)
    stage.a.step()
    assert stage.a.leads
    assert stage.spec("leaseTransitions") == 0


def test_an_acquisition_whose_answer_was_lost_is_found_at_the_next_look(stage: Stage) -> None:
    """Nobody leads in between, and the Lease is not lost to its own holder."""
    stage.a.transport.loses_answers = True
    stage.a.step()
    assert not stage.a.leads
    stage.a.transport.loses_answers = False
    stage.a.step()
    assert stage.a.leads


def test_a_clean_stop_lets_the_next_one_lead_at_once(stage: Stage) -> None:
    """Without waiting for the duration."""
    stage.a.step()
    stage.b.step()
    stage.a.elector.release()
    assert not stage.a.leads
    stage.b.step()
    assert stage.b.leads


def test_releasing_what_is_not_held_changes_nothing(stage: Stage) -> None:
    """A candidate that is stopped leaves the Lease alone."""
    stage.a.step()
    stage.b.step()
    before = stage.lease()
    stage.b.elector.release()
    assert stage.lease() == before


def test_wall_clocks_do_not_matter(stage: Stage) -> None:
    """Neither an hour forward nor back moves the leadership."""
    stage.a.step()
    stage.b.step()
    for jump in (3600, -7200):
        stage.clock.jump(jump)
        stage.clock.advance(RETRY)
        stage.b.step()
        stage.a.step()
        assert (stage.a.leads, stage.b.leads) == (True, False)


def test_what_others_wrote_into_the_lease_stays(stage: Stage) -> None:
    """Labels and annotations."""
    stage.a.step()
    patch = {"metadata": {"labels": {"team": "x"}}}
    stage.client.patch(LEASES, "lock", msgspec.json.encode(patch), "default")
    stage.clock.advance(RETRY)
    stage.a.step()
    assert stage.a.leads
    assert stage.lease()["metadata"]["labels"] == {"team": "x"}


def test_fields_of_the_spec_that_we_do_not_know_stay() -> None:
    """A server may know more of a Lease than we do."""
    lease = {"metadata": {"name": "lock", "resourceVersion": "1"}, "spec": {"strategy": "OldestEmulationVersion"}}
    body = msgspec.json.encode(lease)
    transport = ScriptedTransport(Response(200, body), Response(200, body))
    terms = LeaseTerms("default", "lock", "a")
    LeaderElector(Client(transport), terms, clock=VirtualClock(), random=lambda: 0.0).step()
    written = msgspec.json.decode(transport.requests[1].body)["spec"]
    assert (written["strategy"], written["holderIdentity"]) == ("OldestEmulationVersion", "a")


def test_a_lease_that_is_deleted_is_made_again(stage: Stage) -> None:
    """By its holder, at the next renewal."""
    stage.a.step()
    stage.client.delete(LEASES, "lock", "default")
    stage.clock.advance(RETRY)
    stage.a.step()
    assert stage.a.leads
    assert stage.spec("holderIdentity") == "a"


def test_only_a_leader_writes(stage: Stage) -> None:
    """The fence: reads always pass, writes only while the Lease is held."""
    fenced = Client(FencedTransport(stage.api, stage.a.elector))
    make = Request("POST", "/api/v1/namespaces", body=b'{"metadata":{"name":"n"}}')
    with pytest.raises(LeaseLost):
        FencedTransport(stage.api, stage.a.elector).send(make)
    stage.a.step()
    assert FencedTransport(stage.api, stage.a.elector).send(make).status == 201
    stage.clock.advance(DEADLINE)
    with pytest.raises(LeaseLost):
        fenced.delete(LEASES, "lock", "default")
    assert fenced.get(LEASES, "lock", "default")


@pytest.mark.parametrize(
    "terms",
    [
        {"lease_duration": 10.0, "renew_deadline": 10.0},
        {"renew_deadline": 2.0, "retry_period": 2.0},
    ],
)
def test_times_that_could_make_two_leaders_are_refused(terms: dict[str, float]) -> None:
    """As client-go refuses them."""
    with pytest.raises(ValueError):
        LeaseTerms("ns", "lock", "a", **terms)


class Chaos:
    """Three replicas, to which anything may happen."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stage = Stage()
        self.replicas = {name: Replica(self.stage, name) for name in "abc"}
        self.born = count()

    @property
    def leaders(self) -> int:
        return sum(replica.leads for replica in self.replicas.values())

    def happen(self) -> None:
        """An outage or its end, a clock jump, a clean stop, time passing, or a step."""
        name = self.chance.choice("abc")
        match self.chance.randrange(40):
            case 0 | 1 | 2 | 3 | 4:
                self.replicas[name].transport.is_down = self.chance.random() < 0.5
            case 5 | 6 | 7 | 8 | 9:
                self.replicas[name].transport.loses_answers = self.chance.random() < 0.4
            case 10 | 11:
                self.stage.clock.jump(self.chance.uniform(-7200, 7200))
            case 12:
                self.replicas[name].elector.release()
            case number if number < 22:
                self.stage.clock.advance(self.chance.choice([0.5, 2, 4, 11]))
            case _:
                self.step(name)

    def step(self, name: str) -> None:
        """A process that lost its Lease ends, and another is started in its place."""
        try:
            self.replicas[name].step()
        except LeaseLost:
            self.replicas[name] = Replica(self.stage, f"{name}{next(self.born)}")


@pytest.mark.parametrize("seed", range(25))
def test_there_are_never_two_leaders(seed: int) -> None:
    """Whatever happens in whatever order; and when it ends, somebody leads."""
    chaos = Chaos(seed)
    led = 0
    for _ in range(300):
        chaos.happen()
        assert chaos.leaders <= 1
        led += chaos.leaders
    assert led > 0
    for replica in chaos.replicas.values():
        replica.transport.is_down = replica.transport.loses_answers = False
    for _ in range(20):
        chaos.stage.clock.advance(RETRY)
        for name in chaos.replicas:
            chaos.step(name)
    assert chaos.leaders == 1


class SlowTransport(FlakyTransport):
    """Answers to reads are under way for `delay` seconds after they left the server."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.api)
        self._clock = stage.clock
        self.delay = 0.0
        self.meanwhile: Callable[[], object] = lambda: None  # what happens on the way there

    def send(self, request: Request) -> Response:
        if request.method == "GET":
            self._clock.advance(self.delay)
            self.meanwhile()
        return super().send(request)


def test_a_lease_is_first_seen_when_the_answer_is_there() -> None:
    """Not when it was asked for: a request that took longer than the Lease must not make it look unrenewed since."""
    stage = Stage()
    stage.a.step()
    transport = SlowTransport(stage)
    transport.delay, transport.meanwhile = 2 * DURATION, stage.a.step
    candidate = LeaderElector(
        Client(transport), LeaseTerms("default", "lock", "c"), clock=stage.clock, random=lambda: 0.0
    )
    candidate.step()
    transport.delay, transport.meanwhile = 0.0, lambda: None
    candidate.step()
    assert not candidate.is_leader
    assert stage.spec("holderIdentity") == "a"
    stage.clock.advance(DURATION)
    candidate.step()
    assert candidate.is_leader


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 9_000, b'{"spec":7}', b'{"spec":{"leaseDurationSeconds":"x"}}'])
def test_an_answer_that_is_no_lease_ends_nothing(body: bytes) -> None:
    """It counts like no answer; the holder's deadline goes on."""
    elector = LeaderElector(
        Client(ScriptedTransport(Response(200, body), *[Unreachable("cut off")] * 3)),
        LeaseTerms("default", "lock", "c"),
        clock=VirtualClock(),
        random=lambda: 0.0,
    )
    assert elector.step() > 0
    assert not elector.is_leader
