"""What a flow sees of the others of its concurrency group, from caches that are filled by hand."""

import json
from typing import Any

import pytest

from tests.support.children import job_metadata, pod_metadata
from tests.support.clock import VirtualClock
from zenflow.api.names import ANNOTATION_GROUP, job_name
from zenflow.controller.app import informers
from zenflow.controller.caches import Caches
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.memory import Memory
from zenflow.controller.objects import FlowRecord
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import Provenance, Starts
from zenflow.controller.rivals import Rivals
from zenflow.dag.snapshot import Rival

GROUP = {"concurrencyPolicy": "Forbid", "concurrencyGroup": "nightly"}
REPLACE = {**GROUP, "concurrencyPolicy": "Replace"}
STEP = {"name": "a", "template": {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}}


class Group:
    """The flow `ours`, beside whatever a test puts in."""

    def __init__(self) -> None:
        (self.flows,), (self.jobs,), (self.pods,) = informers()
        caches = Caches(self.flows.cache, self.jobs.cache, self.pods.cache)
        starts = Starts(caches, Memory(), ParsedFlows(), Provenance(VirtualClock()))
        gate = GroupGate(caches, lambda key: None, starts.is_evident)
        self.flows.add_handler(gate.flow_changed)
        self.jobs.add_handler(gate.job_changed)
        self._rivals = Rivals(caches, ParsedFlows(), gate)
        self.flow("ours")

    def flow(self, name: str, *, policy: Any = None, steps: Any = None, **parts: Any) -> None:
        meta = {"creationTimestamp": "2026-01-01T00:00:00Z", **parts.pop("metadata", {})}
        spec = {"steps": steps or [STEP], "executionPolicy": policy or GROUP, **parts.pop("spec", {})}
        self._add(self.flows, name, meta, {"spec": spec, **parts})

    def job(self, flow: str, *, kind: str = "JobFlow", **parts: Any) -> None:
        made = job_metadata(flow, f"uid-{flow}", annotations=IN_GROUP)
        made["ownerReferences"][0]["kind"] = kind
        self._add(self.jobs, made.pop("name"), made, parts)

    def pod(self, flow: str, phase: str, **metadata: Any) -> None:
        job = job_metadata(flow, f"uid-{flow}")
        made = {**pod_metadata(job, f"uid-{job['name']}", annotations=IN_GROUP), **metadata}
        self._add(self.pods, made.pop("name"), made, {"status": {"phase": phase}})

    def leftovers(self) -> tuple[str, ...]:
        return self._rivals.leftovers(self._ours())

    def rivals(self) -> tuple[Rival, ...]:
        return self._rivals.of(self._ours())

    def rival(self) -> Rival:
        [rival] = self.rivals()
        return rival

    def _ours(self) -> FlowRecord:
        return next(record for record in self.flows.cache.values() if record.metadata.name == "ours")

    @staticmethod
    def _add(informer: Any, name: str, metadata: dict[str, Any], parts: dict[str, Any]) -> None:
        meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1", **metadata}
        new = informer.decode(json.dumps({"metadata": meta, **parts}).encode())
        informer.replace([*informer.cache.values(), new], "1")


def job_of(flow: str) -> str:
    return job_name(flow, f"uid-{flow}", "a", 1)


