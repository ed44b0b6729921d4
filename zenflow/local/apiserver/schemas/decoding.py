"""Every known field of an object, of the right type.

What Go's decoder does for the built-in types is done here by their schema: unknown fields are dropped (and
reported, as `fieldValidation` wants), nulls mean absent, wrong types are refused. For custom resources only
`metadata` is typed here; the rest is the schema's business.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas.builtin import FieldType, object_meta, type_of
from zenflow.local.apiserver.schemas.quantities import canonical, is_quantity

_MICRO = re.compile(r".{10}T.{8}\.\d{6}(Z|[+-]\d\d:\d\d)")


_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


def is_time(text: str) -> bool:
    """Whether a text is a time as RFC 3339 has it."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class WrongType(Exception):
    """A value is not of its field's type; the message is that of Go's decoder."""


def _unparsable(text: str, rest: str, layout: str, expected: str) -> WrongType:
    return WrongType(f'parsing time {_quoted(text)} as "{layout}": cannot parse {_quoted(rest)} as "{expected}"')


def _quoted(text: str) -> str:
    """Go's package `time` escapes what is not ASCII."""
    escaped = "".join(chr(byte) if byte < 0x80 else f"\\x{byte:02x}" for byte in text.encode())
    return f'"{escaped}"'


def typed(type_: ResourceType, value: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    """The object with only known fields of known types; paths of unknown ones are added to `unknown`.

    Raises WrongType.
    """
    if type_.custom:
        metadata = _Decoder(unknown, "metadata").value(object_meta(), value.get("metadata") or {}, "")
        return {**value, "metadata": metadata}
    decoded: dict[str, Any] = _Decoder(unknown).value(type_of(type_.group, type_.version, type_.kind), value, "")
    decoded.setdefault("metadata", {})
    return decoded


class _Decoder:
    """One walk over a value and its type. `path` is the field's, with indexes; Go's messages have them stripped."""

    def __init__(self, unknown: list[str], root: str = "") -> None:
        self._unknown = unknown
        self._root = root

    def value(self, type_: FieldType, value: Any, path: str, owner: FieldType | None = None) -> Any:
        return _DECODERS[type_.kind](self, type_, value, path, owner or type_)

    def object(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, _go_type(type_))
        decoded = {}
        properties = type_.properties
        for name, item in value.items():
            child = properties.get(name)
            at = f"{path}.{name}" if path else name
            if child is None:
                self._unknown.append(f"{self._root}.{at}" if self._root else at)
            elif item is not None:
                decoded[name] = self.value(child, item, at, type_)
        return _without_empty(decoded, properties)

    def map(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, "map[string]string")
        items = type_.items
        if items.kind == "string":
            for item in value.values():
                if item is not None and type(item) is not str:
                    raise self._mismatch(item, path, owner, "string")
            # A null is an empty text, as to Go.
            return {name: item or "" for name, item in value.items()}
        return {name: self.value(items, item, f"{path}[{name}]", owner) for name, item in value.items()}

    def array(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if not isinstance(value, list):
            raise self._mismatch(value, path, owner, f"[]{_go_type(type_.items)}")
        items = type_.items
        return [self.value(items, item, f"{path}[{index}]", owner) for index, item in enumerate(value)]

    def string(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if type(value) is not str:
            raise self._mismatch(value, path, owner, "string")
        return value

    def boolean(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if type(value) is not bool:
            raise self._mismatch(value, path, owner, "bool")
        return value

    def integer(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        limit = _INTEGER_LIMITS.get(type_.format, 2**63)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise self._mismatch(value, path, owner, type_.format or "int64")
        return value

    def number(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if type(value) not in (int, float):
            raise self._mismatch(value, path, owner, "float64")
        return value

    def bytes(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        text = self.string(type_, value, path, owner)
        try:
            b64decode(text, validate=True)
        except binascii.Error:
            raise WrongType("illegal base64 data at input byte 0") from None
        return text

    def time(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        text = self.string(type_, value, path, owner)
        if text and not is_time(text):
            raise _unparsable(text, text, "2006-01-02T15:04:05Z07:00", "2006")
        return text

    def micro_time(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        """A time with six digits of the second, no more and no fewer."""
        text = self.string(type_, value, path, owner)
        if not is_time(text):
            raise _unparsable(text, text, "2006-01-02T15:04:05.000000Z07:00", "2006")
        if not _MICRO.fullmatch(text):
            raise _unparsable(text, text[19:], "2006-01-02T15:04:05.000000Z07:00", ".000000")
        return text

    def quantity(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        text = str(value) if type(value) in (int, float) else value
        if type(text) is not str or not is_quantity(text):
            expected = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            raise WrongType(f"quantities must match the regular expression {expected}")
        return canonical(text)

    def int_or_string(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        if type(value) not in (int, str):
            raise self._mismatch(value, path, owner, "int32")
        return value

    def anything(self, type_: FieldType, value: Any, path: str, owner: FieldType) -> Any:
        return value

    def _mismatch(self, value: Any, path: str, owner: FieldType, expected: str) -> WrongType:
        found = f"number {value}" if type(value) in (int, float) and expected.startswith("int") else json_type(value)
        plain = re.sub(r"\[[^]]*\]", "", path)
        return WrongType(
            f"json: cannot unmarshal {found} into Go struct field {owner.struct}.{plain} of type {expected}"
        )


_DECODERS: Mapping[str, Callable[[_Decoder, FieldType, Any, str, FieldType], Any]] = {
    "object": _Decoder.object,
    "map": _Decoder.map,
    "array": _Decoder.array,
    "string": _Decoder.string,
    "boolean": _Decoder.boolean,
    "integer": _Decoder.integer,
    "number": _Decoder.number,
    "bytes": _Decoder.bytes,
    "time": _Decoder.time,
    "micro-time": _Decoder.micro_time,
    "quantity": _Decoder.quantity,
    "int-or-string": _Decoder.int_or_string,
    "anything": _Decoder.anything,
}


def _go_type(type_: FieldType) -> str:
    """The type's name in Go, as far as messages show it."""
    return f"v1.{type_.struct}" if type_.kind == "object" else type_.format or type_.kind


def _without_empty(decoded: dict[str, Any], properties: Mapping[str, FieldType]) -> dict[str, Any]:
    """Empty lists, maps and most scalars are absent ones (`omitempty`); an empty object (`emptyDir: {}`) is not."""
    if all(decoded.values()):
        return decoded
    return {name: item for name, item in decoded.items() if item or not _is_left_out(item, properties[name])}


def _is_left_out(empty: Any, type_: FieldType) -> bool:
    if isinstance(empty, dict):
        return type_.kind == "map"
    return isinstance(empty, list) or type_.omit_empty


def json_type(value: Any) -> str:
    """What JSON calls the type of a value."""
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
