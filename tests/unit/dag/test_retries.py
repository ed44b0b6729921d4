"""Waits before retries: the three formulas of the guide, their bounds and defaults."""

from datetime import timedelta
from itertools import pairwise

import pytest

from zenflow.api.types import Backoff, BackoffType, RetryPolicy
from zenflow.dag.retries import LONGEST_WAIT, retries_left, wait_before


def waits(backoff: Backoff, count: int) -> list[float]:
    return [wait_before(retry, backoff).total_seconds() for retry in range(count)]


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        pytest.param(Backoff(type=BackoffType.EXPONENTIAL), [10, 20, 40, 80], id="guide, exponential"),
        pytest.param(Backoff(type=BackoffType.LINEAR), [10, 20, 30, 40], id="guide, linear"),
        pytest.param(Backoff(type=BackoffType.FIXED), [10, 10, 10, 10], id="guide, fixed"),
        pytest.param(Backoff(duration="5s", factor=3.0), [5, 15, 45, 135], id="factor 3"),
        pytest.param(Backoff(duration="1m30s", factor=1.0), [90, 90, 90, 90], id="factor 1"),
        pytest.param(Backoff(duration="1m", factor=1.5), [60, 90, 135, 202.5], id="broken factor"),
        pytest.param(Backoff(type=BackoffType.LINEAR, duration="500ms"), [0.5, 1, 1.5, 2], id="milliseconds"),
        pytest.param(Backoff(type=BackoffType.FIXED, factor=7.0), [10, 10, 10, 10], id="fixed ignores the factor"),
        pytest.param(Backoff(type=BackoffType.LINEAR, factor=7.0), [10, 20, 30, 40], id="linear ignores the factor"),
    ],
)
def test_the_wait_follows_the_formula(backoff: Backoff, seconds: list[float]) -> None:
    """duration * factor^n, duration * (n + 1), duration; n counts from 0."""
    assert waits(backoff, 4) == seconds


def test_the_default_is_exponential_by_two_from_ten_seconds() -> None:
    """A policy that says nothing of its backoff waits as the guide's example does."""
    assert waits(RetryPolicy().backoff, 3) == [10, 20, 40]


@pytest.mark.parametrize(
    "backoff",
    [
        pytest.param(Backoff(duration="2h", type=BackoffType.FIXED), id="fixed, longer than an hour"),
        pytest.param(Backoff(duration="999999999h"), id="huge duration"),
        pytest.param(Backoff(duration="10s", factor=100.0), id="a power that no float holds"),
        pytest.param(Backoff(duration="1ms", factor=100.0), id="a small base and a huge power"),
        pytest.param(Backoff(duration="10s", type=BackoffType.LINEAR), id="linear"),
    ],
)
def test_no_wait_is_longer_than_an_hour(backoff: Backoff) -> None:
    """Not even before the last retry that a policy can have."""
    assert wait_before(999, backoff) == LONGEST_WAIT == timedelta(hours=1)


@pytest.mark.parametrize("kind", list(BackoffType))
def test_a_duration_of_zero_never_waits(kind: BackoffType) -> None:
    """Also where the power overflows: zero times anything is zero."""
    assert wait_before(999, Backoff(type=kind, factor=100.0, duration="0s")) == timedelta(0)


@pytest.mark.parametrize("kind", list(BackoffType))
def test_waits_never_get_shorter(kind: BackoffType) -> None:
    """A later retry waits at least as long as the one before."""
    assert all(one <= two for one, two in pairwise(waits(Backoff(type=kind), 50)))


@pytest.mark.parametrize(
    ("policy", "made", "left"),
    [
        pytest.param(None, 0, 0, id="no policy, no retry"),
        pytest.param(RetryPolicy(), 0, 3, id="three by default"),
        pytest.param(RetryPolicy(), 3, 0, id="the default used up"),
        pytest.param(RetryPolicy(limit=0), 0, 0, id="limit 0"),
        pytest.param(RetryPolicy(limit=5), 4, 1, id="the last one"),
        pytest.param(RetryPolicy(limit=1), 4, 0, id="the limit was lowered"),
    ],
)
def test_retries_left(policy: RetryPolicy | None, made: int, left: int) -> None:
    """The limit is the number of retries after the first attempt."""
    assert retries_left(policy, made) == left
