"""From caches to snapshots, on the embedded API server and a virtual clock."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.clock import VirtualClock
from tests.support.embedded import Embedded
from zenflow.api import crd
from zenflow.api.names import LABEL_ATTEMPT, LABEL_FLOW, LABEL_FLOW_UID, LABEL_STEP, MAX_ATTEMPTS, job_name
from zenflow.controller.app import informers
from zenflow.controller.caches import Caches
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.memory import Memory
from zenflow.controller.observer import EVIDENCE_PATIENCE, Observer
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import LATE, Provenance
from zenflow.controller.rivals import Rivals
from zenflow.dag.snapshot import JOB_DELETED, Attempt, Outcome, Snapshot
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client
from zenflow.runtime.informer import Informer

FLOWS = "/apis/workflow.zen.io/v1alpha1/namespaces/default/jobflows"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KEY = Key("default", "etl")
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["false"]}]}


class World:
    """An API server with one flow of one step; what the caches have seen of it is up to the test."""

    def __init__(self) -> None:
        self.server = Embedded()
        self.clock: VirtualClock = self.server.clock
        self.server.create(DEFINITIONS, crd.build())
        steps = [{"name": "load", "template": {"spec": {"template": {"spec": POD}}}}]
        head = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": {"name": "etl"}}
        self.uid = self.server.create(FLOWS, {**head, "spec": {"steps": steps}})["metadata"]["uid"]
        (self.flows,), (self.jobs,), (self.pods,) = informers()
        self.provenance = Provenance(self.clock)
        self.jobs.add_handler(self.provenance.job_changed)
        self.memory, self.name, self.job_uid = Memory(), job_name("etl", self.uid, "load", 1), ""
        client, caches = Client(self.server.api), Caches(self.flows.cache, self.jobs.cache, self.pods.cache)
        rivals = Rivals(caches, ParsedFlows(), GroupGate(caches, lambda key: None, lambda record: False))
        self._observer = Observer(caches, ParsedFlows(), self.memory, rivals, self.provenance, client, clock=self.clock)
        self.see(self.flows, FLOWS)

    def see(self, informer: Informer[Any], url: str) -> None:
        """Let a cache catch up."""
        listed = self.server.get(url)
        items = [informer.decode(json.dumps(item).encode()) for item in listed["items"]]
        informer.replace(items, listed["metadata"]["resourceVersion"])

    def create(self, url: str, name: str, kind: str, owner: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
        labels = {LABEL_FLOW: "etl", LABEL_FLOW_UID: self.uid, LABEL_STEP: "load", LABEL_ATTEMPT: "1"}
        version = "batch/v1" if kind == "Job" else "v1"
        metadata = {"name": name, "labels": labels, "ownerReferences": [{**owner, "controller": True}]}
        return self.server.create(url, {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})

    def fail(self) -> None:
        """A Job of the step has failed, with a Pod that says why; the cache of Jobs knows, that of Pods does not."""
        owner = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl", "uid": self.uid}
        job = self.create(JOBS, self.name, "Job", owner, {"template": {"spec": POD}})
        self.job_uid = job["metadata"]["uid"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": self.job_uid}
        self.create(PODS, "etl-load-x", "Pod", owner, POD)
        terminated = {"exitCode": 7, "reason": "Error", "message": "no disk"}
        status = {"name": "main", "ready": False, "restartCount": 0, "image": "", "imageID": ""}
        containers = [{**status, "state": {"terminated": terminated}}]
        self.server.merge(f"{PODS}/etl-load-x/status", {"status": {"phase": "Failed", "containerStatuses": containers}})
        kinds = ("FailureTarget", "Failed")
        failed = [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"} for kind in kinds]
        status = {"startTime": "2026-01-01T00:00:00Z", "conditions": failed}
        self.server.merge(f"{JOBS}/{self.name}/status", {"status": status})
        self.see(self.jobs, JOBS)

    def report(self, **step: Any) -> None:
        """What the status says of the step."""
        self.server.merge(f"{FLOWS}/etl/status", {"status": {"phase": "Running", "steps": [{"name": "load", **step}]}})
        self.see(self.flows, FLOWS)

    def recall(self, **step: Any) -> None:
        """What the status says of the step, as it may have been stored before the CRD had bounds."""
        listed = self.server.get(FLOWS)
        item = {**listed["items"][0], "status": {"phase": "Running", "steps": [{"name": "load", **step}]}}
        self.flows.replace([self.flows.decode(json.dumps(item).encode())], listed["metadata"]["resourceVersion"])

    def snapshot(self) -> Snapshot:
        found = self._observer.snapshot(KEY)
        assert found is not None
        return found

    def attempt(self) -> Attempt:
        [attempt] = self.snapshot().attempts["load"]
        return attempt


def test_a_failure_waits_a_moment_for_its_cause() -> None:
    """Jobs and Pods come by two watches; a final status without the exit code would be final."""
    world = World()
    world.fail()
    first = world.attempt()
    assert first.outcome is Outcome.ACTIVE
    assert first.settles_at == world.clock.now() + EVIDENCE_PATIENCE


def test_the_cause_ends_the_wait_when_it_comes() -> None:
    """Nothing is asked of the server."""
    world = World()
    world.fail()
    world.attempt()
    world.see(world.pods, PODS)
    attempt = world.attempt()
    assert attempt.outcome is Outcome.FAILED
    assert [exited.exit_code for exited in attempt.exits] == [7]


def test_after_the_moment_the_server_itself_is_asked() -> None:
    """The cache has still seen no Pod, and the exit code is known all the same."""
    world = World()
    world.fail()
    world.attempt()
    world.clock.advance(EVIDENCE_PATIENCE.total_seconds())
    attempt = world.attempt()
    assert attempt.outcome is Outcome.FAILED
    assert [(exited.exit_code, exited.message) for exited in attempt.exits] == [(7, "no disk")]


def test_a_failure_on_record_is_not_waited_for_again() -> None:
    """After a restart a step in its backoff would look as if it ran."""
    world = World()
    world.fail()
    world.report(phase="Pending", reason="Backoff", retryCount=0, jobRef={"name": world.name, "uid": world.job_uid})
    assert world.attempt().outcome is Outcome.FAILED


def test_a_job_that_only_the_cache_has_not_seen_is_not_deleted() -> None:
    """Its absence is asked of the server before a step fails by it."""
    world = World()
    world.fail()
    world.jobs.replace([], world.jobs.resource_version)
    world.report(phase="Running", retryCount=0, jobRef={"name": world.name, "uid": world.job_uid})
    assert not world.attempt().is_gone


def test_a_job_that_is_gone_while_its_step_runs_has_failed() -> None:
    """semantics.md, section 4: reason JobDeleted, retried as any other."""
    world = World()
    world.report(phase="Running", retryCount=0, jobRef={"name": "etl-load-1-0", "uid": "x"})
    attempt = world.attempt()
    assert (attempt.is_gone, attempt.outcome, attempt.reason) == (True, Outcome.FAILED, JOB_DELETED)


def test_a_job_that_is_gone_still_runs_while_a_pod_of_it_does() -> None:
    """A retry beside it would do the work twice at once."""
    world = World()
    world.report(phase="Running", retryCount=0, jobRef={"name": "etl-load-1-0", "uid": "x"})
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "etl-load-1-0", "uid": "x"}
    world.create(PODS, "etl-load-x", "Pod", owner, POD)
    world.see(world.pods, PODS)
    assert (world.attempt().is_gone, world.attempt().outcome) == (True, Outcome.ACTIVE)
    world.server.merge(f"{PODS}/etl-load-x/status", {"status": {"phase": "Failed"}})
    world.see(world.pods, PODS)
    assert (world.attempt().outcome, world.attempt().reason) == (Outcome.FAILED, JOB_DELETED)


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        pytest.param({"Failed": 2}, JOB_DELETED, id="failed after it"),
        pytest.param({"Failed": 0}, JOB_DELETED, id="in its second"),
        pytest.param({"Failed": -1}, "BackoffLimitExceeded", id="failed before it"),
        pytest.param({"FailureTarget": -1, "Failed": 2}, "BackoffLimitExceeded", id="was failing before it"),
    ],
)
def test_a_job_that_fails_by_its_deletion_in_the_foreground_was_deleted(
    conditions: dict[str, int], reason: str
) -> None:
    """It outlives its Pods; what the deletion made of them is not their work's end."""
    world = World()
    world.fail()
    world.see(world.pods, PODS)
    world.server.delete(f"{JOBS}/{world.name}", {"propagationPolicy": "Foreground"})
    asked_at = world.clock.now()

    def condition(type_: str, after: int) -> dict[str, str]:
        at = (asked_at + timedelta(seconds=after)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"type": type_, "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": at}

    stamped = [condition(*each) for each in {"FailureTarget": conditions["Failed"], **conditions}.items()]
    world.server.merge(f"{JOBS}/{world.name}/status", {"status": {"conditions": stamped}})
    world.see(world.jobs, JOBS)
    assert (world.attempt().outcome, world.attempt().reason) == (Outcome.FAILED, reason)


