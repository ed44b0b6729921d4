"""Who may start in a concurrency group, and whom a change in it wakes; the caches are fed by hand."""

from typing import Any

import pytest

from tests.support.transport import event
from zenflow.api.names import ANNOTATION_GROUP, API_VERSION, LABEL_FLOW, LABEL_FLOW_UID
from zenflow.controller.app import informers
from zenflow.controller.caches import BY_OWNER, Caches
from zenflow.controller.group_gate import GroupGate, Neighbours
from zenflow.runtime.cache import Key

FIRST = "2026-01-01T12:00:00Z"
GONE_SOON = {"deletionTimestamp": "2026-01-01T13:00:00Z"}
STARTED = {"phase": "Running", "startTime": FIRST}
ENDED = {**STARTED, "phase": "Succeeded"}


class Group:
    """Flows `f0`, `f1`, ... of the group `nightly`, each created a second after the one before."""

    def __init__(self, flows: int = 0) -> None:
        (self.flows,), (self.jobs,), (self.pods,) = informers()
        self.woken: list[str] = []
        caches = Caches(self.flows.cache, self.jobs.cache, self.pods.cache)
        self.gate = GroupGate(
            caches, self._wake, lambda flow: bool(self.jobs.cache.by_index(BY_OWNER, flow.metadata.uid))
        )
        self.flows.add_handler(self.gate.flow_changed)
        self.jobs.add_handler(self.gate.job_changed)
        self.pods.add_handler(self.gate.pod_changed)
        self._version = 10
        for informer in (self.flows, self.jobs, self.pods):
            informer.replace([], "10")
        for number in range(flows):
            self.see(number)
        self.woken.clear()

    def see(self, number: int, type_: str = "MODIFIED", *, uid: str = "", **parts: Any) -> None:
        """The flow as a watch brings it."""
        meta = {"name": f"f{number}", "namespace": "default", "uid": uid or f"uid-{number}"}
        meta |= {"creationTimestamp": f"2026-01-01T12:{number // 60:02}:{number % 60:02}Z", **parts.pop("metadata", {})}
        policy = {"concurrencyGroup": parts.pop("group", "nightly"), "concurrencyPolicy": parts.pop("policy", "Forbid")}
        spec = {"steps": [], "executionPolicy": policy, "suspend": parts.pop("suspend", False)}
        self._feed(self.flows, type_, meta, {"spec": spec, "status": parts})

    def see_job(self, number: int, type_: str = "MODIFIED", *, label: str = "", **status: Any) -> None:
        owner = {
            "apiVersion": API_VERSION,
            "kind": "JobFlow",
            "name": f"f{number}",
            "uid": f"uid-{number}",
            "controller": True,
        }
        meta = {**marks(label or f"f{number}", number), "name": f"f{number}-job", "uid": f"uid-job-{number}"}
        self._feed(self.jobs, type_, {**meta, "ownerReferences": [{**owner, "controller": True}]}, {"status": status})

    def see_pod(self, number: int, phase: str) -> None:
        owner = {"kind": "Job", "name": f"f{number}-job", "uid": f"uid-job-{number}", "controller": True}
        meta = {**marks(f"f{number}", number), "name": f"f{number}-pod", "uid": f"uid-pod-{number}"}
        self._feed(self.pods, "MODIFIED", {**meta, "ownerReferences": [owner]}, {"status": {"phase": phase}})

    def enter(self, number: int, uid: str = "") -> bool:
        return self.gate.enter(Key("default", f"f{number}"), uid or f"uid-{number}")

    def leave(self, number: int) -> None:
        self.gate.leave(Key("default", f"f{number}"), f"uid-{number}")

    def neighbours(self, number: int) -> Neighbours:
        record = self.flows.cache.get(Key("default", f"f{number}"))
        assert record is not None
        return self.gate.neighbours(record)

    def take_woken(self) -> list[str]:
        woken, self.woken = self.woken, []
        return woken

    def _wake(self, key: Key) -> None:
        self.woken.append(key.name)

    def _feed(self, informer: Any, type_: str, meta: dict[str, Any], parts: dict[str, Any]) -> None:
        self._version += 1
        informer.feed(event(type_, {"metadata": {**meta, "resourceVersion": str(self._version)}, **parts}))


def marks(flow: str, number: int) -> dict[str, Any]:
    labels = {LABEL_FLOW: flow, LABEL_FLOW_UID: f"uid-{number}"}
    return {"namespace": "default", "labels": labels, "annotations": {ANNOTATION_GROUP: "nightly"}}


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}

# --- the gate ---


def test_the_first_through_the_gate_is_alone_in_its_group() -> None:
    """Two workers may decide at once from snapshots in which neither flow had started."""
    group = Group(2)
    assert (group.enter(0), group.enter(1)) == (True, False)
    running = group.neighbours(1).running
    assert running is not None
    assert running.uid == "uid-0"  # so the next look at the other says for whom it waits


def test_entering_twice_is_entering_once() -> None:
    """A reconcile that failed after the gate comes back to it."""
    group = Group(1)
    assert (group.enter(0), group.enter(0)) == (True, True)


