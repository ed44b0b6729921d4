"""Every known field, of the right type."""

from typing import Any

import pytest

from zenflow.local.apiserver.kinds.catalog import JOBS, LEASES, PODS, SECRETS
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas import decoding


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


def test_a_null_among_texts_is_an_empty_one() -> None:
    """`data: {A: null}`, as Go reads it."""
    assert decoding.typed(SECRETS, {"stringData": {"A": None}}, [])["stringData"] == {"A": ""}


def test_empty_scalars_are_absent_where_go_leaves_them_out() -> None:
    """But not where the field is a pointer: `suspend: false` is said."""
    decoded = decoding.typed(JOBS, {"spec": {"suspend": False, "template": {"spec": {"hostNetwork": False}}}}, [])
    assert decoded["spec"] == {"suspend": False, "template": {"spec": {}}}
