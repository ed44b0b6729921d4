"""Manual steps on the command line."""

from typing import Any

import pytest

from zenflow.cli import approvals

FLOW: dict[str, Any] = {
    "metadata": {"name": "migration"},
    "spec": {
        "steps": [
            {"name": "backup", "template": {}},
            {"name": "check", "type": "Manual", "dependencies": ["backup"]},
            {"name": "go", "type": "Manual", "dependencies": ["check"]},
            {"name": "skipped", "type": "Manual", "when": "Never"},
        ]
    },
}


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ((), ("check", "go")),
        (("check",), ("go",)),
        (("migration/go",), ("check",)),
        (("other/go",), ("check", "go")),
        (("all",), ()),
    ],
)
def test_open_gates(wanted: tuple[str, ...], left: tuple[str, ...]) -> None:
    """A step is covered by its name, by flow and name, or by `all`; one that is skipped asks nobody."""
    assert approvals.open_gates(FLOW, wanted) == left


def test_an_approval_is_the_stored_annotation() -> None:
    """It is put beside other annotations, and the flow that was given stays as it was."""
    flow = {**FLOW, "metadata": {"name": "migration", "annotations": {"a": "b"}}}
    annotations = approvals.approved(flow, ("go",))["metadata"]["annotations"]
    assert annotations == {"a": "b", "approved.workflow.zen.io/go": "true"}
    assert flow["metadata"]["annotations"] == {"a": "b"}


def test_a_typing_error_is_told() -> None:
    """A name that is no Manual step is refused, and the sentence says which there are."""
    assert list(approvals.unknown([FLOW], ("chekc", "go"))) == [
        "--approve chekc: no such step; the Manual steps are migration/check, migration/go"
    ]
