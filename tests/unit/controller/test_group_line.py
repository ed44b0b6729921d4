"""The order of one concurrency group, and that the few whom a flow looks at decide as all of them would."""

from dataclasses import replace
from random import Random

import pytest

from tests.support.builders import FLOW, START, Scene, at, job
from tests.support.builders import UID as OURS
from tests.unit.dag.reading import created, ending
from zenflow.api.types import ConcurrencyPolicy
from zenflow.controller.group_line import Line, Member
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import Rival
from zenflow.runtime.cache import Key

FORBID, REPLACE = ConcurrencyPolicy.FORBID, ConcurrencyPolicy.REPLACE


def member(uid: str, seconds: float, *, runs: bool = False, policy: ConcurrencyPolicy = FORBID) -> Member:
    return Member(Key("default", uid), uid, at(seconds), policy, runs)


def line(*members: Member) -> Line:
    made = Line()
    for each in members:
        made.put(each)
    return made


def uid(found: Member | None) -> str | None:
    return found.uid if found else None


def test_those_that_wait_stand_in_the_order_of_their_creation() -> None:
    """In whatever order they were seen; the UID decides among those of one second."""
    waiting = line(member("c", 5), member("a", 1), member("b2", 3), member("b1", 3), member("runs", 0, runs=True))
    order, place = [], (at(-1), "")
    while (found := waiting.behind(place)) is not None:
        order.append(found.uid)
        place = found.place
    assert order == ["a", "b1", "b2", "c"]
    assert (uid(waiting.first()), uid(waiting.before((at(5), "c")))) == ("a", "b2")


def test_a_member_is_known_as_it_was_last() -> None:
    """One that has its turn waits no more; one that was dropped is nowhere."""
    group = line(member("a", 1), member("b", 2))
    group.put(member("a", 1, runs=True))
    assert (uid(group.first()), uid(group.running()), uid(group.running(but="a"))) == ("b", "a", None)
    group.drop("a")
    group.drop("b")
    group.drop("b")
    assert (len(group), group.first(), group.running()) == (0, None, None)


def test_the_youngest_that_replaces_comes_first() -> None:
    """And none that is older than asked for."""
    group = line(*(member(f"r{second}", second, policy=REPLACE) for second in range(4)), member("f", 9))
    assert [each.uid for each in group.replacing(at(2))] == ["r3", "r2"]
    assert [each.uid for each in group.older((at(2), "r2"))] == ["r0", "r1"]


def random_group(random: Random) -> list[Member]:
    """Up to 8 flows around ours, some created in its very second."""
    return [
        member(f"uid-{random.choice('aez')}{number}", random.randint(-3, 3), runs=random.random() < 0.3)
        if random.random() < 0.6
        else member(f"uid-{random.choice('aez')}{number}", random.randint(-3, 3), policy=REPLACE)
        for number in range(random.randint(0, 8))
    ]


def rival(of: Member) -> Rival:
    return Rival(of.key.name, of.uid, of.created_at, of.policy, has_started=of.is_running, has_ended=False)


def chosen(members: list[Member]) -> list[Member]:
    """Those whom our flow looks at: as `Rivals.of` picks them."""
    group = line(*members)
    near = [group.before((START, OURS)), group.running(), next(group.replacing(START), None)]
    return list({each.uid: each for each in near if each is not None}.values())


@pytest.mark.parametrize("policy", ConcurrencyPolicy)
@pytest.mark.parametrize("has_started", [False, True])
def test_three_rivals_decide_as_all_would(policy: ConcurrencyPolicy, has_started: bool) -> None:
    """The same actions and the same words, for 300 random groups."""
    for seed in range(300):
        members = random_group(Random(seed))
        scene = Scene.of(job("a"), concurrency_policy=policy)
        scene = scene.started() if has_started else scene
        few, all_ = (scene.beside(*map(rival, each)).now(4).snapshot() for each in (chosen(members), members))
        assert decide(few) == decide(all_), (seed, FLOW)


def test_a_replaced_flow_names_the_youngest_that_replaces_it() -> None:
    """The only one that is sure not to be replaced itself."""
    newer = [rival(member(f"r{second}", second, policy=REPLACE)) for second in (3, 9, 6)]
    decision = decide(Scene.of(job("a")).beside(*newer).now(10).snapshot())
    assert (ending(decision), created(decision)) == ("Failed/Replaced", [])
    assert decision.status is not None
    assert decision.status.message == "Replaced by JobFlow r9"
    waiting = [replace(each, is_suspended=True) for each in newer]
    assert created(decide(Scene.of(job("a")).beside(*waiting).now(10).snapshot())) == ["a/1"]
