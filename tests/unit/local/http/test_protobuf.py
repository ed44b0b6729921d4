"""Request bodies in protobuf, as typed Go clients send them."""

import json
from typing import Any

import pytest

from tests.support.embedded import CONFIG_MAPS
from tests.support.http_api import HttpApi, decoded
from zenflow.local.http.protobuf import MEDIA_TYPE, Malformed, to_json
from zenflow.runtime.transport import Request

Field = tuple[int, "int | str | bytes | list[Field]"]


def wire(*fields: Field) -> bytes:
    """A message, from its fields: numbers, texts, bytes and messages."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value % 2**64)
    data = wire(*value) if isinstance(value, list) else value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def body(api_version: str, kind: str, *fields: Field) -> bytes:
    return b"k8s\x00" + wire((1, [(1, api_version), (2, kind)]), (2, list(fields)), (3, ""), (4, ""))


def read(api_version: str, kind: str, *fields: Field) -> dict[str, Any]:
    """The decoded object without its type."""
    found = json.loads(to_json(body(api_version, kind, *fields)) or b"")
    assert (found.pop("apiVersion"), found.pop("kind")) == (api_version, kind)
    return dict(found)


# Numbers from k8s.io/api: PodSpec and JobSpec are too big to be read without them.
METADATA, DATA, BINARY_DATA = 1, 2, 3
NAME, CREATED, LABELS = 1, 8, 11


def test_a_config_map_as_kubectl_creates_it() -> None:
    """Maps of text, maps of bytes (base64 in JSON), and no field that Go wrote only because it is no pointer."""
    metadata: list[Field] = [(NAME, "cm"), (2, ""), (7, 0), (CREATED, []), (LABELS, [(1, "k"), (2, "v")])]
    fields: list[Field] = [
        (METADATA, metadata),
        (DATA, [(1, "a"), (2, "1")]),
        (DATA, [(1, "b"), (2, "")]),
        (BINARY_DATA, [(1, "c"), (2, b"\xff\x00")]),
    ]
    assert read("v1", "ConfigMap", *fields) == {
        "metadata": {"name": "cm", "labels": {"k": "v"}},
        "data": {"a": "1", "b": ""},
        "binaryData": {"c": "/wA="},
    }


def test_a_pointer_to_zero_is_kept() -> None:
    """`backoffLimit: 0` and `suspend: false` are not the same as nothing."""
    spec: list[Field] = [(7, 0), (10, 0), (3, 2**64 - 1)]
    assert read("batch/v1", "Job", (1, [(NAME, "j")]), (2, spec))["spec"] == {
        "backoffLimit": 0,
        "suspend": False,
        "activeDeadlineSeconds": -1,
    }


def test_inlined_and_empty_messages_and_unions_are_as_json_has_them() -> None:
    """A volume's source stands beside its name, an emptyDir is empty, a port is a number or a name."""
    volume: list[Field] = [(1, "v"), (2, [(2, [])])]
    http_get: list[Field] = [(1, "/"), (2, [(1, 1), (2, 0), (3, "web")])]
    probe: list[Field] = [(1, [(2, http_get)]), (2, 3)]
    resources: list[Field] = [(2, [(1, "cpu"), (2, [(1, "100m")])])]
    container: list[Field] = [(1, "c"), (2, "i"), (3, "sh"), (3, "-c"), (8, resources), (10, probe)]
    spec = read("v1", "Pod", (2, [(1, volume), (2, container), (3, "Never")]))["spec"]
    assert spec == {
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [
            {
                "name": "c",
                "image": "i",
                "command": ["sh", "-c"],
                "resources": {"requests": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "web"}, "initialDelaySeconds": 3},
            }
        ],
        "restartPolicy": "Never",
    }


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "time"),
    [(1_767_225_600, 0, "2026-01-01T00:00:00Z"), (1_767_225_600, 5_000_000, "2026-01-01T00:00:00.005000Z")],
)
def test_times_are_rfc_3339(seconds: int, nanoseconds: int, time: str) -> None:
    """In UTC; fractions only where there are any."""
    parts: list[Field] = [(1, seconds), (2, nanoseconds)]
    assert read("coordination.k8s.io/v1", "Lease", (2, [(4, parts)]))["spec"] == {"renewTime": time}


@pytest.mark.parametrize("api_version", ["v1", "batch/v1", "apiextensions.k8s.io/v1"])
def test_delete_options_belong_to_every_group(api_version: str) -> None:
    """Even to those whose resources are not read here."""
    options = read(api_version, "DeleteOptions", (2, [(1, "uid-1")]), (4, "Foreground"), (5, "All"))
    assert options == {"preconditions": {"uid": "uid-1"}, "propagationPolicy": "Foreground", "dryRun": ["All"]}


def test_fields_of_a_newer_kubernetes_are_passed_over() -> None:
    """Of every wire type."""
    later = _varint(999 << 3 | 1) + bytes(8) + _varint(998 << 3 | 5) + bytes(4) + wire((997, 1), (996, "x"))
    message = b"k8s\x00" + wire((1, [(1, "v1"), (2, "ConfigMap")]), (2, later + wire((DATA, [(1, "a"), (2, "1")]))))
    assert json.loads(to_json(message) or b"")["data"] == {"a": "1"}


def test_a_kind_that_is_not_known_is_none() -> None:
    """The API server refuses the media type then."""
    assert to_json(body("example.com/v1", "Widget")) is None


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"{}",
        b"k8s\x00",
        body("v1", "ConfigMap", (METADATA, "no message"))[:-3],
        body("v1", "ConfigMap", (METADATA, 7)),
        body("v1", "ConfigMap", (METADATA, [(NAME, b"\xff")])),
        body("batch/v1", "Job", (2, [(7, "text")])),
        body("coordination.k8s.io/v1", "Lease", (2, [(4, [(1, 2**62)])])),
        b"k8s\x00" + b"\xff" * 11,
        b"k8s\x00\x0b",
    ],
)
def test_what_is_no_protobuf_is_malformed(malformed: bytes) -> None:
    """Cut short, of the wrong type, out of range: never another exception, never half an object."""
    with pytest.raises(Malformed):
        to_json(malformed)


def test_the_api_server_stores_what_protobuf_said() -> None:
    """Through the gateway, where requests come in."""
    api = HttpApi()
    request = Request("POST", CONFIG_MAPS, (), body("v1", "ConfigMap", (METADATA, [(NAME, "b")])), MEDIA_TYPE)
    assert api.gateway.send(request, "admin").status == 201
    assert decoded(api.get(f"{CONFIG_MAPS}/b"))["metadata"]["name"] == "b"


@pytest.mark.parametrize(("content", "status"), [(b"nonsense", 400), (body("v1", "Widget"), 415)])
def test_a_body_that_cannot_be_read_is_refused(content: bytes, status: int) -> None:
    """400 for what is no protobuf, 415 for a kind that is read in JSON only."""
    assert HttpApi().gateway.send(Request("POST", CONFIG_MAPS, (), content, MEDIA_TYPE), "admin").status == status
