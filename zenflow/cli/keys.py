"""Single key presses from the terminal, while something else goes on.

The terminal is put back as it was at the end, whatever happened. Ctrl-C stays Ctrl-C.
"""

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any, Self


class Keys:
    """A context in which `poll` returns the keys pressed since the last call, not shown by the terminal."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._saved: list[Any] | None = None

    @staticmethod
    def are_there() -> bool:
        """Whether a person can answer: a terminal, and this process not in its background (it would be stopped)."""
        try:
            return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except OSError:  # a terminal, but not the one that controls this process
            return False

    def __enter__(self) -> Self:
        self._saved = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._saved is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def poll(self) -> str:
        """The keys pressed; never waits."""
        pressed = ""
        while select.select([self._fd], [], [], 0)[0] and (data := os.read(self._fd, 64)):
            pressed += data.decode(errors="ignore")
        return pressed


class NoKeys:
    """For runs that have nothing to ask: the terminal is left alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was changed."""

    def poll(self) -> str:
        """Nobody presses anything."""
        return ""
