"""A whole cluster in one thread: scripted containers, a virtual clock, seeded chance."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.support.clock import VirtualClock
from zenflow.local.cluster import LocalCluster
from zenflow.local.containers.script import Script, ScriptExecutor, by_rules
from zenflow.local.loop.objects import JOBS, PODS
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import NotFound

Object = dict[str, Any]


class ScriptedCluster:
    """A LocalCluster whose time passes only in `run`, and which is read and written as the user `admin`."""

    def __init__(self, script: Script | None = None, *, slots: int | None = None) -> None:
        self.clock = VirtualClock()
        self.cluster = LocalCluster(
            lambda api: ScriptExecutor(script or by_rules(), self.clock),
            clock=self.clock,
            random=random.Random(1).random,
            slots=slots,
        )
        self.client = Client(self.cluster.transport)

    def settle(self) -> None:
        """Step until nothing is left to do at this moment."""
        for _ in range(100_000):
            if not self.cluster.step():
                return
        raise AssertionError("the cluster does not come to rest")

    def run(self, seconds: float) -> None:
        """Let time pass, from one thing that is due to the next."""
        end = self.clock.monotonic() + seconds
        self.settle()
        while (due := self.cluster.next_due()) is not None and due <= end:
            self.clock.advance(max(due - self.clock.monotonic(), 0.0))
            self.settle()
        self.clock.advance(end - self.clock.monotonic())

    def run_until(self, holds: Callable[[], bool], *, limit: float = 3600.0) -> None:
        """Let time pass until something holds; fails after `limit` seconds of the clock."""
        end = self.clock.monotonic() + limit
        self.settle()
        while not holds():
            due = self.cluster.next_due()
            assert due is not None, "nothing will ever happen again"
            assert due <= end, f"not within {limit} s"
            self.clock.advance(max(due - self.clock.monotonic(), 0.0))
            self.settle()

    def create(self, resource: Resource, manifest: Mapping[str, Any]) -> Object:
        """Create in the namespace `default`."""
        created: Object = msgspec.json.decode(self.client.create(resource, msgspec.json.encode(manifest), "default"))
        return created

    def get(self, resource: Resource, name: str) -> Object | None:
        """The object in `default`, or None."""
        try:
            found: Object = msgspec.json.decode(self.client.get(resource, name, "default"))
        except NotFound:
            return None
        return found

    def list_all(self, resource: Resource) -> list[Object]:
        """All objects of a resource, oldest first."""
        pages = self.client.pages(resource)
        items: list[Object] = [msgspec.json.decode(item) for page in pages for item in page.items]
        return sorted(items, key=lambda item: int(item["metadata"].get("resourceVersion", 0)))

    def patch(self, resource: Resource, name: str, body: Mapping[str, Any]) -> None:
        """Merge-patch an object in `default`."""
        self.client.patch(resource, name, msgspec.json.encode(body), "default")

    def create_job(self, name: str = "job", *, pod: Mapping[str, Any] | None = None, **spec: Any) -> Object:
        """Create a Job of one container `main`; `spec` and `pod` override fields of the Job's and the Pod's spec."""
        pod_spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}], **(pod or {})}
        template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec}
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        return self.create(JOBS, {**manifest, "spec": {"template": template, **spec}})

    def create_pod(self, name: str = "pod", **spec: Any) -> Object:
        """Create a Pod of one container `main`, restartPolicy Never; `spec` overrides."""
        metadata = {"name": name, "labels": {"app": name}}
        whole = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}], **spec}
        return self.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole})

    def job(self, name: str = "job") -> Object:
        """The Job; fails if it is gone."""
        found = self.get(JOBS, name)
        assert found is not None
        return found

    def pod(self, name: str = "pod") -> Object:
        """The Pod; fails if it is gone."""
        found = self.get(PODS, name)
        assert found is not None
        return found

    def pods(self) -> list[Object]:
        """All Pods."""
        return self.list_all(PODS)

    def is_finished(self, name: str = "job") -> bool:
        """Whether the Job is Complete or Failed."""
        return bool({"Complete", "Failed"} & set(conditions_of(self.job(name))))


def conditions_of(item: Object) -> dict[str, str]:
    """Reason by type of the conditions that hold."""
    conditions = item.get("status", {}).get("conditions") or ()
    return {c["type"]: c.get("reason", "") for c in conditions if c["status"] == "True"}
