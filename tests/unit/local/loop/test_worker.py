"""What the local controllers have in common."""

from datetime import timedelta

import pytest

from tests.support.clock import VirtualClock
from zenflow.local.loop.worker import Worker
from zenflow.runtime.cache import Key
from zenflow.runtime.errors import Conflict

A, B = Key("default", "a"), Key("default", "b")


def worker(*failures: Exception) -> tuple[Worker, list[Key], VirtualClock]:
    """A worker whose first syncs fail so, the keys it was asked to sync, and its clock."""
    clock, asked, coming = VirtualClock(), [], list(failures)

    def sync(key: Key) -> None:
        asked.append(key)
        if coming:
            raise coming.pop(0)

    return Worker("test", (), sync, clock), asked, clock


def test_a_step_takes_one_key() -> None:
    """And says when there was none."""
    made, asked, _ = worker()
    made.queue.add(A)
    made.queue.add(B)
    assert ([made.step(), made.step(), made.step()], asked) == ([True, True, False], [A, B])


@pytest.mark.parametrize("failure", [Conflict(409, "Conflict", "changed"), RuntimeError("a mistake of ours")])
def test_a_failed_key_comes_back_and_holds_up_no_other(failure: Exception) -> None:
    """After a while."""
    made, asked, clock = worker(failure)
    made.queue.add(A)
    made.queue.add(B)
    made.step()
    made.step()
    assert (made.step(), made.next_due()) == (False, 0.005)
    clock.advance(0.005)
    made.step()
    assert asked == [A, B, A]


def test_a_time_on_the_wall_is_a_time_of_the_queue() -> None:
    """A key looked forward to is due then."""
    made, asked, clock = worker()
    made.look_again(A, clock.now() + timedelta(seconds=7))
    made.look_again(B, None)
    assert (made.step(), made.next_due()) == (False, 7.0)
    clock.advance(7)
    assert (made.step(), asked) == (True, [A])
