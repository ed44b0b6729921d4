"""What is refused before anything is run."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from zenflow.cli import plan

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}}},
}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "data"}}


def flow(name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """A JobFlow of these steps."""
    spec = {"steps": list(steps) or [{"name": "s", "template": JOB}]}
    return {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": {"name": name}, "spec": spec}


def made(folder: Path, *documents: dict[str, Any], approve: tuple[str, ...] = (), can_ask: bool = False) -> plan.Plan:
    """The plan for one file of these documents."""
    file = folder / "flow.yaml"
    file.write_text("\n---\n".join(map(json.dumps, documents)))
    return plan.make([file], frozenset(approve), can_ask=can_ask, stdin=io.BytesIO())


def test_flows_and_what_stands_beside_them(tmp_path: Path) -> None:
    """Other objects are kept apart, to be there before the flows; each knows its namespace."""
    found = made(tmp_path, flow("a"), SETTINGS, flow("b"))
    assert [item.obj["metadata"]["name"] for item in found.flows] == ["a", "b"]
    assert [item.namespace for item in found.others] == ["data"]
    assert not found.asks


def test_every_problem_of_every_file_is_told(tmp_path: Path) -> None:
    """One bad file hides no other, and each sentence names its file."""
    files = [tmp_path / "missing.yaml", tmp_path / "bad.yaml"]
    files[1].write_text(json.dumps(flow("a", {"name": "x"}, {"name": "y", "template": JOB, "timeout": 3})))
    with pytest.raises(plan.Refused) as refused:
        plan.make(files, frozenset(), can_ask=False, stdin=io.BytesIO())
    missing, template, unknown = refused.value.sentences
    assert missing.startswith(f"{files[0]}: there is no such file")
    assert template.startswith(f"{files[1]}:1: spec.steps[0].template: Required value")
    assert "spec.steps[1].timeout" in unknown


def test_a_file_without_a_flow_is_refused(tmp_path: Path) -> None:
    """It would end at once with success, having done nothing."""
    with pytest.raises(plan.Refused, match="no JobFlow in"):
        made(tmp_path, SETTINGS)


def test_a_manual_step_needs_a_person_or_a_flag(tmp_path: Path) -> None:
    """Without either the run is refused at its start, not after the backup."""
    gated = flow("a", {"name": "s", "template": JOB}, {"name": "ok", "type": "Manual", "dependencies": ["s"]})
    with pytest.raises(plan.Refused, match="--approve ok"):
        made(tmp_path, gated)
    assert made(tmp_path, gated, can_ask=True).asks
    approved = made(tmp_path, gated, approve=("ok",))
    assert not approved.asks
    assert approved.flows[0].obj["metadata"]["annotations"] == {"approved.workflow.zen.io/ok": "true"}
