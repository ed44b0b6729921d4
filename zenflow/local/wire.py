"""How the local controllers write objects: RFC 3339 times in whole seconds, as Kubernetes has them."""

from datetime import datetime
from typing import Any

import msgspec


def patch_of(value: Any) -> bytes:
    """A merge patch as JSON. None removes a field, times are cut to seconds, structs become objects."""
    return msgspec.json.encode(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    if isinstance(value, msgspec.Struct):
        fields = msgspec.to_builtins(value, builtin_types=(datetime,))
        return {name: _plain(item) for name, item in fields.items() if item not in (None, "")}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
