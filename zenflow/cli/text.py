"""Text from a server or a container, made safe and short for a terminal. Pure.

Nothing that a Job prints or a status says reaches the terminal without passing `clean` first:
an escape sequence in it could otherwise move the cursor, rename the window or hide a line.
"""

import re
import unicodedata
from datetime import timedelta

# CSI (colours, cursor), then strings ended by ST or BEL (window titles, clipboard), then what is left of two
# characters. Each in its 7-bit form and in the 8-bit form that starts with a C1 control.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Characters that reorder or hide what stands around them: "bidi" overrides, isolates, zero-width marks.
_REORDERING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")


def clean(text: str) -> str:
    """The text on one line, without escape sequences, control characters or marks that reorder it."""
    plain = _ESCAPES.sub("", text)
    spaced = plain.replace("\r\n", " ").replace("\n", " ").replace("\t", "    ")
    return "".join(c for c in spaced if c not in _REORDERING and unicodedata.category(c) not in ("Cc", "Cs"))


def log_line(raw: bytes) -> str:
    """One line of a container's output. Of a progress bar drawn over itself by carriage returns: its last state."""
    text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
    return clean(text.rsplit("\r", 1)[-1])


def elapsed(duration: timedelta) -> str:
    """A duration to read at a glance, in whole seconds as the API keeps times: `0s`, `12s`, `1m05s`, `2h03m`."""
    minutes, seconds = divmod(max(round(duration.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