def test_a_flow_that_need_not_be_alone_enters_beside_others() -> None:
    """The newcomer's policy decides."""
    group = Group(1)
    group.see(1, policy="Allow")
    assert (group.enter(0), group.enter(1)) == (True, True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(ENDED, id="ended"),
        pytest.param({"phase": "Failed"}, id="ended without a start"),
        pytest.param({"group": "weekly"}, id="moved to another group"),
        pytest.param({"type_": "DELETED"}, id="gone"),
        pytest.param({"uid": "uid-new", "suspend": True}, id="gone, and another has its name"),
    ],
)
def test_the_gate_opens_when_the_caches_say_so(change: dict[str, Any]) -> None:
    """Whoever entered and runs no more, or runs in another group, keeps nobody out."""
    group = Group(2)
    group.enter(0)
    group.see(0, **change)
    assert group.enter(1)


def test_whoever_moves_to_another_group_runs_there() -> None:
    """Its turn goes with it."""
    group = Group(1)
    group.see(1, group="weekly")
    group.enter(0)
    group.see(0, group="weekly")
    assert not group.enter(1)


@pytest.mark.parametrize("change", [{"type_": "DELETED"}, {"suspend": True}, {"metadata": GONE_SOON}, ENDED], ids=str)
def test_what_has_changed_since_the_snapshot_does_not_enter(change: dict[str, Any]) -> None:
    """A deletion between snapshot and gate leaves nothing behind: the flow that is re-created starts."""
    group = Group(1)
    group.see(0, **change)
    assert not group.enter(0)
    group.see(0, uid="uid-new")
    assert group.enter(0, "uid-new")


def test_a_flow_that_entered_and_made_nothing_leaves() -> None:
    """Its claim was over the quota and it was suspended: the next in line is woken, and has its turn."""
    group = Group(2)
    group.enter(0)
    group.see(0, suspend=True)
    assert not group.enter(1)  # a Job of the other may be under way
    group.leave(0)
    assert group.take_woken() == ["f1"]
    assert group.enter(1)


def test_a_flow_that_leaves_after_its_first_job_still_runs() -> None:
    """The Job is what counts; its status may come later."""
    group = Group(2)
    group.enter(0)
    group.see_job(0)
    group.leave(0)
    assert not group.enter(1)
    group.see_job(0, "DELETED")
    assert group.enter(1)


def test_a_job_that_only_says_so_starts_no_flow() -> None:
    """Its label names one flow, its owner another: neither is touched."""
    group = Group(2)
    group.see(0, **STARTED)
    group.see_job(0, label="f1")
    assert group.take_woken() == []
    assert not group.enter(1)
    group.see(0, **ENDED)
    assert group.enter(1)


# --- whom a change wakes ---


@pytest.mark.parametrize("change", [ENDED, {"type_": "DELETED"}, {"group": "weekly"}], ids=["ended", "gone", "moved"])
def test_the_end_of_one_that_runs_wakes_the_first_in_line(change: dict[str, Any]) -> None:
    """And nobody else of 300."""
    group = Group(300)
    group.see(0, **STARTED)
    assert group.take_woken() == []
    group.see(0, **change)
    assert group.take_woken() == ["f1"]


@pytest.mark.parametrize("number", [1, 150, 299])
def test_a_change_of_one_that_waits_wakes_the_next_in_line_at_most(number: int) -> None:
    """The one behind it has another before it now; whoever stands before it is not concerned."""
    group = Group(300)
    group.see(0, **STARTED)
    behind = [f"f{number + 1}"] if number < 299 else []
    for suspend in (True, False):
        group.see(number, suspend=suspend)
        assert group.take_woken() == behind


def test_what_no_other_looks_at_wakes_nobody() -> None:
    """A status of its own, another policy, a start of one that waited."""
    group = Group(3)
    group.see(0, **STARTED)
    group.see(1, phase="Pending", message="Waiting")
    group.see(2, policy="Allow")
    group.see(2, policy="Allow", **STARTED)
    assert group.take_woken() == []


def test_a_flow_that_replaces_wakes_the_older_ones_once() -> None:
    """When its own look has found its spec good."""
    group = Group(3)
    group.see(0, **STARTED)
    group.see(3, policy="Replace")
    assert group.take_woken() == []
    group.gate.announce("uid-3")
    group.gate.announce("uid-3")
    group.gate.announce("uid-1")
    assert group.take_woken() == ["f0", "f1", "f2"]


def test_the_end_of_what_was_left_wakes_the_first_in_line() -> None:
    """The Job of a flow that has ended, then a Pod of it; while another flow runs nobody waits for either."""
    group = Group(3)
    group.see(0, **STARTED)
    group.see_job(0)
    group.see_pod(0, "Running")
    group.see(0, **ENDED)
    group.take_woken()
    group.see_job(0, "DELETED")
    assert group.take_woken() == ["f1"]
    group.see_pod(0, "Failed")
    assert group.take_woken() == ["f1"]
    group.see_job(1)
    group.see_job(1, **COMPLETE)
    assert group.take_woken() == []


def test_groups_that_nobody_is_in_are_forgotten() -> None:
    """Ten thousand ended flows cost nothing here."""
    group = Group(5)
    for number in range(5):
        group.enter(number)
        group.see(number, **ENDED)
    gate = group.gate
    assert (gate._lines, gate._groups, gate._entered, gate._announced) == ({}, {}, set(), set())
