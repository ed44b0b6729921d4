"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Wall clock and monotonic clock advance together. Starts at `EPOCH` and 0."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds
