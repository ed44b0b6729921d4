"""A template without what is known to be wrong with it, so that more can be found in one look. Pure."""

import copy
import re
from collections.abc import Iterable
from typing import Any

from zenflow.api.fields import NO_SUCH_FIELD, nearest
from zenflow.api.problems import Problem

_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[([^\]]*)\]")


def repaired(template: Any, field: str, problems: Iterable[Problem]) -> Any:
    """A copy of the template at `field`: misspelt fields by their right names, numbers for text as text.

    What can't be guessed is left out.
    """
    result = copy.deepcopy(template)
    for problem in problems:
        if problem.field.startswith(f"{field}.") or problem.field.startswith(f"{field}["):
            _repair(result, _parts(problem.field[len(field) :]), problem)
    return result


def follows(field: str, problems: Iterable[Problem]) -> bool:
    """Whether a problem at `field` may be a mere consequence of one of these: what was left out is missed now."""
    return any(field == known.field or field.startswith((f"{known.field}.", f"{known.field}[")) for known in problems)


def _parts(field: str) -> list[str]:
    return [name or key for name, key in _PART.findall(field)]


def _repair(value: Any, parts: list[str], problem: Problem) -> None:
    *above, last = parts
    for part in above:
        value = _child(value, part)
    if isinstance(value, list) and last.isdigit() and int(last) < len(value):
        value[int(last)] = _as_text(value[int(last)], problem)
    elif isinstance(value, dict) and last in value:
        found = value.pop(last)
        text = _as_text(found, problem)
        meant = _meant(last, problem)
        if text is not None:
            value[last] = text
        elif meant and value.get(meant) is None:
            value[meant] = found


def _child(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return None


def _as_text(value: Any, problem: Problem) -> str | None:
    is_scalar = isinstance(value, bool | int | float)
    return str(value) if is_scalar and problem.message == "must be of type string" else None


def _meant(name: str, problem: Problem) -> str:
    """The field that the remedy of an unknown one proposes in its place."""
    proposed = re.fullmatch(r'did you mean "([A-Za-z]+)"\?', problem.remedy)
    return proposed[1] if proposed and problem.message == NO_SUCH_FIELD and nearest(name, [proposed[1]]) else ""
