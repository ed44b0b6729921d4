"""What admission costs the API server: CPU seconds of its process, beside the same object with no policies of ours.

The same custom resource in a group of its own has our schema and none of our policies. (A ConfigMap of the size would
be no measure: a custom resource of 20,000 annotations costs three times as much whatever its admission.)
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.e2e.target import CRDS, Target
from tests.support.rawapi import RawApi, Refused
from tests.support.waiting import eventually

pytestmark = [pytest.mark.audited, pytest.mark.proves("security.admission-cost")]
OURS, BARE = "workflow.zen.io", "bare.zenflow.test"
ROUNDS = 3
GATES = [{"name": f"s{i}", "type": "Manual"} for i in range(2000)]
MANY = {f"{i:04x}": "" for i in range(20_000)}
ANSWER = {"approved.workflow.zen.io/s0": "true"}


@dataclass(frozen=True)
class Meter:
    """Of one kube-apiserver."""

    api: RawApi
    pid: int

    def cost(self, *requests: Callable[[], object]) -> tuple[float, ...]:
        """CPU seconds of each, summed over rounds in which they take turns: what else happens falls on all alike."""
        spent = [0.0] * len(requests)
        for _ in range(ROUNDS):
            for i, request in enumerate(requests):
                before = self._seconds()
                request()
                spent[i] += self._seconds() - before
        return tuple(spent)

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def create(self, group: str, annotations: dict[str, str], steps: list[Any], query: str = "?dryRun=All") -> None:
        metadata = {"name": "costly", "annotations": annotations}
        spec = {"suspend": True, "steps": steps}
        obj = {"apiVersion": f"{group}/v1alpha1", "kind": "JobFlow", "metadata": metadata, "spec": spec}
        self.api.request("POST", f"{path(group)}{query}", json.dumps(obj).encode())


def path(group: str) -> str:
    return f"/apis/{group}/v1alpha1/namespaces/default/jobflows"


@pytest.fixture(scope="module")
def meter(target: Target, control_plane: ControlPlane) -> Iterator[Meter]:
    (server,) = (daemon for daemon in control_plane.sandbox.daemons if daemon.name == "kube-apiserver")
    definition = yaml.safe_load(next(CRDS.glob("*.yaml")).read_text().replace(OURS, BARE))
    names = definition["spec"]["names"]
    definition["spec"]["names"] = {
        key: names[key] for key in ("kind", "plural", "singular", "listKind") if key in names
    }
    target.kubectl.run("apply", "--server-side", "--filename=-", stdin=json.dumps(definition))
    target.kubectl.run("wait", "--for=condition=Established", f"crd/jobflows.{BARE}", "--timeout=30s")
    meter = Meter(RawApi(control_plane.kubeconfig()), server.pid)

    def is_served() -> bool:
        with suppress(Refused):
            meter.create(BARE, {}, GATES[:1])
            return True
        return False

    eventually(is_served, within=30, what="the definition without policies is served")
    yield meter
    target.kubectl.run("delete", "crd", f"jobflows.{BARE}")


def wide(steps: int, dependencies: int) -> list[dict[str, Any]]:
    template = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}}}
    return [
        {"name": f"s{i}", "dependencies": [f"s{j}" for j in range(max(0, i - dependencies), i)], "template": template}
        for i in range(steps)
    ]


@pytest.mark.parametrize(
    ("annotations", "steps"),
    [
        (MANY, GATES[:1]),
        ({**MANY, **ANSWER}, GATES[:1]),
        ({}, GATES),
        ({}, wide(2000, 40)),
    ],
    ids=["20,000 annotations", "one of them an answer", "2,000 gates", "2,000 steps of 40 dependencies"],
)
def test_admission_at_most_doubles_what_a_flow_costs(
    meter: Meter, annotations: dict[str, str], steps: list[Any]
) -> None:
    """With as much of everything as a tenant can send."""
    ours, bare = meter.cost(*(lambda group=group: meter.create(group, annotations, steps) for group in (OURS, BARE)))
    assert ours <= 2 * bare, f"{ours / ROUNDS:.2f} s with policies, {bare / ROUNDS:.2f} s without"


def test_every_gate_of_the_largest_flow_can_be_answered_at_once(meter: Meter) -> None:
    """By either key, within the budget that the API server gives a policy."""
    for prefix in ("approved.workflow.zen.io/", "workflow.zen.io/approved/"):
        meter.create(OURS, {f"{prefix}{gate['name']}": "true" for gate in GATES}, GATES)


def test_a_flow_of_many_annotations_can_still_be_answered(meter: Meter) -> None:
    """Its own author makes it dear for nobody else."""
    patch = json.dumps({"metadata": {"annotations": ANSWER}}).encode()

    def answer(group: str) -> None:
        meter.api.request(
            "PATCH", f"{path(group)}/costly?dryRun=All", patch, content_type="application/merge-patch+json"
        )

    try:
        for group in (OURS, BARE):
            meter.create(group, MANY, GATES[:1], query="")
        ours, bare = meter.cost(lambda: answer(OURS), lambda: answer(BARE))
        assert ours <= 2 * bare, f"{ours / ROUNDS:.2f} s with policies, {bare / ROUNDS:.2f} s without"
    finally:
        for group in (OURS, BARE):
            with suppress(Refused):
                meter.api.request("DELETE", f"{path(group)}/costly")
