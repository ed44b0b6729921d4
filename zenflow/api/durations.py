"""Durations as people write them in a JobFlow: `10s`, `1m30s`, `500ms`, `1.5h` (Go's time.ParseDuration)."""

import re
from datetime import timedelta

# Shared with the CRD's schema, so that the API server refuses what `parse` refuses. Nine digits a part keep every
# text of 64 characters within a timedelta; no wait is ever longer than an hour anyway.
PATTERN = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$"

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MAX_LENGTH = 64


def parse(text: str) -> timedelta:
    """The duration a text stands for. Raises ValueError, saying what was expected."""
    if len(text) > _MAX_LENGTH or not re.fullmatch(PATTERN, text):
        raise ValueError(
            f'"{text[:_MAX_LENGTH]}" is not a duration: '
            'write a number and a unit (ms, s, m, h), such as "10s" or "1m30s"'
        )
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def render(duration: timedelta) -> str:
    """The shortest exact text: `90s` as `1m30s`; parts of a second only below a minute."""
    seconds = duration.total_seconds()
    if seconds < 60 and seconds != int(seconds):
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    hours, rest = divmod(int(seconds), 3600)
    minutes, whole = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (whole, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
