"""Every known difference between the embedded API server and kube-apiserver, each with its reason."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines of `comparison.differences` that match `pattern` are expected."""

    pattern: str
    reason: str


KNOWN: tuple[Difference, ...] = ()


def unexpected(lines: list[str]) -> list[str]:
    """The lines that no known difference explains."""
    return [line for line in lines if not any(re.search(known.pattern, line) for known in KNOWN)]
