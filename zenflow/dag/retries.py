"""How long a step waits before its next Job (guide: Step Retries; semantics.md, section 4)."""

import sys
from datetime import timedelta
from typing import assert_never

from zenflow.api.types import Backoff, BackoffType, RetryPolicy

LONGEST_WAIT = timedelta(hours=1)


def wait_before(retry: int, backoff: Backoff) -> timedelta:
    """The wait before retry number `retry`, counted from 0; never more than an hour."""
    base = backoff.base.total_seconds()
    match backoff.type:
        case BackoffType.EXPONENTIAL:
            seconds = base * _power(backoff.factor, retry)
        case BackoffType.LINEAR:
            seconds = base * (retry + 1)
        case BackoffType.FIXED:
            seconds = base
        case _:
            assert_never(backoff.type)
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))


def retries_left(policy: RetryPolicy | None, retries_made: int) -> int:
    """How many more Jobs the step's own policy allows."""
    return max(0, (policy.limit if policy else 0) - retries_made)


def _power(factor: float, exponent: int) -> float:
    try:
        return factor**exponent
    except OverflowError:
        return sys.float_info.max  # not infinity: a base of 0 times infinity is no number
