"""Strategic merge patch of built-in kinds."""

from typing import Any

import pytest

from zenflow.local.apiserver.patches.strategic import merge
from zenflow.local.apiserver.schemas.builtin import type_of
from zenflow.runtime.errors import ServerFault

_POD = type_of("", "v1", "Pod")


def _pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}}


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        pytest.param(
            _pod({"name": "a", "image": "1"}, {"name": "b"}),
            _pod({"name": "a", "image": "2"}),
            _pod({"name": "a", "image": "2"}, {"name": "b"}),
            id="containers are merged by name",
        ),
        pytest.param(
            _pod({"name": "a", "env": [{"name": "X", "value": "1"}]}),
            _pod({"name": "a", "env": [{"name": "Y", "value": "2"}]}),
            _pod({"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}),
            id="so is their environment, what the patch names first",
        ),
        pytest.param(
            _pod({"name": "a", "command": ["x", "y"]}),
            _pod({"name": "a", "command": ["z"]}),
            _pod({"name": "a", "command": ["z"]}),
            id="a command is replaced",
        ),
        pytest.param(
            _pod({"name": "a"}, {"name": "b"}),
            _pod({"name": "a", "$patch": "delete"}),
            _pod({"name": "b"}),
            id="an entry is deleted by its key",
        ),
        pytest.param(
            _pod({"name": "a"}, {"name": "b"}),
            _pod({"$patch": "replace"}, {"name": "c"}),
            _pod({"name": "c"}),
            id="a list is replaced when asked",
        ),
        pytest.param(
            _pod(nodeSelector={"x": "1", "y": "2"}),
            _pod(nodeSelector={"x": None, "z": "3"}),
            _pod(nodeSelector={"y": "2", "z": "3"}),
            id="maps are merged, null deletes",
        ),
        pytest.param(
            _pod(nodeSelector={"x": "1"}),
            _pod(nodeSelector={"y": "2", "$patch": "replace"}),
            _pod(nodeSelector={"y": "2"}),
            id="a map is replaced when asked",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a/b"]}},
            {"metadata": {"finalizers": ["a/b", "c/d"]}},
            {"metadata": {"finalizers": ["a/b", "c/d"]}},
            id="a list of names is a set",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a/b", "c/d"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/b"]}},
            {"metadata": {"finalizers": ["c/d"]}},
            id="and is deleted from by value",
        ),
        pytest.param(
            _pod({"name": "a"}, {"name": "b"}),
            {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}},
            _pod({"name": "b"}, {"name": "a"}),
            id="an order is kept",
        ),
        pytest.param(
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
            {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}},
            {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}},
            id="one of several sources is exchanged",
        ),
    ],
)
def test_patches(target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each directive and each kind of list."""
    assert merge(_POD, target, patch) == expected


def test_an_entry_without_its_key_is_refused() -> None:
    """There is nothing to merge it with."""
    with pytest.raises(ServerFault, match=r"map\[image:x\] does not contain declared merge key: name"):
        merge(_POD, _pod({"name": "a"}), _pod({"image": "x"}))
