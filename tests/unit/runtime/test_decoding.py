"""Bytes become values or one error, whatever they are."""

import json
from typing import Any

import msgspec
import pytest

from zenflow.runtime.decoding import DEEPEST, containers, decode, shallow
from zenflow.runtime.errors import Undecodable

# Deeper than any decoder here can go; an API server takes 10,000 levels.
DEEP = b'{"a":' * 9_000 + b"1" + b"}" * 9_000

_decode_dict = msgspec.json.Decoder(dict[str, Any]).decode


def raises(error: Exception) -> Any:
    def decoder(body: bytes) -> object:
        raise error

    return decoder


@pytest.mark.parametrize(
    "error",
    [RecursionError("deep"), MemoryError(), ValueError("4300 digits"), OverflowError(), KeyError("x"), TypeError()],
)
def test_whatever_a_decoder_raises_is_one_error(error: Exception) -> None:
    """Which then costs one object, and not the process."""
    with pytest.raises(Undecodable):
        decode(raises(error), b"{}", "Thing")


def test_what_is_nested_too_deep_is_left_out() -> None:
    """The object around it is read; nothing that is read lies so deep."""
    found = decode(_decode_dict, b'{"deep":' + DEEP + b',"name":"x"}', "Thing")
    assert found["name"] == "x"
    levels = 0
    inner: Any = found["deep"]
    while inner is not None:
        inner, levels = inner["a"], levels + 1
    assert levels == DEEPEST - 1


def test_what_can_be_decoded_whole_is_not_cut() -> None:
    """Deep, but not too deep."""
    body = b'{"a":' * 500 + b"1" + b"}" * 500
    assert msgspec.json.encode(decode(_decode_dict, body, "Thing")) == body


def test_the_error_names_what_was_read_and_quotes_little_of_it() -> None:
    """It goes into a log; the object may be of any size."""
    with pytest.raises(Undecodable) as caught:
        decode(raises(ValueError("x" * 1_000_000)), b"", "Pod")
    assert str(caught.value).startswith("Pod is unreadable: xxx")
    assert len(str(caught.value)) < 300


def test_a_decoder_may_say_what_remains() -> None:
    """Then that is not lost on the way."""
    with pytest.raises(Undecodable) as caught:
        decode(raises(Undecodable("half", remains=7)), b"", "Pod")
    assert caught.value.remains == 7


def test_brackets_within_strings_are_none() -> None:
    """Nor are quotes that are escaped."""
    body = json.dumps({"a": {'b"]}[{\\': ["]", "\\", {"c": 1}]}}).encode()
    assert json.loads(shallow(body, 2)) == {"a": {'b"]}[{\\': None}}
    assert [body[start:end] for start, end in containers(body, 4)] == [b'{"c": 1}']


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_shallow_keeps_so_many_levels(levels: int) -> None:
    """Of arrays and objects alike; what is no container stays at every level."""

    def cut(value: Any, left: int) -> Any:
        if not isinstance(value, dict | list):
            return value
        if left == 0:
            return None
        if isinstance(value, list):
            return [cut(each, left - 1) for each in value]
        return {key: cut(each, left - 1) for key, each in value.items()}

    whole = {"a": [1, [2, {"x": 3}], {}], "b": {"c": {"d": {"e": [1]}}}, "f": "[]"}
    assert json.loads(shallow(json.dumps(whole).encode(), levels)) == cut(whole, levels)


@pytest.mark.parametrize("body", [b"", b'"', b'{"a', b'{"a":"\\', b"]]]", b"[" * 100_000, b'"\\"' * 1_000 + b"{"])
def test_text_that_is_no_json_is_an_error_and_no_more(body: bytes) -> None:
    """Cut off anywhere; every bracket open."""
    with pytest.raises(Undecodable):
        decode(_decode_dict, body, "Thing")
    assert isinstance(shallow(body), bytes)
