"""What a Job prints must not reach the terminal as anything but text."""

from datetime import timedelta

import pytest

from zenflow.cli.text import clean, elapsed, log_line


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\text", "text"),
        ("\x1bctext", "text"),
        ("\x9b31mred", "red"),
        ("\x9d0;title\x9ctext", "text"),
        ("bell\x07 back\x08space", "bell backspace"),
        ("\x1b]0;never ended", ""),
        ("cut off\x1b", "cut off"),
        ("two\nlines\ttabbed", "two | lines    tabbed"),
        ("abc\u202edcba", "abcdcba"),
        ("zero\u200bwidth", "zerowidth"),
        ("naïve Ünïcödé 日本 🎉", "naïve Ünïcödé 日本 🎉"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
    ],
)
def test_clean_leaves_text_and_nothing_that_steers_a_terminal(dirty: str, plain: str) -> None:
    """Escape sequences go with their arguments, control characters and reordering marks go, text stays."""
    assert clean(dirty) == plain


def test_no_control_character_survives() -> None:
    """Whatever the order of control characters, none is left: cutting one sequence must not make another."""
    text = "".join(chr(code) for code in range(0xA0)) * 2 + "\x1b\x1b[[31m" + "\x1b\x9b1m"
    assert all(ord(character) >= 0x20 and not 0x7F <= ord(character) < 0xA0 for character in clean(text))


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"hello\n", "hello"),
        (b"hello\r\n", "hello"),
        (b"10%\r50%\r100%", "100%"),
        (b"\xff\xfebinary", "\ufffd\ufffdbinary"),
        (b"", ""),
    ],
)
def test_log_line(raw: bytes, line: str) -> None:
    """A line is decoded whatever its bytes; of a progress bar the last state is shown."""
    assert log_line(raw) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3, "0s"),
        (0.4, "0s"),
        (12, "12s"),
        (59.6, "1m00s"),
        (65, "1m05s"),
        (3600, "1h00m"),
        (93784, "26h03m"),
    ],
)
def test_elapsed(seconds: float, text: str) -> None:
    """Short at every size; never negative, however the clocks disagree."""
    assert elapsed(timedelta(seconds=seconds)) == text
