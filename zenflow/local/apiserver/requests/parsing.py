"""From the body of a request to an object: well-formed, of the right kind, every known field of the right type.

What Go's decoder does for the built-in types is done here by their schema: unknown fields are dropped (and
reported, as `fieldValidation` wants), nulls mean absent, wrong types are refused. For custom resources only
`metadata` is typed here; the rest is the schema's business.
"""

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import yaml

from zenflow.local import refusals
from zenflow.local.builtin_schema import Node, node_of, object_meta
from zenflow.local.json_errors import explain
from zenflow.local.registry import ResourceType
from zenflow.runtime.errors import BadRequest, Cause

BODY_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_QUANTITY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkKMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")
_EXACT_INTEGERS = 2**53
"""Up to here a float names one integer."""
_TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
"""What Go's decoder calls the part of an object that says what it is."""
_SHOWN = 30
"""Bytes of an unreadable body that are shown."""
_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


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


def parse_yaml(body: bytes) -> Any:
    """Raises 400. Aliases are refused: a small body must not become a huge object."""
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body)):
            raise refusals.bad_request("yaml: aliases are not accepted")
        return json.loads(json.dumps(yaml.safe_load(body), default=str))
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
            f"json parse error: json: cannot unmarshal {_json_type(value)} into Go value of type {_TYPE_META} "
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
            f"json parse error: json: cannot unmarshal {_json_type(value)} into Go value"
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


class WrongType(Exception):
    """A value is not of its field's type; the message is that of Go's decoder."""


def typed(type_: ResourceType, value: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    """The object with only known fields of known types; paths of unknown ones are added to `unknown`.

    Raises WrongType.
    """
    if type_.custom:
        metadata = _Decoder(unknown, "metadata").value(object_meta(), value.get("metadata") or {}, "")
        return {**value, "metadata": metadata}
    decoded: dict[str, Any] = _Decoder(unknown).value(node_of(type_.group, type_.version, type_.kind), value, "")
    decoded.setdefault("metadata", {})
    return decoded


class _Decoder:
    """One walk over a value and its type. `path` is the field's, with indexes; Go's messages have them stripped."""

    def __init__(self, unknown: list[str], root: str = "") -> None:
        self._unknown = unknown
        self._root = root

    def value(self, node: Node, value: Any, path: str, owner: Node | None = None) -> Any:
        return _DECODERS[node.kind](self, node, value, path, owner or node)

    def object(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, _go_type(node))
        decoded = {}
        properties = node.properties
        for name, item in value.items():
            child = properties.get(name)
            at = f"{path}.{name}" if path else name
            if child is None:
                self._unknown.append(f"{self._root}.{at}" if self._root else at)
            elif item is not None:
                decoded[name] = self.value(child, item, at, node)
        return _without_empty(decoded, properties)

    def map(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, "map[string]string")
        items = node.items
        if items.kind == "string":
            for item in value.values():
                if type(item) is not str:
                    raise self._mismatch(item, path, owner, "string")
            return value
        return {name: self.value(items, item, f"{path}[{name}]", owner) for name, item in value.items()}

    def array(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if not isinstance(value, list):
            raise self._mismatch(value, path, owner, f"[]{_go_type(node.items)}")
        items = node.items
        return [self.value(items, item, f"{path}[{index}]", owner) for index, item in enumerate(value)]

    def string(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if type(value) is not str:
            raise self._mismatch(value, path, owner, "string")
        return value

    def boolean(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if type(value) is not bool:
            raise self._mismatch(value, path, owner, "bool")
        return value

    def integer(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        limit = _INTEGER_LIMITS.get(node.format, 2**63)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise self._mismatch(value, path, owner, node.format or "int64")
        return value

    def number(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if type(value) not in (int, float):
            raise self._mismatch(value, path, owner, "float64")
        return value

    def bytes(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        text = self.string(node, value, path, owner)
        try:
            b64decode(text, validate=True)
        except binascii.Error:
            raise WrongType("illegal base64 data at input byte 0") from None
        return text

    def time(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        text = self.string(node, value, path, owner)
        try:
            if text:
                datetime.fromisoformat(text)
        except ValueError:
            raise WrongType(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from None
        return text

    def quantity(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        text = str(value) if type(value) in (int, float) else value
        if type(text) is not str or not _QUANTITY.fullmatch(text):
            expected = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            raise WrongType(f"quantities must match the regular expression {expected}")
        return text

    def int_or_string(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        if type(value) not in (int, str):
            raise self._mismatch(value, path, owner, "int32")
        return value

    def anything(self, node: Node, value: Any, path: str, owner: Node) -> Any:
        return value

    def _mismatch(self, value: Any, path: str, owner: Node, expected: str) -> WrongType:
        found = f"number {value}" if type(value) in (int, float) and expected.startswith("int") else _json_type(value)
        plain = re.sub(r"\[[^]]*\]", "", path)
        return WrongType(
            f"json: cannot unmarshal {found} into Go struct field {owner.struct}.{plain} of type {expected}"
        )


_DECODERS: Mapping[str, Callable[[_Decoder, Node, Any, str, Node], Any]] = {
    "object": _Decoder.object,
    "map": _Decoder.map,
    "array": _Decoder.array,
    "string": _Decoder.string,
    "boolean": _Decoder.boolean,
    "integer": _Decoder.integer,
    "number": _Decoder.number,
    "bytes": _Decoder.bytes,
    "time": _Decoder.time,
    "quantity": _Decoder.quantity,
    "int-or-string": _Decoder.int_or_string,
    "anything": _Decoder.anything,
}


def _go_type(node: Node) -> str:
    """The type's name in Go, as far as messages show it."""
    return f"v1.{node.struct}" if node.kind == "object" else node.format or node.kind


def _without_empty(decoded: dict[str, Any], properties: Mapping[str, Node]) -> dict[str, Any]:
    """Empty lists and maps are absent ones (`omitempty`); an empty object (`emptyDir: {}`) says something."""
    if all(decoded.values()):
        return decoded
    return {
        name: item
        for name, item in decoded.items()
        if item or not (isinstance(item, list) or (isinstance(item, dict) and properties[name].kind == "map"))
    }


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


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
