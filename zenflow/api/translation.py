"""From pydantic's errors to Problems in Kubernetes' words.

Knows shapes and bounds, nothing about what a JobFlow means.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from zenflow.api import durations, formats
from zenflow.api.problems import Problem, Reason, path, quote

Detail = Mapping[str, Any]

_LITERALS = {"integer": r"[-+]?\d{1,20}", "number": r"[-+]?\d{1,20}(\.\d{1,20})?", "boolean": "true|false"}

_FORMS = {
    "string": "write text",
    "integer": "write a whole number",
    "number": "write a number",
    "boolean": "write true or false",
    "array": "write a list",
    "object": "write a mapping of names to values",
}


def translate(error: ValidationError, prefix: str) -> Iterator[Problem]:
    """Every error as a Problem whose field starts with `prefix`."""
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # It has items, and each bad one has its own error.
        # pydantic names the key of a mapping by an extra "[key]".
        field = path(prefix, *(part for part in detail["loc"] if part != "[key]"))
        shape = _SHAPES.get(detail["type"], _other)
        yield shape(field, cast(Detail, detail))


def of_type(field: str, value: Any, expected: str) -> Problem:
    """The Problem of a value that has another JSON type than `expected`."""
    return Problem(field, quote(value), f"must be of type {expected}", _type_remedy(field, value, expected))


def _type_remedy(field: str, value: Any, expected: str) -> str:
    match value, expected:
        case bool() | int() | float(), "string":
            return _duration(quote(value)) if field.endswith(".duration") else f'write it in quotes: "{quote(value)}"'
        case str(), "integer" | "number" | "boolean":
            return _unquoted(field, value, expected)
        case _:
            return _FORMS[expected]


def _duration(number: str) -> str:
    """A number without its unit was most likely meant as seconds."""
    written = f"{number}s"
    return f'write it with a unit: "{written}"' if formats.DURATION.matches(written) else formats.DURATION.remedy


def _unquoted(field: str, text: str, expected: str) -> str:
    """What to write instead of a text: the same without quotes only where that is what is wanted."""
    if not text.strip():
        return "write a value"
    if re.fullmatch(_LITERALS[expected], text.strip()):
        return "write it without quotes"
    if expected == "integer" and field.endswith("Seconds") and len(text) <= 64 and formats.DURATION.matches(text):
        return f"write the seconds as a number: {math.ceil(durations.parse(text).total_seconds())}"
    return _FORMS[expected]


def _type(expected: str) -> Callable[[str, Detail], Problem]:
    return lambda field, detail: of_type(field, detail["input"], expected)


def _missing(field: str, detail: Detail) -> Problem:
    return Problem(field, "", "", f"add {field.rpartition('.')[2]}", Reason.REQUIRED)


def _enum(field: str, detail: Detail) -> Problem:
    known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
    return unsupported(field, detail["input"], *known)


def unsupported(field: str, value: Any, *known: str) -> Problem:
    """The Problem of a value that is not one of those known, in the API server's very words."""
    return Problem(
        field, quote(value), "", f"supported values: {', '.join(map(quote, sorted(known)))}", Reason.UNSUPPORTED
    )


def _minimum(field: str, detail: Detail) -> Problem:
    return Problem(
        field, quote(detail["input"]), "", f"should be greater than or equal to {_number(detail['ctx']['ge'])}"
    )


def _maximum(field: str, detail: Detail) -> Problem:
    return Problem(field, quote(detail["input"]), "", f"should be less than or equal to {_number(detail['ctx']['le'])}")


def _not_finite(field: str, detail: Detail) -> Problem:
    return Problem(field, quote(str(detail["input"])), "", "must be a finite number")


def _too_many(field: str, detail: Detail) -> Problem:
    size, limit = len(detail["input"]), detail["ctx"]["max_length"]
    return Problem(field, str(size), "", f"must have at most {limit} items", Reason.TOO_MANY)


def _too_few(field: str, detail: Detail) -> Problem:
    return Problem(
        field, str(len(detail["input"])), "", f"should have at least {detail['ctx']['min_length']} items; add one"
    )


def _too_long(field: str, detail: Detail) -> Problem:
    limit = detail["ctx"]["max_length"]
    return Problem(field, "", f"may not be more than {limit} bytes", f"it has {len(detail['input'])}", Reason.TOO_LONG)


def _pattern(field: str, detail: Detail) -> Problem:
    return of_format(field, detail["input"], formats.BY_PATTERN[detail["ctx"]["pattern"]])


def of_format(field: str, value: str, shape: formats.Format) -> Problem:
    """The Problem of a text that does not match its format."""
    return Problem(field, quote(value), "", shape.remedy)


def _other(field: str, detail: Detail) -> Problem:
    return Problem(field, quote(detail["input"]), detail["msg"][:1].lower() + detail["msg"][1:], "")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


_SHAPES: Mapping[str, Callable[[str, Detail], Problem]] = {
    "missing": _missing,
    "enum": _enum,
    "string_type": _type("string"),
    "int_type": _type("integer"),
    "float_type": _type("number"),
    "bool_type": _type("boolean"),
    "tuple_type": _type("array"),
    "dict_type": _type("object"),
    "mapping_type": _type("object"),
    "model_type": _type("object"),
    "greater_than_equal": _minimum,
    "less_than_equal": _maximum,
    "finite_number": _not_finite,
    "too_long": _too_many,
    "too_short": _too_few,
    "string_too_long": _too_long,
    "string_pattern_mismatch": _pattern,
}
