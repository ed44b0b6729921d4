"""What is wrong with a JobFlow, as values: field, reason, value, and what to do about it.

The words are those of Kubernetes' own field errors (`Invalid value`, `Not found`, `Required value`), so that
`zenflow lint`, the webhook, the embedded API server and the real one say the same sentence about the same input.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_MAX_QUOTED = 80
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reason(StrEnum):
    """The kinds of field error that the API server knows; the value is how it prints them."""

    INVALID = "Invalid value"
    REQUIRED = "Required value"
    UNSUPPORTED = "Unsupported value"
    DUPLICATE = "Duplicate value"
    NOT_FOUND = "Not found"
    FORBIDDEN = "Forbidden"
    TOO_LONG = "Too long"
    TOO_MANY = "Too many"

    @property
    def cause(self) -> str:
        """The machine-readable reason of a meta/v1 StatusCause."""
        return _CAUSES[self]


_CAUSES = {
    Reason.INVALID: "FieldValueInvalid",
    Reason.REQUIRED: "FieldValueRequired",
    Reason.UNSUPPORTED: "FieldValueNotSupported",
    Reason.DUPLICATE: "FieldValueDuplicate",
    Reason.NOT_FOUND: "FieldValueNotFound",
    Reason.FORBIDDEN: "FieldValueForbidden",
    Reason.TOO_LONG: "FieldValueTooLong",
    Reason.TOO_MANY: "FieldValueTooMany",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `str(problem)` is one sentence: where, what was found, why not, what to do.

    `value` is already rendered by `quote`, or empty where showing it says nothing (something is missing).
    """

    field: str
    value: str
    message: str
    remedy: str
    reason: Reason = Reason.INVALID

    @property
    def detail(self) -> str:
        """The sentence without the field: what the API server puts into a cause's message."""
        why = "; ".join(part for part in (self.message, self.remedy) if part)
        return ": ".join(part for part in (self.reason.value, self.value, why) if part)

    @property
    def brief(self) -> str:
        """The field and what to do about it, without what was found there."""
        return f"{self.field}: {self.remedy or self.message or self.reason.value}"

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}"


def quote(value: Any) -> str:
    """A value as JSON, cut at 80 characters and safe on a terminal; a mapping or list as its type only."""
    if isinstance(value, dict):
        return '"object"'
    if isinstance(value, list | tuple):
        return '"array"'
    if isinstance(value, str):
        return f'"{"".join(map(_visible, value if len(value) <= _MAX_QUOTED else value[:_MAX_QUOTED] + "…"))}"'
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…"


def path(prefix: str, *parts: str | int) -> str:
    """A field path as the API server writes it: `spec.steps[3].dependencies[0]`."""
    for part in parts:
        if isinstance(part, int) or not _PLAIN_KEY.fullmatch(part):
            prefix = entry(prefix, str(part))
        else:
            prefix += f".{part}" if prefix else part
    return prefix


def entry(prefix: str, key: str) -> str:
    """The path of one entry of a map such as labels: `metadata.labels[app]`."""
    return f"{prefix}[{''.join(map(_visible, key))}]"


def summarize(problems: Iterable[Problem], limit: int = 10) -> str:
    """All problems as one text, the first `limit` of them in full and the rest as a count."""
    found = tuple(problems)
    shown = [str(problem) for problem in found[:limit]]
    if len(found) > limit:
        shown.append(f"and {len(found) - limit} more")
    return ", ".join(shown) if len(shown) < 2 else f"[{', '.join(shown)}]"


def fit(problems: Sequence[Problem], room: int) -> str:
    """All problems in at most `room` bytes: in full, else briefly, else as many as there is room for and a count.

    For a status, which must stay small; `zenflow lint` has room for all.
    """
    for sentences in ([str(problem) for problem in problems], [problem.brief for problem in problems]):
        text = "; ".join(sentences)
        if len(text.encode()) <= room:
            return text
    shown: list[str] = []
    for number, problem in enumerate(problems, 1):
        rest = _rest(len(problems) - number)
        if len("; ".join((*shown, problem.brief, rest)).encode()) > room:
            break
        shown.append(problem.brief)
    return "; ".join((*shown, _rest(len(problems) - len(shown)))) if shown else _rest(len(problems))


def _rest(count: int) -> str:
    return f"and {count} more: zenflow lint shows them all"


def _visible(character: str) -> str:
    """Control and format characters (terminal escapes, bidirectional overrides) as escapes; all others as they are."""
    if character in '"\\':
        return "\\" + character
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"
    return character
