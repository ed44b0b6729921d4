"""Request bodies in Kubernetes' protobuf, turned into JSON.

Typed Go clients write built-in resources in protobuf and don't fall back (`kubectl create configmap`, `kubectl create
job`), while every client reads JSON: so requests are decoded here, and nothing is ever encoded. Field numbers come
from `protobuf_fields.json`, written by tools/protobuf_fields.py, which describes its form.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_DELETE_OPTIONS = "meta/v1.DeleteOptions"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Wire = int | bytes
Fields = Mapping[str, tuple[str, str]]


class Malformed(ValueError):
    """The body is no Kubernetes protobuf."""


def to_json(body: bytes) -> bytes | None:
    """The object in a body as JSON, or None if its kind is not among those that are known. Raises Malformed."""
    if not body.startswith(_MAGIC):
        raise Malformed("the body does not begin as Kubernetes' protobuf does")
    try:
        # runtime.Unknown: 1 is the type, of which 1 is the apiVersion and 2 the kind; 2 is the object.
        envelope = dict(_fields(body[len(_MAGIC) :]))
        type_ = {number: _text(value) for number, value in _fields(_data(envelope[1]))}
        fields = _messages().get(_message_name(type_[1], type_[2]))
        if fields is None:
            return None
        return msgspec.json.encode({"apiVersion": type_[1], "kind": type_[2], **_message(fields, envelope.get(2, b""))})
    except (KeyError, IndexError, UnicodeDecodeError, msgspec.DecodeError, RecursionError) as wrong:
        raise Malformed(f"proto: {wrong}") from None


@cache
def _messages() -> Mapping[str, Fields]:
    content = files(__package__).joinpath("protobuf_fields.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, dict[str, tuple[str, str]]])


def _message_name(api_version: str, kind: str) -> str:
    """`core/v1.Pod` for v1 and Pod, `events/v1.Event` for events.k8s.io/v1; every group has DeleteOptions."""
    group, _, version = api_version.rpartition("/")
    return _DELETE_OPTIONS if kind == "DeleteOptions" else f"{group.split('.')[0] or 'core'}/{version}.{kind}"


def _message(fields: Fields, data: Wire) -> dict[str, Any]:
    """A message as a JSON object. Numbers that are not known are passed over, as protobuf wants it."""
    found: dict[str, Any] = {}
    for number, value in _fields(_data(data)):
        name, type_ = fields.get(str(number), ("", ""))
        if type_.startswith("[]"):
            found.setdefault(name, []).append(_value(type_[2:], value))
        elif type_.startswith("{}"):
            key, entry = _map_entry(type_[2:], value)
            found.setdefault(name, {})[key] = entry
        elif type_ and not name:
            found |= _value(type_, value)
        elif type_:
            _put(found, name, type_, value)
    return found


def _put(found: dict[str, Any], name: str, type_: str, value: Wire) -> None:
    """Go writes the zero value of each field that is no pointer: in JSON those are left out."""
    converted = _value(type_.removeprefix("*"), value)
    if type_.startswith("*") or converted not in ("", 0, None, {}):
        found[name] = converted


def _value(type_: str, value: Wire) -> Any:
    convert = _CONVERTERS.get(type_)
    return convert(value) if convert else _message(_messages()[type_], value)


def _map_entry(type_: str, value: Wire) -> tuple[str, Any]:
    entry = dict(_fields(_data(value)))
    return _text(entry.get(1, b"")), _value(type_, entry.get(2, b""))


def _data(value: Wire) -> bytes:
    if isinstance(value, int):
        raise Malformed("proto: a number where a message or text should be")
    return value


def _text(value: Wire) -> str:
    return _data(value).decode()


def _integer(value: Wire) -> int:
    """Two's complement of 64 bits."""
    if isinstance(value, bytes):
        raise Malformed("proto: text where a number should be")
    return value - 2**64 if value >= 2**63 else value


def _base64(value: Wire) -> str:
    return base64.b64encode(_data(value)).decode()


def _time(value: Wire) -> str | None:
    """Seconds and nanoseconds since 1970; an empty message is no time at all."""
    parts = dict(_fields(_data(value)))
    if not parts:
        return None
    try:
        at = datetime.fromtimestamp(_integer(parts.get(1, 0)), UTC)
    except (OverflowError, OSError, ValueError):
        raise Malformed("proto: a time out of range") from None
    fraction = _integer(parts.get(2, 0)) // 1000
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction:06}Z" if fraction else "Z")


def _quantity(value: Wire) -> str:
    return _text(dict(_fields(_data(value))).get(1, b"0"))


def _int_or_string(value: Wire) -> int | str:
    """1 says which of the two it is (1: a string), 2 is the number, 3 the string."""
    parts = dict(_fields(_data(value)))
    return _text(parts.get(3, b"")) if parts.get(1) == 1 else _integer(parts.get(2, 0))


def _json(value: Wire) -> Any:
    raw = dict(_fields(_data(value))).get(1, b"")
    return msgspec.json.decode(_data(raw)) if raw else None


_CONVERTERS: Mapping[str, Callable[[Wire], Any]] = {
    "string": _text,
    "bytes": _base64,
    "int": _integer,
    "bool": lambda value: _integer(value) != 0,
    "time": _time,
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "json": _json,
}


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    """The fields of a message as they stand on the wire."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag & 7 == _VARINT:
            number, position = _varint(data, position)
            yield tag >> 3, number
            continue
        length, position = _length(data, position, tag & 7)
        end = position + length
        if end > len(data):
            raise Malformed("proto: unexpected end of the body")
        yield tag >> 3, data[position:end]
        position = end


def _length(data: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """How many bytes a field has, and where they begin."""
    if wire_type == _BYTES:
        return _varint(data, position)
    if wire_type in (_FIXED64, _FIXED32):
        return (8 if wire_type == _FIXED64 else 4), position
    raise Malformed(f"proto: unknown wire type {wire_type}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven in a byte, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & (2**64 - 1), position
    raise Malformed("proto: a number is too long")
