"""What happens to a custom resource before it is validated: unknown fields go, defaults come."""

from typing import Any

import msgspec

from zenflow.local.apiserver.schemas.builtin import object_meta
from zenflow.local.apiserver.schemas.structural import MISSING, Schema

_ROOT_FIELDS = ("apiVersion", "kind", "metadata")


def prune(schema: Schema, decoded: dict[str, Any], unknown: list[str]) -> None:
    """Remove from a whole object what its schema does not know; the paths are added to `unknown`."""
    _prune_object(schema, decoded, "", unknown, resource=True)


def _prune(schema: Schema, value: Any, path: str, unknown: list[str]) -> None:
    if isinstance(value, dict):
        _prune_object(schema, value, path, unknown, resource=schema.embedded)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            _prune(schema.items, item, f"{path}[{index}]", unknown)


def _prune_object(schema: Schema, value: dict[str, Any], path: str, unknown: list[str], *, resource: bool) -> None:
    removed = []
    below = f"{path}." if path else ""
    for name, item in value.items():
        at = f"{below}{name}"
        if resource and name in _ROOT_FIELDS:
            if name == "metadata" and path and isinstance(item, dict):
                _prune_metadata(item, at, unknown)
            continue
        child = schema.properties.get(name) or schema.additional
        if child is not None:
            if isinstance(item, (dict, list)):
                _prune(child, item, at, unknown)
        elif not schema.preserve:
            removed.append(name)
            unknown.append(at)
    for name in removed:
        del value[name]


def _prune_metadata(metadata: dict[str, Any], path: str, unknown: list[str]) -> None:
    """The metadata of an embedded object knows the fields of ObjectMeta."""
    for name in [name for name in metadata if name not in object_meta().properties]:
        del metadata[name]
        unknown.append(f"{path}.{name}")


def apply_defaults(schema: Schema, value: Any) -> None:
    """Give absent fields their defaults, at every depth; a null where null is not allowed counts as absent."""
    if isinstance(value, list):
        if schema.items is not None and schema.items.has_defaults:
            for item in value:
                apply_defaults(schema.items, item)
    elif isinstance(value, dict):
        _default_fields(schema, value)
        if schema.additional is not None:
            for name in value.keys() - schema.properties.keys():
                apply_defaults(schema.additional, value[name])


def _default_fields(schema: Schema, value: dict[str, Any]) -> None:
    for name, child in schema.defaulted:
        if child.default is not MISSING and _is_absent(value, name, child):
            value[name] = _fresh(child.default)
        if name in value:
            apply_defaults(child, value[name])


def _is_absent(value: dict[str, Any], name: str, child: Schema) -> bool:
    return name not in value or (value[name] is None and not child.nullable)


def _fresh(default: Any) -> Any:
    """A copy that nobody else changes."""
    return msgspec.json.decode(msgspec.json.encode(default)) if isinstance(default, (dict, list)) else default