IN_GROUP = {ANNOTATION_GROUP: "nightly"}
FAILED = {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
ENDED = {"status": {"phase": "Failed", "startTime": "2026-01-01T00:00:00Z"}}
DELETED = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:09Z"}}


def test_a_job_of_a_deleted_flow_is_left_whatever_the_name_of_that_flow() -> None:
    """Its group stands on the Job."""
    group = Group()
    group.job("gone")
    assert group.leftovers() == (f"Job {job_of('gone')}",)


@pytest.mark.parametrize("state", [ENDED, DELETED], ids=["ended", "being deleted"])
def test_a_job_of_a_flow_that_does_not_speak_for_itself_is_left(state: dict[str, Any]) -> None:
    group = Group()
    group.flow("other", **state)
    group.job("other")
    assert group.leftovers() == (f"Job {job_of('other')}",)


def test_what_is_finished_or_of_a_flow_that_runs_is_not_left() -> None:
    """A flow that runs is a rival."""
    group = Group()
    group.job("gone", **FAILED)
    group.flow("other", status={"phase": "Running", "startTime": "2026-01-01T00:00:00Z"})
    group.job("other")
    assert group.leftovers() == ()
    assert group.rival().has_started


def test_a_job_that_no_flow_controls_is_nobodys_business() -> None:
    """Whatever its labels say."""
    group = Group()
    group.job("gone", kind="Workflow")
    assert group.leftovers() == ()


@pytest.mark.parametrize(("phase", "left"), [("Running", (f"Pod {job_of('gone')}-x",)), ("Failed", ())])
def test_a_pod_outlives_its_job(phase: str, left: tuple[str, ...]) -> None:
    """Until its containers have ended."""
    group = Group()
    group.pod("gone", phase)
    assert group.leftovers() == left


@pytest.mark.parametrize(
    "owners",
    [
        pytest.param([], id="without an owner"),
        pytest.param(pod_metadata({"name": "any", "labels": {}}, "u")["ownerReferences"], id="of some other Job"),
    ],
)
def test_a_pod_that_is_of_no_attempt_keeps_nobody_waiting(owners: list[Any]) -> None:
    """Whoever may create Pods writes labels and annotations as they like."""
    group = Group()
    group.pod("gone", "Running", ownerReferences=owners)
    assert group.leftovers() == ()


def test_a_pod_is_not_looked_at_while_its_job_is_there() -> None:
    """A Job that is finished has seen to its Pods."""
    group = Group()
    group.job("gone", **FAILED)
    group.pod("gone", "Running")
    assert group.leftovers() == ()


def test_a_flow_has_started_when_a_job_of_it_is_there() -> None:
    """A crash may have kept its start from its status."""
    group = Group()
    group.flow("other")
    assert not group.rival().has_started
    group.job("other")
    assert group.rival().has_started


LATER = {"metadata": {"creationTimestamp": "2026-01-01T00:00:05Z"}}


@pytest.mark.parametrize(
    ("parts", "is_seen"),
    [
        ({"policy": REPLACE}, True),
        ({"policy": REPLACE, "spec": {"suspend": True}}, False),
        ({"policy": REPLACE, "steps": [{**STEP, "dependencies": ["a"]}]}, False),
    ],
    ids=["valid", "suspended", "invalid"],
)
def test_a_newcomer_that_will_not_start_is_not_seen(parts: dict[str, Any], is_seen: bool) -> None:
    """It replaces nobody."""
    group = Group()
    group.flow("other", **parts, **LATER)
    assert [rival.name for rival in group.rivals()] == ["other"] * is_seen


def test_an_invalid_flow_of_the_same_second_is_known_for_what_it_is() -> None:
    """It may stand before one that has started, and replaces nobody all the same."""
    group = Group()
    group.flow("other", policy=REPLACE, steps=[{**STEP, "dependencies": ["a"]}])
    assert group.rival().is_invalid


def test_a_flow_looks_at_three_others_at_most() -> None:
    """The one before it in line, the oldest that runs, and the youngest that replaces; however many there are."""
    group = Group()
    for number in range(20):
        created = {"metadata": {"creationTimestamp": f"2025-12-31T00:00:{number:02}Z"}}
        newer = {"metadata": {"creationTimestamp": f"2026-01-02T00:00:{number:02}Z"}}
        group.flow(f"runs-{number}", **created, status={"phase": "Running", "startTime": "2025-12-31T00:00:00Z"})
        group.flow(f"waits-{number}", **created)
        group.flow(f"ended-{number}", **created, **ENDED)
        group.flow(f"replaces-{number}", policy=REPLACE, **newer)
    assert [rival.name for rival in group.rivals()] == ["waits-19", "runs-0", "replaces-19"]


def test_only_the_first_in_line_looks_for_what_is_left() -> None:
    """Whoever stands behind another waits for that one."""
    group = Group()
    group.job("gone")
    assert group.leftovers() == (f"Job {job_of('gone')}",)
    group.flow("older", metadata={"creationTimestamp": "2025-12-31T00:00:00Z"})
    assert group.leftovers() == ()
