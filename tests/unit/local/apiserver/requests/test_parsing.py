"""From bodies to objects."""

import pytest

from zenflow.local.apiserver.errors.json_errors import explain
from zenflow.local.apiserver.kinds.catalog import PODS
from zenflow.local.apiserver.requests import parsing
from zenflow.runtime.errors import ApiError, BadRequest


def test_whole_numbers_are_integers_however_written() -> None:
    """As Go writes them back."""
    assert parsing.decode_json(b'{"a": 2.0, "b": 1e3, "c": 1.5}') == {"a": 2, "b": 1000, "c": 1.5}


def test_repeated_fields_are_found_at_any_depth() -> None:
    """By path."""
    assert parsing.duplicate_fields(b'{"a": 1, "b": [{"c": 1, "c": 2}], "a": 2}') == ["a", "b[0].c"]


def test_yaml_bodies_are_read() -> None:
    """As `kubectl --validate=false` and apply send them."""
    decoded = parsing.parse_object(PODS, b"kind: Pod\nspec: {nodeName: x}", "application/yaml")
    assert decoded["spec"] == {"nodeName": "x"}


def test_times_in_yaml_are_texts() -> None:
    """As kubectl sends them on, and not as another program's way of writing times."""
    assert parsing.parse_yaml(b"t: 2024-01-01T00:00:00Z\nd: 2024-01-01") == {
        "t": "2024-01-01T00:00:00Z",
        "d": "2024-01-01",
    }


@pytest.mark.parametrize(
    ("body", "content_type", "code"), [(b"{}", "text/plain", 415), (b"a: [", "application/yaml", 400)]
)
def test_other_bodies_are_refused(body: bytes, content_type: str, code: int) -> None:
    """415 for formats, 400 for content."""
    with pytest.raises(ApiError) as refused:
        parsing.parse_object(PODS, body, content_type)
    assert refused.value.status == code


def test_deep_nesting_is_refused() -> None:
    """It never reaches the stack's end."""
    with pytest.raises(BadRequest):
        parsing.parse_object(PODS, b'{"a":' * 100_000, "application/json")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"a"', "unexpected end of JSON input"),
        (b'{"a', "unexpected end of JSON input"),
        (b"{a", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b"[1 2]", "invalid character '2' after object key:value pair or array element"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b"nope", "invalid character 'n' looking for beginning of value"),
        (b"\xff", "invalid UTF-8"),
    ],
)
def test_bad_json_is_explained_as_go_does(body: bytes, told: str) -> None:
    """So that the message is the one people know."""
    assert explain(body) == told
