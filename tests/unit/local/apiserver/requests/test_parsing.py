"""From bodies to typed objects."""

from typing import Any

import pytest

from zenflow.local import decoding
from zenflow.local.builtins import JOBS, LEASES, PODS, SECRETS
from zenflow.local.json_errors import explain
from zenflow.local.registry import ResourceType
from zenflow.runtime.errors import ApiError, BadRequest


def _job(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec}


def _pod(**container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("type_", "value", "told"),
    [
        (
            JOBS,
            _job(parallelism="a"),
            "json: cannot unmarshal string into Go struct field JobSpec.spec.parallelism of type int32",
        ),
        (
            JOBS,
            _job(parallelism=1.5),
            "json: cannot unmarshal number 1.5 into Go struct field JobSpec.spec.parallelism of type int32",
        ),
        (JOBS, _job(parallelism=2**31), "json: cannot unmarshal number 2147483648 into Go struct field"),
        (
            JOBS,
            _job(suspend="yes"),
            "json: cannot unmarshal string into Go struct field JobSpec.spec.suspend of type bool",
        ),
        (
            JOBS,
            _job(template=[]),
            "json: cannot unmarshal array into Go struct field JobSpec.spec.template of type v1.PodTemplateSpec",
        ),
        (PODS, _pod(name=1), "Go struct field Container.spec.containers.name of type string"),
        (PODS, _pod(command="sh"), "Go struct field Container.spec.containers.command of type []string"),
        (
            PODS,
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels",
        ),
        (PODS, _pod(resources={"limits": {"cpu": "much"}}), "quantities must match the regular expression"),
        (SECRETS, {"data": {"a": "?"}}, "illegal base64 data"),
        (LEASES, {"spec": {"renewTime": "now"}}, 'parsing time "now"'),
    ],
)
def test_wrong_types_are_told_as_go_tells_them(type_: ResourceType, value: dict[str, Any], told: str) -> None:
    """People search for these sentences."""
    with pytest.raises(decoding.WrongType) as wrong:
        decoding.typed(type_, value, [])
    assert told in str(wrong.value)


def test_unknown_fields_are_dropped_and_told() -> None:
    """With their paths, indexes included, in the order of the document."""
    unknown: list[str] = []
    value = {"spec": {"containers": [{"name": "a", "imag": "b"}], "restart": "Never"}, "x": 1}
    decoded = decoding.typed(PODS, value, unknown)
    assert decoded["spec"] == {"containers": [{"name": "a"}]}
    assert unknown == ["spec.containers[0].imag", "spec.restart", "x"]


def test_null_and_empty_mean_absent() -> None:
    """But an empty object says something."""
    volumes = [{"name": "v", "emptyDir": {}}]
    value = {"metadata": {"labels": {}, "annotations": None}, "spec": {"containers": [], "volumes": volumes}}
    assert decoding.typed(PODS, value, []) == {"metadata": {}, "spec": {"volumes": volumes}}


def test_numbers_become_quantities() -> None:
    """`cpu: 1` is the same as `cpu: "1"`."""
    decoded = decoding.typed(PODS, _pod(resources={"limits": {"cpu": 1}}), [])
    assert decoded["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1"}}


def test_whole_numbers_are_integers_however_written() -> None:
    """As Go writes them back."""
    assert decoding.decode_json(b'{"a": 2.0, "b": 1e3, "c": 1.5}') == {"a": 2, "b": 1000, "c": 1.5}


def test_repeated_fields_are_found_at_any_depth() -> None:
    """By path."""
    assert decoding.duplicate_fields(b'{"a": 1, "b": [{"c": 1, "c": 2}], "a": 2}') == ["a", "b[0].c"]


def test_yaml_bodies_are_read() -> None:
    """As `kubectl --validate=false` and apply send them."""
    decoded = decoding.parse_object(PODS, b"kind: Pod\nspec: {nodeName: x}", "application/yaml")
    assert decoded["spec"] == {"nodeName": "x"}


@pytest.mark.parametrize(
    ("body", "content_type", "code"), [(b"{}", "text/plain", 415), (b"a: [", "application/yaml", 400)]
)
def test_other_bodies_are_refused(body: bytes, content_type: str, code: int) -> None:
    """415 for formats, 400 for content."""
    with pytest.raises(ApiError) as refused:
        decoding.parse_object(PODS, body, content_type)
    assert refused.value.status == code


def test_deep_nesting_is_refused() -> None:
    """It never reaches the stack's end."""
    with pytest.raises(BadRequest):
        decoding.parse_object(PODS, b'{"a":' * 100_000, "application/json")


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
