"""Large flows on a real API server: refused where their status would not fit, and never hanging on it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import Target
from tests.support.kubectl import KubectlFailed
from tests.support.waiting import eventually

BINDING = "validatingadmissionpolicybinding/sizes.workflow.zen.io"


def padded(name: str, size: int, **spec: Any) -> dict[str, Any]:
    """A flow of one step whose container has a variable of so many bytes."""
    big = step("big")
    (main,) = big["template"]["spec"]["template"]["spec"]["containers"]
    main["env"] = [*main["env"], {"name": "PADDING", "value": "y" * size}]
    return flow(name, big, **spec)


@pytest.fixture
def without_size_rule(target: Target) -> Iterator[None]:
    """As where admission is off, down or bypassed."""
    kept = target.kubectl.run("get", BINDING, "--output=json")
    target.kubectl.run("delete", BINDING)

    def is_off() -> bool:
        try:
            dry_run(target, padded("probe", 1_440_000))
        except KubectlFailed:
            return False
        return True

    eventually(is_off, within=30, what="the rule is off", every=0.5)
    yield
    meta = {"name": json.loads(kept)["metadata"]["name"]}
    target.kubectl.apply({**json.loads(kept), "metadata": meta})
    eventually(lambda: not is_off(), within=30, what="the rule is on again", every=0.5)


def dry_run(target: Target, obj: dict[str, Any]) -> None:
    target.kubectl.run("create", "--dry-run=server", "--validate=false", "--filename=-", stdin=json.dumps(obj))


@pytest.mark.audited
@pytest.mark.parametrize("size", [1_440_000, 1_571_364])
def test_where_admission_is_off_a_flow_without_room_for_its_status_fails_and_says_so(
    target: Target, without_size_rule: None, size: int
) -> None:
    """Up to the last bytes that etcd takes; no Job was made."""
    name = f"brimful-{size}"
    overhead = len(json.dumps(padded("x", 0), separators=(",", ":"))) if size > 1_500_000 else 0
    target.submit(padded(name, size - overhead))
    outcome = target.finish(name, within=60)
    status = outcome.flow["status"]
    assert (status["phase"], status["conditions"][0]["reason"]) == ("Failed", "InvalidSpec")
    assert "bytes of status for each of its steps, 1, are more than the 1430000" in status["message"]
    assert target.kubectl.get("jobs", f"--selector=jobflow={name}")["items"] == []


@pytest.mark.audited
def test_a_flow_at_the_limit_runs_to_its_end_whatever_is_annotated(target: Target) -> None:
    """With 100 KB of annotations that came after its start."""
    name = "at-the-limit"
    room = 1_430_000 - 240 - len(json.dumps(padded(name, 0)["spec"], separators=(",", ":"))) - 200
    target.submit(padded(name, room, suspend=True))
    noise = {
        "metadata": {"annotations": {f"example.com/n{n}": "z" * 10_000 for n in range(10)}},
        "spec": {"suspend": False},
    }
    target.kubectl.run("patch", "jobflow", name, "--type=merge", "--patch-file=/dev/stdin", stdin=json.dumps(noise))
    outcome = target.finish(name)
    assert outcome.phase == "Succeeded"
    assert outcome.step("big")["phase"] == "Succeeded"


@pytest.mark.audited
def test_a_flow_of_too_many_values_fails_and_costs_nothing(target: Target) -> None:
    """No rule of the API server can count them; the controller does, without reading them into memory."""
    made = flow("values", step("a"), suspend=True)
    made["spec"]["steps"][0]["template"]["spec"]["x"] = [{}] * 400_000
    target.kubectl.run("create", "--validate=false", "--filename=-", stdin=json.dumps(made, separators=(",", ":")))
    outcome = target.finish("values")
    assert outcome.phase == "Failed"
    assert "must have at most 100000 values" in outcome.flow["status"]["message"]
