"""Fields a JobFlow does not have: what the API server would drop, and what is nearly always a slip of the pen.

kubectl refuses them (`--validate=strict`, its default); stored objects never have any. So `zenflow lint` asks here, and
`validation` does not.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from zenflow.api import crd
from zenflow.api.problems import Problem, Reason, path, quote

NO_SUCH_FIELD = "there is no such field"

# No field of Kubernetes has a longer name.
_MAX_SHOWN = 80

_schema = cache(crd.schema)


def unknown(obj: Mapping[str, Any]) -> Iterator[Problem]:
    """Every field that the schema does not know. Metadata and the inside of templates are not looked at."""
    known = _schema()["properties"]
    for key in obj:
        if key not in known:
            yield unknown_field("", key, known)
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
                yield unknown_field(field, key, known)
    elif isinstance(value, list) and "items" in schema:
        for i, child in enumerate(value):
            yield from _unknown(child, schema["items"], path(field, i))


def unknown_field(field: str, key: str, known: Collection[str], *, elsewhere: str = "") -> Problem:
    """The Problem of a field that the object at `field` has not, with the nearest one that it has.

    `elsewhere` is the remedy where a field of this very name stands in another object.
    """
    shown = key if len(key) <= _MAX_SHOWN else f"{key[:_MAX_SHOWN]}…"
    close = "" if elsewhere else nearest(key, known)
    remedy = f"did you mean {quote(close)}?" if close else elsewhere or "remove it"
    return Problem(path(field, shown), "", NO_SUCH_FIELD, remedy, Reason.FORBIDDEN)


def nearest(key: str, known: Collection[str]) -> str:
    """The field that was most likely meant; the case of letters is the commonest slip, and decides first."""
    if len(key) > _MAX_SHOWN:
        return ""
    for name in known:
        if name.lower() == key.lower():
            return name
    close = difflib.get_close_matches(key, known, n=1)
    return close[0] if close else ""
