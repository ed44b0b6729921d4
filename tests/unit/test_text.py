"""Whatever others write becomes one short line that steers nothing."""

import random
import unicodedata

import pytest

from zenflow.text import MAX_MESSAGE, MAX_REASON, as_line, as_message, as_reason

# What terminals and browsers obey, what looks like the rest of an escape sequence, and what YAML, JSON or UTF-8 stumble
# over.
HOSTILE = (
    "\x00\x07\x08\t\n\r\x0b\x0c\x1b\x7f\x85\x9b\x9d\u2028\u2029\u202e\u2066\u2069\u200b\ufeff\ud800\udfff[];31m\\ éx🚀"
)


@pytest.mark.parametrize("seed", range(200))
def test_a_message_is_one_line_of_a_kibibyte_of_utf8_whatever_it_is_made_of(seed: int) -> None:
    """And what has passed once passes unchanged, so that a status never differs from what is recorded of it."""
    chance = random.Random(seed)
    text = "".join(chance.choices(HOSTILE, k=chance.choice((5, 50, 3000, 20_000))))
    message = as_message(text)
    assert len(message.encode()) <= MAX_MESSAGE
    assert len(message.splitlines()) <= 1
    assert not {c for c in message if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert not {c for c in message if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI")}
    assert as_message(message) == message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colours"),
        pytest.param("\x1b]0;title\x07text", "text", id="the window's title"),
        pytest.param("a\r\nb\tc", "a | b    c", id="lines"),
        pytest.param("Check it\nStep g: Approved by alice", "Check it | Step g: Approved by alice", id="a forged line"),
        pytest.param("one\u2028two\u2029three\x85four\x0bfive", "one | two | three | four | five", id="other lines"),
        pytest.param("Traceback:\n    at x\n\n  at y\n", "Traceback: | at x | at y", id="blank ends and lines"),
        pytest.param("\x00\x07\x01", "\ufffd\ufffd\ufffd", id="binary"),
        pytest.param("safe\u202egnp.exe \u2066x\u2069", "safe\ufffdgnp.exe \ufffdx\ufffd", id="reordering"),
        pytest.param("half a pair \ud83d", "half a pair \ufffd", id="no UTF-8"),
        pytest.param("Zoë 🚀 日本", "Zoë 🚀 日本", id="text"),
        pytest.param("  indented", "  indented", id="a line of its own"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_a_reader_would_obey_or_misread_is_taken_out(text: str, shown: str) -> None:
    """`kubectl describe` prints a status as it is."""
    assert as_line(text) == as_message(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 5000, id="ascii"),
        pytest.param("é" * 5000, id="two bytes"),
        pytest.param("x" + "🙂" * 5000, id="four bytes, cut in the middle"),
        pytest.param("\x00" * 5000, id="control characters"),
        pytest.param("\x1b[" * 800_000, id="megabytes"),
    ],
)
def test_a_cut_message_is_at_most_a_kibibyte(text: str) -> None:
    """Of UTF-8, whatever it consists of."""
    assert len(as_message(text).encode()) <= 1024


def test_a_cut_message_keeps_its_head_and_its_end() -> None:
    """The head names the step or Job, and errors stand at the end of a log, however long that is."""
    for noise in (1000, 300_000):
        shortened = as_message("Job x failed: " + "noise " * noise + "fatal: disk full")
        assert shortened.startswith("Job x failed: ")
        assert shortened.endswith("fatal: disk full")
    assert as_message("x" * 1024) == "x" * 1024


@pytest.mark.parametrize(
    "reason", ["FailedMount", "ErrImagePull", "OutOfcpu", "A", "Evicted_2", "a:b,c", "x" * MAX_REASON]
)
def test_a_reason_of_kubernetes_stands(reason: str) -> None:
    """meta/v1: a CamelCase word."""
    assert as_reason(reason, "Unknown") == reason


@pytest.mark.parametrize(
    "reason",
    ["", "two words", "Approved\n", "\x1b[31mApproved", "Appr\u202eoved", "Zoë", "9to5", "x:", "x" * (MAX_REASON + 1)],
)
def test_any_other_reason_becomes_the_word_given(reason: str) -> None:
    """It is never shown in part: what is left could look like another."""
    assert as_reason(reason, "Unknown") == "Unknown"
