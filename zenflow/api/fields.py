"""Fields a JobFlow does not have: what the API server would drop, and what is nearly always a slip of the pen.

kubectl refuses them (`--validate=strict`, its default); stored objects never have any. So `zenflow lint` asks here, and
`validation` does not.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from zenflow.api import crd
from zenflow.api.problems import Problem, Reason, path, quote

_schema = cache(crd.schema)


def unknown(obj: Mapping[str, Any]) -> Iterator[Problem]:
    """Every field that the schema does not know. Metadata and the inside of templates are not looked at."""
    known = _schema()["properties"]
    for key in obj:
        if key not in known:
            yield _problem("", key, known)
    for key in ("spec", "status"):
        yield from _unknown(obj.get(key), known[key], key)


def _unknown(value: Any, schema: Mapping[str, Any], field: str) -> Iterator[Problem]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        for key, child in value.items():
            if key in known:
                yield from _unknown(child, known[key], path(field, key))
            else:
                yield _problem(field, key, known)
    elif isinstance(value, list) and "items" in schema:
        for i, child in enumerate(value):
            yield from _unknown(child, schema["items"], path(field, i))


def _problem(field: str, key: str, known: Mapping[str, Any]) -> Problem:
    close = difflib.get_close_matches(key, known, n=1)
    remedy = f"did you mean {quote(close[0])}?" if close else "remove it"
    return Problem(path(field, key), "", "there is no such field", remedy, Reason.FORBIDDEN)
