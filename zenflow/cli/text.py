"""Text from a server or a container, made safe and short for a terminal. Pure.

Nothing that a Job prints or a status says reaches the terminal without passing `clean` first:
an escape sequence in it could otherwise move the cursor, rename the window or hide a line.
"""

from datetime import timedelta

from zenflow.text import as_line


def clean(text: str) -> str:
    """The text on one line, without escape sequences, control characters or marks that reorder it."""
    return as_line(text, hidden="")


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
