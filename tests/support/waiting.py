"""Wait for a property of the outside world, with a deadline and a sentence for when it does not come.

The only place of the tests that lets time pass; nothing under tests/unit or tests/simulation uses it.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# A probe that starts a process costs more than what it asks: it may take a quarter of the time, whatever `every` says.
REST = 3


class NotInTime(AssertionError):
    """What was waited for did not come within its time; the message says what was there instead."""


def eventually(
    probe: Callable[[], T | None], *, within: float, what: str, every: float = 0.1, else_show: Callable[[], str] = str
) -> T:
    """The first truthy value of `probe`, asked every `every` seconds, a slow one less often, for `within` seconds.

    Raises NotInTime with `what` and the text of `else_show`; whatever `probe` raises passes through.
    """
    pause = threading.Event()
    deadline = time.monotonic() + within
    while True:
        asked_at = time.monotonic()
        if value := probe():
            return value
        now = time.monotonic()
        if now >= deadline:
            raise NotInTime(f"not within {within:g} s: {what}\n{else_show()}".rstrip())
        pause.wait(max(every, REST * (now - asked_at)))
