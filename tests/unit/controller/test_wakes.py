"""Which changes wake a flow, line by line as a watch brings them."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.support.clock import VirtualClock
from tests.support.transport import event
from zenflow.api.names import LABEL_ATTEMPT, LABEL_FLOW, LABEL_FLOW_UID, LABEL_STEP, job_name
from zenflow.controller.app import informers
from zenflow.controller.caches import Caches
from zenflow.controller.inquiry import Answer
from zenflow.controller.memory import Memory
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import Provenance
from zenflow.controller.wakes import Wakes
from zenflow.dag.snapshot import Trouble
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key

KEY = Key("default", "etl")
CREATED = "2026-01-01T12:00:00Z"
LATER = "2026-01-01T12:00:05Z"
LABELS = {LABEL_FLOW: "etl", LABEL_FLOW_UID: "uid-etl", LABEL_STEP: "load", LABEL_ATTEMPT: "1"}
OWNER = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl", "uid": "uid-etl"}
JOB = job_name("etl", "uid-etl", "load", 1)


class World:
    """Three caches that are fed by hand, and the flows that were woken."""

    def __init__(self) -> None:
        (self.flows,), (self.jobs,), (self.pods,) = informers()
        self.barrier = Barrier()
        self.woken: list[str] = []
        self.memory = Memory()
        wakes = Wakes(
            Caches(self.flows.cache, self.jobs.cache, self.pods.cache),
            self.memory,
            ParsedFlows(),
            Provenance(VirtualClock()),
            self._wake,
            is_flow_echo=partial(self.barrier.is_echo, self.flows),
            is_job_echo=partial(self.barrier.is_echo, self.jobs),
        )
        self.flows.add_handler(wakes.flow_changed)
        self.jobs.add_handler(wakes.job_changed)
        self.pods.add_handler(wakes.pod_changed)
        for informer in (self.flows, self.jobs, self.pods):
            informer.replace([], "10")
        self.see_flow(11)
        self.see_job(12)
        self.woken.clear()

    def _wake(self, key: Key) -> None:
        self.woken.append(str(key))

    def see_flow(self, version: int, name: str = "etl", **status: Any) -> None:
        """The flow at a version; a second one of its concurrency group has another name."""
        meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": CREATED}
        spec = {"steps": [], "executionPolicy": {"concurrencyGroup": "nightly"}}
        body = {"metadata": {**meta, "resourceVersion": str(version)}, "spec": spec, "status": status}
        self.flows.feed(event("MODIFIED", body))

    def see_pod(self, version: int, **status: Any) -> None:
        meta = {"name": f"{JOB}-x", "namespace": "default", "uid": "uid-pod", "labels": LABELS}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": JOB, "uid": "uid-job", "controller": True}
        body = {"metadata": {**meta, "resourceVersion": str(version), "ownerReferences": [owner]}, "status": status}
        self.pods.feed(event("MODIFIED", body))

    def asked_about(self, uid: str) -> None:
        """Events were asked why nothing goes on."""
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.memory.of("uid-etl").answers[uid] = Answer(Trouble("NoPods", "none"), at, timedelta(minutes=10))

    def see_job(self, version: int, type_: str = "MODIFIED", *, deleted_at: str | None = None, **status: Any) -> None:
        meta = {"name": JOB, "namespace": "default", "uid": "uid-job", "labels": LABELS}
        meta |= {"creationTimestamp": CREATED, "ownerReferences": [{**OWNER, "controller": True}]}
        meta |= {"deletionTimestamp": deleted_at} if deleted_at else {}
        self.jobs.feed(event(type_, {"metadata": {**meta, "resourceVersion": str(version)}, "status": status}))


@pytest.fixture
def world() -> World:
    return World()


def condition(type_: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "True", "lastTransitionTime": LATER}]}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(condition("Complete"), id="complete"),
        pytest.param(condition("Failed"), id="failed"),
        pytest.param(condition("Suspended"), id="suspended by a queue"),
        pytest.param({"deleted_at": LATER}, id="being deleted"),
        pytest.param({"type_": "DELETED"}, id="gone"),
        pytest.param({"active": 1, "failed": 1}, id="a try that failed"),
    ],
)
def test_what_a_decision_reads_of_a_job_wakes_its_flow(world: World, change: dict[str, Any]) -> None:
    """Its end, its suspension, its deletion."""
    world.see_job(13, **change)
    assert world.woken == [str(KEY)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"active": 1, "ready": 1, "startTime": CREATED}, id="counts"),
        pytest.param(condition("SuccessCriteriaMet"), id="it will succeed"),
        pytest.param(condition("FailureTarget"), id="it will fail"),
    ],
)
def test_what_no_decision_reads_of_a_job_wakes_nobody(world: World, change: dict[str, Any]) -> None:
    """A Job of one Pod changes five times before its end, and a big one hundreds of times."""
    world.see_job(13, **change)
    assert world.woken == []


def test_the_echo_of_our_own_creation_wakes_nobody(world: World) -> None:
    """The decision that made the Job knows of it; a Job that somebody else made is news."""
    world.see_job(13, "DELETED")
    world.woken.clear()
    world.barrier.expect(KEY, world.jobs, "14")
    world.see_job(14, "ADDED")
    assert world.woken == []
    world.see_job(15, "DELETED")
    world.woken.clear()
    world.see_job(16, "ADDED")
    assert world.woken == [str(KEY)]


def test_the_echo_of_our_own_status_wakes_nobody(world: World) -> None:
    """A status that somebody else wrote is news: it may have to be put right."""
    world.barrier.expect(KEY, world.flows, "13")
    world.see_flow(13, phase="Running")
    assert world.woken == []
    world.see_flow(14, phase="Pending")
    assert world.woken == [str(KEY)]


def test_a_pod_that_comes_and_starts_wakes_nobody(world: World) -> None:
    """Every step has one: its flow would be looked at three times more for nothing."""
    world.see_pod(13)
    world.see_pod(14, phase="Running")
    assert world.woken == []


def test_a_pod_that_comes_wakes_the_flow_that_was_told_there_was_none(world: World) -> None:
    """Else the status says so for up to ten minutes beside a Pod that runs."""
    world.asked_about("uid-job")
    world.see_pod(13)
    assert world.woken == [str(KEY)]


def test_a_pod_that_starts_at_last_wakes_the_flow_that_was_told_it_does_not(world: World) -> None:
    """Its volume has come; what kept it is over."""
    world.see_pod(13, phase="Pending")
    world.asked_about("uid-pod")
    world.see_pod(14, phase="Pending", conditions=[{"type": "PodScheduled", "status": "True"}])
    assert world.woken == []
    world.see_pod(15, phase="Running")
    assert world.woken == [str(KEY)]
