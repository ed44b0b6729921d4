"""Claims and ConfigMaps of a flow: made before any step, used by the steps, owned by the flow and gone with it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import Target
from tests.support.waiting import eventually

CLASS, LIMITED = "zenflow-test", "few-claims"
CONFIG = {"metadata": {"name": "res-config", "labels": {"team": "data"}}, "data": {"greeting": "hello from the flow"}}


def claim(name: str, **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **spec}
    return {"metadata": {"name": name}, "spec": wanted}


def volume_of(target: Target) -> dict[str, Any]:
    """There is no provisioner: the volume is a folder."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "res-volume"},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(target.folder / "volume"), "type": "DirectoryOrCreate"},
        },
    }


def using(name: str, *after: str, script: str) -> Any:
    """A step with both volumes. kwok runs no script: there the step only needs its claim to be bound."""
    found = step(name, *after)
    pod = found["template"]["spec"]["template"]["spec"]
    pod["volumes"] = [
        {"name": "config", "configMap": {"name": "res-config"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "res-data"}},
    ]
    mounts = [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}]
    pod["containers"][0].update(command=["sh", "-c", script], volumeMounts=mounts)
    return found


def config_map(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default", **more}}


def wanting(name: str, **spec: Any) -> dict[str, Any]:
    """A flow that wants a ConfigMap of its own name."""
    template = {"metadata": {"name": name}, "data": {"a": "b"}}
    return flow(name, step("a"), resourceTemplates={"configMapTemplates": [template]}, **spec)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Iterator[Target]:
    """All at once; the ConfigMaps that are in the way are there before."""
    target.kubectl.apply(volume_of(target))
    target.kubectl.create(config_map("res-foreign"), config_map("res-dying", finalizers=["zenflow.test/hold"]))
    target.kubectl.run("delete", "configmap", "res-dying", "--wait=false")
    resources = {"volumeClaimTemplates": [claim("res-data", storageClassName=CLASS)], "configMapTemplates": [CONFIG]}
    write = "cat /config/greeting > /data/out"
    read = 'test "$(cat /data/out)" = "hello from the flow"'
    target.submit(
        flow(
            "res-used", using("write", script=write), using("read", "write", script=read), resourceTemplates=resources
        ),
        wanting("res-foreign"),
        wanting("res-dying"),
        wanting("res-ours", suspend=True),
    )
    yield target
    release(target)


def release(target: Target) -> None:
    if target.kubectl.succeeds("get", "jobflow", "res-dying"):
        free = '{"metadata":{"finalizers":null}}'
        target.kubectl.succeeds("patch", "configmap", "res-dying", "--type=merge", "--patch", free)


@pytest.mark.proves("resources.used-by-steps", "resources.owned", "resources.exact-names", "resources.before-any-step")
def test_steps_use_the_claim_and_the_config_map_that_were_made_for_them(submitted: Target) -> None:
    """One step writes what the ConfigMap says to the claim, the next reads it; both are there before the first Job."""
    outcome = submitted.finish("res-used")
    assert outcome.phase == "Succeeded", submitted.story("res-used")
    uid = outcome.flow["metadata"]["uid"]
    first = min(job.creation_time for job in outcome.jobs("write") if job.creation_time)
    for kind, name in (("pvc", "res-data"), ("configmap", "res-config")):
        found = submitted.kubectl.get(kind, name)["metadata"]
        assert [owner["uid"] for owner in found["ownerReferences"]] == [uid]
        assert found["labels"]["jobflow"] == "res-used"
        assert found["creationTimestamp"] <= first.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert submitted.kubectl.get("configmap", "res-config")["data"] == CONFIG["data"]


@pytest.mark.proves("resources.go-with-the-flow")
def test_they_go_with_the_flow(submitted: Target) -> None:
    submitted.finish("res-used")
    submitted.kubectl.run("delete", "jobflow", "res-used")
    gone = ("get", "pvc/res-data", "configmap/res-config", "--ignore-not-found", "--output=name")
    eventually(lambda: submitted.kubectl.run(*gone) == "", within=60, what="claim and ConfigMap are deleted")


@pytest.mark.proves("resources.conflict", "security.others-objects")
def test_an_object_that_is_somebody_else_s_fails_the_flow_by_name_and_is_left_alone(submitted: Target) -> None:
    outcome = submitted.finish("res-foreign")
    assert outcome.phase == "Failed"
    (failed,) = (each for each in outcome.flow["status"]["conditions"] if each["type"] == "Failed")
    assert failed["reason"] == "ResourceConflict"
    assert "ConfigMap res-foreign exists and belongs to something else" in failed["message"]
    assert outcome.jobs("a") == []
    found = submitted.kubectl.get("configmap", "res-foreign")
    assert "ownerReferences" not in found["metadata"]
    assert "data" not in found


@pytest.mark.proves("resources.ours-already")
def test_an_object_that_is_the_flow_s_already_is_good(submitted: Target) -> None:
    """A controller that was killed may have made it: with its template's contents it is used, and the steps run."""
    uid = submitted.flow("res-ours")["metadata"]["uid"]
    owner = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "res-ours", "uid": uid}
    made = config_map("res-ours", ownerReferences=[{**owner, "controller": True}])
    submitted.kubectl.create({**made, "data": {"a": "b"}})
    before = submitted.kubectl.get("configmap", "res-ours")["metadata"]
    lift = '{"spec":{"suspend":false}}'
    submitted.kubectl.run("patch", "jobflow", "res-ours", "--type=merge", "--patch", lift)
    assert submitted.finish("res-ours").phase == "Succeeded"
    after = submitted.kubectl.get("configmap", "res-ours")["metadata"]
    assert (after["uid"], after["resourceVersion"]) == (before["uid"], before["resourceVersion"])


