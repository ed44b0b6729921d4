"""A key waits for our own writes to come back."""

import pytest

from tests.support.things import Thing, key, thing, things_informer
from tests.support.transport import event
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.informer import Informer

A, B = key("a"), key("b")


def synced(version: int = 10) -> Informer[Thing]:
    informer = things_informer()
    informer.replace([], str(version))
    return informer


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", thing("", version))


@pytest.fixture
def informer() -> Informer[Thing]:
    return synced()


@pytest.fixture
def woken(barrier: Barrier) -> list[str]:
    """The keys that were woken, in order."""
    names: list[str] = []
    barrier.on_ready(lambda item: names.append(item.name))
    return names


@pytest.fixture
def barrier() -> Barrier:
    return Barrier()


def test_a_key_of_which_nothing_is_expected_is_ready(barrier: Barrier) -> None:
    """The usual case."""
    assert barrier.is_ready(A)


@pytest.mark.parametrize(("written", "ready"), [("9", True), ("10", True), ("11", False), ("100", False)])
def test_versions_compare_as_numbers(barrier: Barrier, informer: Informer[Thing], written: str, ready: bool) -> None:
    """Seen at 10: "9" is smaller although it sorts after, "100" is greater (KEP-5504)."""
    barrier.expect(A, informer, written)
    assert barrier.is_ready(A) is ready


def test_only_the_key_that_wrote_waits(barrier: Barrier, informer: Informer[Thing]) -> None:
    """Others were not touched."""
    barrier.expect(A, informer, "11")
    assert barrier.is_ready(B)


def test_all_informers_must_have_caught_up(barrier: Barrier) -> None:
    """A reconcile may write objects of several types."""
    jobs, flows = synced(), synced()
    barrier.expect(A, jobs, "11")
    barrier.expect(A, flows, "12")
    jobs.feed(bookmark(11))
    assert not barrier.is_ready(A)
    flows.feed(bookmark(12))
    assert barrier.is_ready(A)


def test_the_highest_of_several_writes_counts(barrier: Barrier, informer: Informer[Thing]) -> None:
    """In whatever order they are told: creations run in parallel."""
    for version in ("13", "11", "12"):
        barrier.expect(A, informer, version)
    informer.feed(bookmark(12))
    assert not barrier.is_ready(A)
    informer.feed(bookmark(13))
    assert barrier.is_ready(A)


def test_a_refused_key_is_woken_once_when_it_becomes_ready(
    barrier: Barrier, informer: Informer[Thing], woken: list[str]
) -> None:
    """By the event that fills the cache, even one that changes nothing a handler would tell."""
    barrier.expect(A, informer, "11")
    barrier.expect(A, informer, "13")
    barrier.is_ready(A)
    informer.feed(bookmark(11))
    assert woken == []
    informer.feed(bookmark(13))
    informer.feed(bookmark(14))
    assert woken == ["a"]


def test_a_key_that_nobody_asked_for_is_not_woken(
    barrier: Barrier, informer: Informer[Thing], woken: list[str]
) -> None:
    """It would be a reconcile for nothing."""
    informer.add_handler(lambda old, new: barrier.is_echo(informer, new.metadata.resource_version))
    barrier.expect(A, informer, "11")
    informer.feed(event("ADDED", thing("a", 11)))
    assert woken == []


def test_a_write_of_ours_is_known_by_its_version_when_its_event_comes(barrier: Barrier, woken: list[str]) -> None:
    """All of several writes; of no other type of object; and it wakes nobody."""
    informer, other = synced(), synced()
    told: list[bool] = []
    informer.add_handler(lambda old, new: told.append(barrier.is_echo(informer, new.metadata.resource_version)))
    for version in ("13", "11"):
        barrier.expect(A, informer, version)
    for version in (11, 12, 13):
        assert not barrier.is_echo(other, str(version))
        informer.feed(event("ADDED", thing(f"t{version}", version)))
    assert (told, woken) == ([True, False, True], [])


def test_a_write_that_was_seen_before_its_answer_is_no_echo(barrier: Barrier) -> None:
    """Nothing will ever come that it could be told from."""
    informer = synced(11)
    barrier.expect(A, informer, "11")
    assert not barrier.is_echo(informer, "11")


def test_a_write_whose_event_never_comes_wakes_its_key(
    barrier: Barrier, informer: Informer[Thing], woken: list[str]
) -> None:
    """A new list went beyond it: what was written has been deleted meanwhile, and no event will say so."""
    barrier.expect(A, informer, "11")
    barrier.expect(A, informer, "12")
    informer.replace([], "20")
    assert woken == ["a"]
    assert not barrier.is_echo(informer, "11")


def test_a_list_lets_keys_through_as_a_watch_does(
    barrier: Barrier, informer: Informer[Thing], woken: list[str]
) -> None:
    """After a 410 the write is seen in the list."""
    barrier.expect(A, informer, "11")
    barrier.is_ready(A)
    informer.replace([], "40")
    assert woken == ["a"]


def test_nobody_waits_for_what_a_restored_etcd_has_forgotten(
    barrier: Barrier, informer: Informer[Thing], woken: list[str]
) -> None:
    """The version will not come back: everyone is let through to look at what there is."""
    barrier.expect(A, informer, "12")
    barrier.is_ready(A)
    informer.replace([], "5")
    assert woken == ["a"]
    assert barrier.is_ready(A)
