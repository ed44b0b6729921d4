"""Durations: what the pattern lets in can be read."""

from datetime import timedelta

import pytest

from zenflow.api import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("0s", 0), ("3600000ms", 3600)],
)
def test_parse(text: str, seconds: float) -> None:
    """Go's notation, as everywhere in Kubernetes."""
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-5s", "10x", "1 s", "10S", "1e3s", "10s\n", "٣s", "9" * 10 + "s"])
def test_anything_else_is_refused(text: str) -> None:
    """Nothing is guessed: a number without a unit could be minutes."""
    with pytest.raises(ValueError, match="is not a duration"):
        durations.parse(text)


def test_the_longest_text_the_schema_lets_in_can_be_read() -> None:
    """No overflow reaches the reconciler."""
    longest = "999999999h" * 6
    assert durations.parse(longest) == timedelta(hours=6 * 999999999)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "1m30s"), (3600, "1h"), (0.5, "0.5s"), (3661, "1h1m1s")])
def test_render(seconds: float, text: str) -> None:
    """The shortest exact text."""
    assert durations.render(timedelta(seconds=seconds)) == text
