"""JSON patch and JSON merge patch, by the examples of their RFCs."""

from typing import Any

import pytest

from zenflow.local.apiserver.patches.json_patch import apply_operations, copied, merge
from zenflow.runtime.errors import BadRequest, Invalid


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1], {"a": "b"}, {"a": "b"}),
    ],
)
def test_merge_patch(target: Any, patch: Any, expected: Any) -> None:
    """RFC 7386, appendix A. The target is left as it was."""
    before = copied(target)
    assert merge(target, patch) == expected
    assert target == before


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/c", "value": 1}, {"a": [1, 2], "b": {"x/y": 1}, "c": 1}),
        ({"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2], "b": {"x/y": 1}}),
        ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9], "b": {"x/y": 1}}),
        ({"op": "remove", "path": "/b/x~1y"}, {"a": [1, 2], "b": {}}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2], "b": {"x/y": 1}}),
        ({"op": "replace", "path": "/a/0", "value": None}, {"a": [None, 2], "b": {"x/y": 1}}),
        ({"op": "move", "from": "/b/x~1y", "path": "/c"}, {"a": [1, 2], "b": {}, "c": 1}),
        ({"op": "copy", "from": "/a", "path": "/c"}, {"a": [1, 2], "b": {"x/y": 1}, "c": [1, 2]}),
        ({"op": "test", "path": "/a/1", "value": 2}, {"a": [1, 2], "b": {"x/y": 1}}),
        ({"op": "replace", "path": "", "value": {}}, {}),
    ],
)
def test_json_patch(operation: dict[str, Any], expected: Any) -> None:
    """RFC 6902, each operation."""
    assert apply_operations({"a": [1, 2], "b": {"x/y": 1}}, [operation]) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a/0", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/missing/deep", "value": 1},
        {"op": "add", "path": "/a/7", "value": 1},
        {"op": "add", "path": "/a/01", "value": 1},
        {"op": "add", "path": "/s/x", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/b"},
        {"op": "remove", "path": ""},
        {"op": "conjure", "path": "/a"},
    ],
)
def test_an_operation_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    """422: the patch is one, but not for this object."""
    with pytest.raises(Invalid):
        apply_operations({"a": [1, 2], "s": "text"}, [operation])


@pytest.mark.parametrize("patch", [{"op": "add"}, ["add"], None])
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    """400."""
    with pytest.raises(BadRequest):
        apply_operations({}, patch)
