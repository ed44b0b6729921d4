"""What two servers must have in common in an answer: everything but what each makes up for itself."""

import re
from typing import Any

import msgspec

from tests.conformance.requests import is_json
from zenflow.runtime.transport import Request, Response

Object = dict[str, Any]

# Made by each server on its own: identities, counters, times, and bookkeeping of field managers.
_OWN = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink", "continue")
# The same where a message quotes them.
_OWN_IN_TEXT = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"(?<!as \")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(ResourceVersion in (?:the precondition|record)) \(\d+\)"), r"\1 (VERSION)"),
)
# Put into every namespace by the controller manager, at its own time.
_FOREIGN = ("kube-root-ca.crt",)


def shape(request: Request, response: Response) -> Object:
    """The answer without what is each server's own."""
    if not is_json(response):
        return {"status": response.status, "text": response.body.decode(errors="replace").strip()}
    return {"status": response.status, "body": _in_order(normalize(msgspec.json.decode(response.body)))}


def _in_order(body: Any) -> Any:
    """Go's maps have no order, so neither have the complaints about their entries; the message only lists them."""
    causes = (body.get("details") or {}).get("causes") if isinstance(body, dict) else None
    if not causes or body.get("reason") != "Invalid":
        return body
    ordered = sorted(({**cause, "message": _sorted_value(cause["message"])} for cause in causes), key=_by_field)
    head, separator, _ = body["message"].partition(" is invalid: ")
    return {**body, "message": head + separator, "details": {**body["details"], "causes": ordered}}


def _by_field(cause: Object) -> tuple[str, str, str]:
    return cause.get("field", ""), cause.get("reason", ""), cause["message"]


def _sorted_value(message: str) -> str:
    """A quoted object with its fields in the order of their names."""
    matched = re.fullmatch(r"(Invalid value: )(\{.*\})(: .*)", message, re.S)
    if matched is None:
        return message
    try:
        value = msgspec.json.decode(matched[2])
    except msgspec.DecodeError:
        return message
    return matched[1] + msgspec.json.encode(_on_the_wire(value), order="deterministic").decode() + matched[3]


def _on_the_wire(value: Any) -> Any:
    """Some are quoted in the internal version, whose names begin with a capital and whose empty fields are shown."""
    if isinstance(value, list):
        return [_on_the_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {name[:1].lower() + name[1:]: _on_the_wire(item) for name, item in value.items()}
    return {name: item for name, item in renamed.items() if item not in (None, [], {}, "", False)}


def normalize(value: Any) -> Any:
    """The same for a decoded object, list, Status or part of them."""
    if isinstance(value, list):
        return [normalize(item) for item in value if not _is_foreign(item)]
    if isinstance(value, str):
        return _normalize_text(value)
    if not isinstance(value, dict):
        return value
    result = {key: normalize(item) for key, item in value.items() if key not in _OWN}
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and "generateName" in metadata:
        return _replaced(result, metadata["name"], f"{metadata['generateName']}*")
    return result


def _normalize_text(text: str) -> str:
    for pattern, replacement in _OWN_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _replaced(value: Any, old: str, new: str) -> Any:
    """A generated name stands in the metadata and, for a Job, in labels too."""
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return new if value == old else value


def event(line: bytes) -> Object | None:
    """A watch event without what is the server's own; None for bookmarks and what others wrote."""
    decoded = msgspec.json.decode(line)
    if decoded["type"] == "BOOKMARK" or _is_foreign(decoded["object"]):
        return None
    return {"type": decoded["type"], "object": normalize(decoded["object"])}


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two normalized answers differ: `path: real != embedded`, one a line."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for index, (a, b) in pairs for line in differences(a, b, f"{path}[{index}]")]
    return [] if one == other else [f"{path}: {one!r} != {other!r}"]


def _is_foreign(item: Any) -> bool:
    return isinstance(item, dict) and item.get("metadata", {}).get("name") in _FOREIGN
