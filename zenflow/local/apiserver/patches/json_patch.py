"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386). Strategic merge patch has a room of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zenflow.local.apiserver.errors import refusals


def merge(target: Any, patch: Any) -> Any:
    """The target with a merge patch applied: objects are merged, null deletes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


class _Unfit(Exception):
    """An operation does not fit the document."""


def apply_operations(document: Any, operations: Any) -> Any:
    """The document (which may be changed) after all operations. Raises 400 (no patch) or 422 (does not fit)."""
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise refusals.bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        )
    try:
        for operation in operations:
            document = _apply(document, operation)
    except (_Unfit, KeyError, IndexError, TypeError, ValueError):
        raise refusals.rejected_patch() from None
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    run = _OPERATIONS.get(str(operation.get("op")))
    if run is None:
        raise _Unfit
    return run(document, operation)


def _tokens(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise _Unfit
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _resolve(document: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        document = document[_index(document, token)] if isinstance(document, list) else document[token]
    return document


def _index(array: list[Any], token: str) -> int:
    index = int(token)
    if str(index) != token or not 0 <= index < len(array):
        raise _Unfit
    return index


def _add(document: Any, operation: Mapping[str, Any]) -> Any:
    return _put(document, _tokens(operation["path"]), operation["value"])


def _put(document: Any, tokens: Sequence[str], value: Any) -> Any:
    if not tokens:
        return value
    parent, last = _resolve(document, tokens[:-1]), tokens[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" or int(last) == len(parent) else _index(parent, last), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _Unfit
    return document


def _remove(document: Any, operation: Mapping[str, Any]) -> Any:
    tokens = _tokens(operation["path"])
    if not tokens:
        raise _Unfit
    parent, last = _resolve(document, tokens[:-1]), tokens[-1]
    del parent[_index(parent, last) if isinstance(parent, list) else last]
    return document


def _replace(document: Any, operation: Mapping[str, Any]) -> Any:
    tokens = _tokens(operation["path"])
    if not tokens:
        return operation["value"]
    _resolve(document, tokens)
    parent, last = _resolve(document, tokens[:-1]), tokens[-1]
    parent[_index(parent, last) if isinstance(parent, list) else last] = operation["value"]
    return document


def _move(document: Any, operation: Mapping[str, Any]) -> Any:
    value = _resolve(document, _tokens(operation["from"]))
    document = _remove(document, {"path": operation["from"]})
    return _put(document, _tokens(operation["path"]), value)


def _copy(document: Any, operation: Mapping[str, Any]) -> Any:
    value = _resolve(document, _tokens(operation["from"]))
    return _put(document, _tokens(operation["path"]), copied(value))


def copied(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _test(document: Any, operation: Mapping[str, Any]) -> Any:
    if _resolve(document, _tokens(operation["path"])) != operation["value"]:
        raise _Unfit
    return document


_OPERATIONS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
