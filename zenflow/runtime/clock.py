"""Where time enters. Everything that waits or compares times is given a Clock.

`SystemClock` is the only place in the project that reads the machine's clocks;
tests and the simulator hand in a virtual one.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings of time, which may disagree: only `monotonic` measures durations safely."""

    def now(self) -> datetime:
        """The wall-clock time, aware, in UTC. May jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one room where time enters

    def monotonic(self) -> float:
        return time.monotonic()
