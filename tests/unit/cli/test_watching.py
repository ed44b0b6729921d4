"""Flows and logs of a run as an API client sees them."""

import msgspec

from tests.support.scripted_cluster import ScriptedCluster
from zenflow.api import crd
from zenflow.cli.watching import FLOWS, FlowWatch, LogWatch
from zenflow.local.containers.script import Outcome, Script, by_rules
from zenflow.local.loop.objects import PODS
from zenflow.runtime.client import Resource

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
LABELS = {"jobflow": "etl", "workflow.zen.io/flow-uid": "1", "workflow.zen.io/step": "load"}
MAIN = {"name": "main", "image": "busybox"}


def logs_of(script: Script, seconds: float = 30, **spec: object) -> list[str]:
    """What a run shows of a Pod of step etl/load while time goes by in steps of a second."""
    world = ScriptedCluster(script)
    shown: list[str] = []
    watch = LogWatch(world.cluster.transport, world.clock, lambda source, line: shown.append(f"{source} | {line}"))
    pod_spec = {"restartPolicy": "Never", "containers": [MAIN], **spec}
    world.create(PODS, {"metadata": {"name": "p", "labels": LABELS}, "spec": pod_spec})
    world.create(PODS, {"metadata": {"name": "other"}, "spec": pod_spec})
    for _ in range(int(seconds)):
        world.run(1)
        for _ in range(5):
            watch.step()
    assert watch.is_drained
    return shown


def test_logs_are_led_by_flow_and_step() -> None:
    """Only Pods of flows are read, each line once, escape sequences removed."""
    assert logs_of(by_rules(otherwise=Outcome(seconds=3, log=("one", "\x1b[31mtwo")))) == [
        "etl/load | one",
        "etl/load | two",
    ]


def test_a_restarted_container_is_read_again() -> None:
    """The output of every start is shown."""

    def twice(pod: object, container: object, attempt: int) -> Outcome:
        return Outcome(seconds=1, exit_code=1 if attempt == 0 else 0, log=(f"try {attempt}",))

    assert logs_of(twice, restartPolicy="OnFailure") == ["etl/load | try 0", "etl/load | try 1"]


def test_several_containers_are_told_apart() -> None:
    """The container's name is added where a Pod has more than one."""
    shown = logs_of(by_rules(otherwise=Outcome(log=("x",))), containers=[MAIN, {**MAIN, "name": "side"}])
    assert sorted(shown) == ["etl/load/main | x", "etl/load/side | x"]


def test_a_deleted_flow_stays_as_it_ended() -> None:
    """A flow whose time to live is over has still a last state, parsed and raw."""
    world = ScriptedCluster()
    world.create(CRDS, crd.build())
    flow = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": {"name": "etl"}}
    uid = world.create(FLOWS, {**flow, "spec": {"steps": [{"name": "a", "type": "Manual"}]}})["metadata"]["uid"]
    seen: list[tuple[bool, str | None]] = []
    watch = FlowWatch(
        world.cluster.transport, world.clock, lambda old, new: seen.append((old is None, new.status.phase))
    )
    for change in ({}, {"status": {"phase": "Succeeded"}}):
        if change:
            world.client.patch(FLOWS, "etl", msgspec.json.encode(change), "default", subresource="status")
        for _ in range(5):
            watch.step()
    world.client.delete(FLOWS, "etl", "default")
    for _ in range(5):
        watch.step()
    assert seen == [(True, None), (False, "Succeeded")]
    assert watch.deleted == {uid}
    assert watch.flows[uid].status.phase == "Succeeded"
    assert msgspec.json.decode(watch.raw[uid])["kind"] == "JobFlow"