@pytest.mark.proves("resources.being-deleted")
def test_an_object_that_is_being_deleted_is_waited_for(submitted: Target) -> None:
    """The flow says so meanwhile, and makes its own when it is gone."""

    def says_so() -> bool:
        status = submitted.flow("res-dying").get("status", {})
        return status.get("phase") == "Pending" and "ConfigMap res-dying is being deleted" in status["message"]

    eventually(says_so, within=60, what="res-dying says what it waits for")
    release(submitted)
    assert submitted.finish("res-dying").phase == "Succeeded"
    assert submitted.kubectl.get("configmap", "res-dying")["data"] == {"a": "b"}


@pytest.mark.real
@pytest.mark.proves("resources.quota")
def test_a_quota_is_waited_for(target: Target) -> None:
    """Nothing of the flow starts, the quota's own words stand in its message, and it goes on by itself."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "claims", "namespace": LIMITED},
        "spec": {"hard": {"persistentvolumeclaims": "0"}},
    }
    target.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LIMITED}}, quota)
    at = f"--namespace={LIMITED}"
    eventually(
        lambda: target.kubectl.get("resourcequota", "claims", at).get("status", {}).get("hard"),
        within=30,
        what="the quota is in force",
    )
    unused = {"volumeClaimTemplates": [claim("later")]}
    limited = flow("res-limited", {"name": "ask", "type": "Manual"}, resourceTemplates=unused)
    target.submit({**limited, "metadata": {"name": "res-limited", "namespace": LIMITED}})

    def status() -> dict[str, Any]:
        found: dict[str, Any] = target.kubectl.get("jobflow", "res-limited", at).get("status", {})
        return found

    eventually(lambda: "exceeded quota: claims" in status().get("message", ""), within=60, what="the quota is named")
    assert status()["phase"] == "Pending"
    more = json.dumps({"spec": {"hard": {"persistentvolumeclaims": "1"}}})
    target.kubectl.run("patch", "resourcequota", "claims", at, "--type=merge", "--patch", more)
    eventually(lambda: status()["phase"] == "Paused", within=90, what="the flow has started")
    assert target.kubectl.get("pvc", "later", at)["metadata"]["ownerReferences"]