def test_a_job_of_a_foreign_owner_is_no_attempt() -> None:
    """Ownership is a matter of UIDs, not of labels."""
    world = World()
    owner = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl", "uid": "another"}
    world.create(JOBS, world.name, "Job", owner, {"template": {"spec": POD}})
    world.see(world.jobs, JOBS)
    assert world.snapshot().attempts == {}


OWNED = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl"}


@pytest.mark.parametrize(
    ("owner", "labels"),
    [
        pytest.param({"kind": "JobSet"}, {}, id="owner of another kind"),
        pytest.param({"name": "other"}, {}, id="owner of another name"),
        pytest.param({}, {LABEL_ATTEMPT: "999999999"}, id="an attempt without end"),
        pytest.param({}, {LABEL_ATTEMPT: "01"}, id="a number that we do not write"),
        pytest.param({}, {LABEL_ATTEMPT: "2"}, id="more attempts than the step may have"),
        pytest.param({}, {LABEL_STEP: "zzz"}, id="a step that is not there"),
    ],
)
@pytest.mark.parametrize("is_named", [True, False], ids=["named as an attempt", "named as it likes"])
def test_a_job_that_is_not_as_we_make_it_is_no_attempt(
    owner: dict[str, str], labels: dict[str, str], is_named: bool
) -> None:
    """Though the process has only begun, and the flow's UID is in its owner reference."""
    world = World()
    made = {LABEL_FLOW: "etl", LABEL_FLOW_UID: world.uid, LABEL_STEP: "load", LABEL_ATTEMPT: "1", **labels}
    number = int(made[LABEL_ATTEMPT]) if made[LABEL_ATTEMPT].isascii() else 1
    name = job_name("etl", world.uid, made[LABEL_STEP], number) if is_named else "forged"
    metadata = {"name": name, "labels": made, "ownerReferences": [{**OWNED, "uid": world.uid, **owner}]}
    metadata["ownerReferences"][0]["controller"] = True  # type: ignore[index]
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": POD}}}
    world.server.create(JOBS, body)
    world.see(world.jobs, JOBS)
    assert world.snapshot().attempts == {}
    assert not world.snapshot().has_started


