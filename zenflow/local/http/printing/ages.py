"""Spans of time as kubectl shows them: 45s, 5m10s, 3h, 6d4h.

Used for the cells of server-side tables. Reads no clock.
"""

from datetime import datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY

# (below this many seconds, the larger unit, the smaller unit shown beside it or None). Two or three significant
# figures are kept, with the thresholds of k8s.io/apimachinery/pkg/util/duration, HumanDuration.
_STEPS: tuple[tuple[int, int, int | None], ...] = (
    (2 * MINUTE, 1, None),
    (10 * MINUTE, MINUTE, 1),
    (3 * HOUR, MINUTE, None),
    (8 * HOUR, HOUR, MINUTE),
    (2 * DAY, HOUR, None),
    (8 * DAY, DAY, HOUR),
    (2 * YEAR, DAY, None),
    (8 * YEAR, YEAR, DAY),
)
_LETTERS = {1: "s", MINUTE: "m", HOUR: "h", DAY: "d", YEAR: "y"}


def short(seconds: float) -> str:
    """A span in at most two units. Up to two seconds below zero (clocks disagree) is `0s`, further back `<invalid>`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    _, large, small = next((step for step in _STEPS if whole < step[0]), (0, YEAR, None))
    text = f"{whole // large}{_LETTERS[large]}"
    rest = whole % large // small if small else 0
    return f"{text}{rest}{_LETTERS[small]}" if small and rest else text


def parse(timestamp: object) -> datetime | None:
    """An RFC 3339 time from an object (Time or MicroTime); None for anything else."""
    if not isinstance(timestamp, str):
        return None
    try:
        parsed = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def since(timestamp: object, now: datetime) -> str:
    """The age of a timestamp in an object, `<unknown>` where there is none."""
    parsed = parse(timestamp)
    return short((now - parsed).total_seconds()) if parsed else "<unknown>"
