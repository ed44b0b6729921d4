"""What a change of a Pod may not do."""

from typing import Any

import pytest

from zenflow.local.apiserver.kinds.pod_update import problems

_TOLERATION = {"key": "a", "operator": "Exists", "tolerationSeconds": 5}


def _spec(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "one"}], **fields}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({}, {"containers": [{"name": "main", "image": "two"}]}, id="another image"),
        pytest.param({}, {"activeDeadlineSeconds": 5}, id="a first deadline"),
        pytest.param({"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 4}, id="an earlier one"),
        pytest.param({}, {"tolerations": [_TOLERATION]}, id="a new toleration"),
        pytest.param(
            {"tolerations": [_TOLERATION]}, {"tolerations": [{**_TOLERATION, "tolerationSeconds": 9}]}, id="its seconds"
        ),
        pytest.param({"schedulingGates": [{"name": "a"}]}, {}, id="a gate opened"),
        pytest.param(
            {"schedulingGates": [{"name": "a"}]},
            {"schedulingGates": [{"name": "a"}], "nodeSelector": {"x": "y"}},
            id="a selector while gated",
        ),
        pytest.param(
            {"terminationGracePeriodSeconds": -1}, {"terminationGracePeriodSeconds": 1}, id="a grace that was negative"
        ),
    ],
)
def test_what_may_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Little."""
    assert problems(_spec(**new), _spec(**old)) == []


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        pytest.param({}, {"containers": []}, "spec.containers", id="fewer containers"),
        pytest.param({}, {"nodeName": "other"}, "spec", id="the node"),
        pytest.param({}, {"nodeSelector": {"x": "y"}}, "spec", id="a selector without a gate"),
        pytest.param({"activeDeadlineSeconds": 5}, {}, "spec.activeDeadlineSeconds", id="no deadline any more"),
        pytest.param(
            {"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 6}, "spec.activeDeadlineSeconds", id="a later one"
        ),
        pytest.param({}, {"activeDeadlineSeconds": -1}, "spec.activeDeadlineSeconds", id="a negative one"),
        pytest.param({"tolerations": [_TOLERATION]}, {}, "spec.tolerations", id="a toleration less"),
        pytest.param({}, {"schedulingGates": [{"name": "a"}]}, "spec.schedulingGates[0].name", id="a new gate"),
        pytest.param(
            {"schedulingGates": [{"name": "a"}], "nodeSelector": {"x": "y"}},
            {"schedulingGates": [{"name": "a"}]},
            "spec.nodeSelector",
            id="a wider selector",
        ),
    ],
)
def test_what_may_not(old: dict[str, Any], new: dict[str, Any], field: str) -> None:
    """Nearly everything."""
    assert [cause.field for cause in problems(_spec(**new), _spec(**old))] == [field]