def test_a_job_that_comes_while_we_decide_and_is_not_by_us_is_no_attempt() -> None:
    """Its form can be copied, its UID cannot."""
    world = World()
    world.snapshot()
    world.clock.advance(LATE.total_seconds())
    world.fail()
    assert world.snapshot().attempts == {}
    world.memory.of(world.uid).created[world.name] = world.job_uid
    assert not world.attempt().is_inherited


def test_a_job_that_was_there_before_us_is_inherited_until_it_is_on_record() -> None:
    """A crash may have come between its creation and the status."""
    world = World()
    world.fail()
    assert world.attempt().is_inherited
    world.report(phase="Running", retryCount=0, jobRef={"name": world.name, "uid": world.job_uid})
    assert not world.attempt().is_inherited


def test_another_job_in_the_place_of_the_one_on_record_is_not_it() -> None:
    """Ours was deleted; what somebody has put there is not asked how it ended."""
    world = World()
    world.fail()
    world.report(phase="Running", retryCount=0, jobRef={"name": world.name, "uid": "ours"})
    attempt = world.attempt()
    assert (attempt.job_uid, attempt.is_gone, attempt.reason) == ("ours", True, JOB_DELETED)


def test_a_deleted_job_that_nobody_counted_is_not_missed() -> None:
    """Its name is the one on record, its UID is not."""
    world = World()
    world.fail()
    world.report(phase="Running", retryCount=0, jobRef={"name": world.name, "uid": world.job_uid})
    other = msgspec.structs.replace(world.jobs.cache.values()[0])
    meta = msgspec.structs.replace(other.metadata, uid="other")
    world.memory.of(world.uid).deleted.keep_job(msgspec.structs.replace(other, metadata=meta))
    assert not world.attempt().is_gone


@pytest.mark.parametrize("count", [999_999_999, -7])
def test_no_number_in_a_status_makes_more_than_one_attempt(count: int) -> None:
    """Whoever may write it writes what they like."""
    world = World()
    world.recall(phase="Pending", retryCount=count, jobRef={"name": "nope"})
    assert 1 <= world.attempt().number <= MAX_ATTEMPTS


def test_pods_count_as_evidence_only_where_the_job_controls_them() -> None:
    """By kind, name and UID."""
    world = World()
    world.fail()
    for number, change in enumerate(({"kind": "ReplicaSet", "apiVersion": "apps/v1"}, {"name": "other"})):
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": world.name, "uid": world.job_uid, **change}
        world.create(PODS, f"forged-{number}", "Pod", owner, POD)
        terminated = {"name": "main", "state": {"terminated": {"exitCode": 42}}, "ready": False, "restartCount": 0}
        containers = [{**terminated, "image": "", "imageID": ""}]
        world.server.merge(f"{PODS}/forged-{number}/status", {"status": {"containerStatuses": containers}})
    world.see(world.pods, PODS)
    assert [exited.exit_code for exited in world.attempt().exits] == [7]
