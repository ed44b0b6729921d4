"""From the body of a request to an object: well-formed, and of the right kind."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.errors.json_errors import explain
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas.decoding import json_type
from zenflow.runtime.errors import BadRequest, Cause

BODY_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_EXACT_INTEGERS = 2**53
"""Up to here a float names one integer."""
_TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
"""What Go's decoder calls the part of an object that says what it is."""
_SHOWN = 30
"""Bytes of an unreadable body that are shown."""


def media_type(content_type: str) -> str:
    """The content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def parse_body(body: bytes, content_type: str) -> Any:
    """The value in a JSON or YAML body. Raises 400 and 415."""
    kind = media_type(content_type)
    if kind not in ("", *BODY_TYPES[:2]):
        raise refusals.unsupported_media_type(BODY_TYPES)
    return parse_yaml(body) if kind == "application/yaml" else parse_json(body)


def parse_json(body: bytes) -> Any:
    """Raises 400."""
    try:
        return decode_json(body)
    except NotJson as wrong:
        raise refusals.bad_request(f"couldn't get version/kind; json parse error: {wrong}") from None


class NotJson(Exception):
    """A body that can't be read; the message says why."""


def decode_json(body: bytes) -> Any:
    """The value; whole numbers are integers however they are written. Raises NotJson."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson(explain(body)) from None


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT_INTEGERS else value


_DECODER = msgspec.json.Decoder(float_hook=_number)


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it, as far as times go: they are texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(body: bytes) -> Any:
    """Raises 400. Aliases are refused: a small body must not become a huge object."""
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body)):
            raise refusals.bad_request("yaml: aliases are not accepted")
        return json.loads(json.dumps(yaml.load(body, Loader=_Loader), default=str))
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        raise refusals.bad_request(f"error decoding YAML: {wrong}") from None


def parse_object(type_: ResourceType, body: bytes, content_type: str) -> dict[str, Any]:
    """The object in a body, its apiVersion and kind those of `type_`. Raises 400 and 415."""
    try:
        value = parse_body(body, content_type)
    except BadRequest as wrong:
        raise refusals.bad_request(
            f"the object provided is unrecognized (must be of type {type_.kind}): {wrong.message} ({_beginning(body)})"
        ) from None
    if not isinstance(value, dict):
        raise refusals.bad_request(
            f"the object provided is unrecognized (must be of type {type_.kind}): couldn't get version/kind; "
            f"json parse error: json: cannot unmarshal {json_type(value)} into Go value of type {_TYPE_META} "
            f"({_beginning(body)})"
        )
    return as_kind(type_, value)


def _beginning(body: bytes) -> str:
    """Enough of a body to recognize it by: text if it looks like an object, otherwise hexadecimal."""
    if not body:
        return "<empty>"
    shown = body[:_SHOWN].decode(errors="replace") if body.startswith(b"{") else body[:_SHOWN].hex()
    return f"{shown} ..." if len(body) > _SHOWN else shown


def as_kind(type_: ResourceType, value: Any) -> dict[str, Any]:
    """Check that a value is an object of this kind, and say so in it. Built-in kinds may leave their type out."""
    if not isinstance(value, dict):
        raise refusals.bad_request(
            f"the object provided is unrecognized (must be of type {type_.kind}): couldn't get version/kind; "
            f"json parse error: json: cannot unmarshal {json_type(value)} into Go value"
        )
    api_version, kind = value.get("apiVersion") or "", value.get("kind") or ""
    if type_.custom and not (api_version and kind):
        missing = "Kind" if not kind else "apiVersion"
        raise refusals.bad_request(
            f"the object provided is unrecognized (must be of type {type_.kind}): Object '{missing}' is missing"
        )
    if api_version not in ("", type_.api_version):
        raise refusals.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({type_.api_version})"
        )
    if kind not in ("", type_.kind):
        raise _wrong_kind(type_, str(kind), value)
    return {**value, "apiVersion": type_.api_version, "kind": type_.kind}


def _wrong_kind(type_: ResourceType, kind: str, value: Mapping[str, Any]) -> Exception:
    if type_.custom:
        name = (value.get("metadata") or {}).get("name", "")
        cause = Cause("FieldValueInvalid", f'Invalid value: "{kind}": must be {type_.kind}', "kind")
        return refusals.invalid_kind(type_.group, kind, name, [cause])
    return refusals.bad_request(
        f'{kind} in version "{type_.version}" cannot be handled as a {type_.kind}: '
        f'no kind "{kind}" is registered for version "{type_.api_version}"'
    )


class _Fields(dict[str, Any]):
    """An object of a JSON text, with the names that it gives more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs] if len(pairs) > len(self) else []
        self.repeated = [name for name in self if names.count(name) > 1]


def duplicate_fields(body: bytes) -> list[str]:
    """The paths of fields that a JSON body gives twice. Looked for only where the client asks for strictness."""
    try:
        return _duplicates(json.loads(body, object_pairs_hook=_Fields), "")
    except (ValueError, RecursionError):
        return []


def _duplicates(value: Any, path: str) -> list[str]:
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _duplicates(item, f"{path}[{index}]")]
    if not isinstance(value, _Fields):
        return []
    at = f"{path}." if path else ""
    inner = [found for name, item in value.items() for found in _duplicates(item, f"{at}{name}")]
    return [f"{at}{name}" for name in value.repeated] + inner
