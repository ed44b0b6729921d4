"""client-go's work-queue contract."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from tests.support.clock import VirtualClock
from tests.support.things import key
from zenflow.runtime.queue import WorkQueue

A, B, C = key("a"), key("b"), key("c")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(clock: VirtualClock) -> WorkQueue:
    return WorkQueue(clock)


def drained(queue: WorkQueue) -> list[str]:
    """What is ready, each given back at once."""
    names = []
    while (item := queue.try_get()) is not None:
        queue.done(item)
        names.append(item.name)
    return names


def test_keys_come_out_in_the_order_they_were_first_added(queue: WorkQueue) -> None:
    """And a key that waits already waits only once."""
    for item in (A, B, A, C, B):
        queue.add(item)
    assert drained(queue) == ["a", "b", "c"]


def test_a_key_added_while_held_comes_once_more_and_only_after_done(queue: WorkQueue) -> None:
    """What changed after the worker looked must be looked at; by nobody else meanwhile."""
    queue.add(A)
    held = queue.try_get()
    queue.add(A)
    queue.add(A)
    assert queue.try_get() is None
    assert held is not None
    queue.done(held)
    assert drained(queue) == ["a"]


def test_a_busy_key_does_not_starve_others(queue: WorkQueue) -> None:
    """Added again and again, it goes to the back each time."""
    queue.add(A)
    queue.add(B)
    first = queue.try_get()
    assert first == A
    queue.add(A)
    queue.done(A)
    assert drained(queue) == ["b", "a"]


def test_a_delayed_key_comes_when_its_time_has_come(queue: WorkQueue, clock: VirtualClock) -> None:
    """Not before, and `next_due` says when."""
    queue.add_after(A, 10)
    assert queue.next_due() == clock.monotonic() + 10
    clock.advance(9.9)
    assert drained(queue) == []
    clock.advance(0.1)
    assert drained(queue) == ["a"]
    assert queue.next_due() is None


@pytest.mark.parametrize("delays", [(10, 5), (5, 10), (5, 5)])
def test_of_two_delays_the_earlier_counts(queue: WorkQueue, clock: VirtualClock, delays: tuple[int, int]) -> None:
    """And the later one is gone with it."""
    for delay in delays:
        queue.add_after(A, delay)
    clock.advance(5)
    assert drained(queue) == ["a"]
    clock.advance(100)
    assert drained(queue) == []


def test_a_key_may_be_added_now_and_later(queue: WorkQueue, clock: VirtualClock) -> None:
    """The look now does not replace the look later."""
    queue.add_after(A, 5)
    queue.add(A)
    assert drained(queue) == ["a"]
    clock.advance(5)
    assert drained(queue) == ["a"]


def test_a_cancelled_delay_never_fires(queue: WorkQueue, clock: VirtualClock) -> None:
    """And a new one may be set in its place, even a later one."""
    queue.add_after(A, 5)
    queue.cancel_delay(A)
    queue.add_after(A, 8)
    clock.advance(5)
    assert drained(queue) == []
    clock.advance(3)
    assert drained(queue) == ["a"]


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_delay_of_nothing_is_no_delay(queue: WorkQueue, seconds: float) -> None:
    """A time that has passed."""
    queue.add_after(A, seconds)
    assert drained(queue) == ["a"]


def test_failures_wait_twice_as_long_each_time_up_to_a_minute(queue: WorkQueue, clock: VirtualClock) -> None:
    """5 ms, 10 ms, 20 ms, …"""
    waits = []
    for _ in range(40):
        queue.add_rate_limited(A)
        due = queue.next_due()
        assert due is not None
        waits.append(round(due - clock.monotonic(), 6))
        clock.advance(60)
        assert drained(queue) == ["a"]
    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == 60
    assert all(later in (min(2 * earlier, 60), 60) for earlier, later in pairwise(waits))


def test_a_key_that_is_well_again_fails_like_new(queue: WorkQueue, clock: VirtualClock) -> None:
    """`forget` ends the memory of failures, and only of this key."""
    for item in (A, A, B, B):
        queue.add_rate_limited(item)
    queue.forget(A)
    assert (queue.failures(A), queue.failures(B)) == (0, 2)


def test_after_shut_down_what_is_left_is_handed_out_and_nothing_is_accepted(
    queue: WorkQueue, clock: VirtualClock
) -> None:
    """Delays are dropped: nobody will be there."""
    queue.add(A)
    queue.add_after(B, 5)
    queue.shut_down()
    queue.add(C)
    queue.add_after(C, 0)
    clock.advance(10)
    assert queue.is_shut_down
    assert drained(queue) == ["a"]
    assert queue.get() is None


def test_get_with_a_timeout_of_zero_returns_at_once(queue: WorkQueue) -> None:
    """With the clock standing still, anything else would never return."""
    assert queue.get(0) is None


@pytest.mark.parametrize("seed", range(40))
def test_the_contract_holds_in_any_order_of_calls(seed: int) -> None:
    """Model: who needs a look, and who is held by whom.

    No two workers hold a key; a key is handed out only if it was added since it was last handed out; whatever was
    added is handed out in the end.
    """
    chance, clock = random.Random(seed), VirtualClock()
    queue = WorkQueue(clock)
    needs: Counter[str] = Counter()  # looks asked for and not yet given
    unanswered: set[str] = set()  # asked for a look since the last one
    held: list[str] = []
    for _ in range(300):
        name = chance.choice("abcde")
        choice = chance.randrange(6)
        if choice < 3:
            needs[name] += 1
            unanswered.add(name)
        match choice:
            case 0:
                queue.add(key(name))
            case 1:
                queue.add_after(key(name), chance.choice([0.5, 1, 7]), at_leisure=chance.random() < 0.5)
            case 2:
                queue.add_rate_limited(key(name))
            case 3 if held:
                queue.done(key(held.pop(chance.randrange(len(held)))))
            case 4:
                clock.advance(chance.choice([0, 0.6, 2]))
            case _:
                handed = queue.try_get()
                if handed is not None:
                    assert handed.name not in held
                    assert needs[handed.name] > 0, "nobody asked for this look"
                    needs[handed.name] -= 1
                    unanswered.discard(handed.name)
                    held.append(handed.name)
    for name in held:
        queue.done(key(name))
    clock.advance(100)
    assert unanswered <= set(drained(queue))
    assert queue.next_due() is None


# --- what can wait ---


def test_what_can_wait_gives_way(queue: WorkQueue, clock: VirtualClock) -> None:
    """To what was added long after it was due; among themselves the first comes first."""
    for item in (A, B):
        queue.add_after(item, 0.05, at_leisure=True)
    clock.advance(0.5)
    queue.add(C)
    assert len(queue) == 1
    assert drained(queue) == ["c", "a", "b"]


def test_what_can_wait_is_not_starved(queue: WorkQueue, clock: VirtualClock) -> None:
    """After a second it gives way no more."""
    queue.add_after(A, 0.05, at_leisure=True)
    clock.advance(0.05)
    queue.add(B)
    held = queue.try_get()
    clock.advance(1.0)
    queue.add(C)
    assert held == B
    assert drained(queue) == ["a", "c"]


def test_what_can_wait_waits_no_longer_when_it_is_added(queue: WorkQueue, clock: VirtualClock) -> None:
    """Something has happened to it: it stands in line with all others, once."""
    for item in (A, B):
        queue.add_after(item, 0.05, at_leisure=True)
    clock.advance(0.05)
    queue.add(C)
    held = queue.try_get()
    queue.add(B)
    queue.done(held or C)
    assert held == C
    assert drained(queue) == ["b", "a"]


@pytest.mark.parametrize("at_leisure", [True, False])
def test_the_earlier_of_two_delays_says_whether_it_can_wait(
    queue: WorkQueue, clock: VirtualClock, at_leisure: bool
) -> None:
    """In whatever order they are asked for."""
    queue.add_after(A, 10, at_leisure=not at_leisure)
    queue.add_after(A, 5, at_leisure=at_leisure)
    queue.add_after(A, 20, at_leisure=not at_leisure)
    queue.add_after(B, 5)
    clock.advance(5)
    assert drained(queue) == (["b", "a"] if at_leisure else ["a", "b"])


def test_not_all_workers_may_be_at_leisure(clock: VirtualClock) -> None:
    """However few others there are: what comes next may be urgent."""
    queue = WorkQueue(clock, leisurely=1)
    for item in (A, B):
        queue.add_after(item, 0.05, at_leisure=True)
    clock.advance(0.05)
    held = queue.try_get()
    assert (held, queue.try_get()) == (A, None)
    queue.add(C)
    assert queue.try_get() == C
    queue.done(A)
    assert queue.try_get() == B
    assert [queue.is_at_leisure(item) for item in (A, B, C)] == [False, True, False]


def test_after_shut_down_what_can_wait_is_handed_out_as_well(clock: VirtualClock) -> None:
    """To all workers: nothing urgent will come any more."""
    queue = WorkQueue(clock, leisurely=1)
    for item in (A, B):
        queue.add_after(item, 0.05, at_leisure=True)
    clock.advance(0.05)
    assert queue.try_get() == A
    queue.shut_down()
    assert [queue.try_get(), queue.try_get()] == [B, None]


def test_delays_that_were_replaced_are_forgotten(queue: WorkQueue) -> None:
    """Whoever changes a flow often must not fill the memory with when it was to be looked at."""
    queue.add_after(B, 3600)
    for number in range(10_000):
        queue.add_after(A, 3600 + number)
        queue.cancel_delay(A)
    queue.add_after(A, 1800)
    assert len(queue._heap) < 200
    assert queue.next_due() == 1800
    queue.cancel_delay(A)
    assert queue.next_due() == 3600


# --- keys that turn in place ---


def looks(queue: WorkQueue, clock: VirtualClock, seconds: float, wish: float) -> int:
    """How often a key that always wants to come again is handed out within so many seconds."""
    end, count = clock.monotonic() + seconds, 0
    while clock.monotonic() < end and count < 10_000:  # a broken queue fails, and does not hang
        if (item := queue.try_get()) is not None:
            queue.done(item)
            queue.requeue(item, wish)
            count += 1
        else:
            clock.advance(min(end, queue.next_due() or end) - clock.monotonic())
    return count


@pytest.mark.parametrize("wish", [0.0, 0.001, 0.05])
def test_a_key_that_turns_in_place_is_held_back(queue: WorkQueue, clock: VirtualClock, wish: float) -> None:
    """Ever longer, up to a minute: some twenty looks in the first minute, one a minute after an hour."""
    queue.add(A)
    assert looks(queue, clock, 60, wish) < 25
    looks(queue, clock, 3600, wish)
    assert looks(queue, clock, 600, wish) <= 11


def test_only_repeats_without_news_are_held_back(queue: WorkQueue, clock: VirtualClock) -> None:
    """However often a key comes: after news of it, and after a longer wait, its next wishes are granted at once."""
    for _ in range(100):
        queue.add(A)
        for _ in range(5):
            assert drained(queue) == ["a"]
            queue.requeue(A, 0.0)
        assert drained(queue) == ["a"]
    assert clock.monotonic() == VirtualClock().monotonic()
    queue.requeue(A, 30)
    clock.advance(30)
    assert drained(queue) == ["a"]


def test_news_of_a_key_that_is_held_back_is_heard_at_once(queue: WorkQueue, clock: VirtualClock) -> None:
    queue.add(A)
    looks(queue, clock, 3600, 0.0)
    queue.add(A)
    assert drained(queue) == ["a"]


def test_a_key_that_turns_in_place_is_told_of_once(queue: WorkQueue, clock: VirtualClock) -> None:
    """And once again after it had come to rest."""
    for _ in range(2):
        assert [queue.requeue(A, 0.0) for _ in range(20)].count(True) == 1
        assert not queue.requeue(A, None)
