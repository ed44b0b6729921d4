"""Ages as kubectl shows them."""

from datetime import UTC, datetime

import pytest

from zenflow.local.http.printing import ages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1.5, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (599, "9m59s"),
        (600, "10m"),
        (659, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600 + 3599, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (2 * 365 * 86400, "2y"),
        (2 * 365 * 86400 + 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, shown: str) -> None:
    """The thresholds are those of kubectl."""
    assert ages.short(seconds) == shown


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("2026-03-01T11:59:00Z", "60s"),
        ("2026-03-01T11:59:59.123456Z", "0s"),
        (None, "<unknown>"),
        ("yesterday", "<unknown>"),
        ("2026-03-01T11:59:00", "<unknown>"),
    ],
)
def test_the_age_of_a_timestamp(timestamp: object, shown: str) -> None:
    """Times with and without fractions are read; what is no time with a zone is unknown."""
    assert ages.since(timestamp, NOW) == shown
