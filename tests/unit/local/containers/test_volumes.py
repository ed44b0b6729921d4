"""PodVolumes as directories: what is written where, what is missing, what cannot be had."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_cluster import ScriptedCluster
from tests.support.workloads import pod
from zenflow.local.containers.environment import CONFIG_MAPS, SECRETS, ApiConfiguration
from zenflow.local.containers.volumes import CLAIMS, PodVolumes
from zenflow.local.loop.objects import Pod
from zenflow.local.node.executor import NotReady, Rejected


class Disk:
    """PodVolumes below a temporary directory, on an API server with a ConfigMap, a Secret and a claim."""

    def __init__(self, root: Path) -> None:
        self.world = ScriptedCluster()
        self.volumes = PodVolumes(root, self.world.client, ApiConfiguration(self.world.client))
        self.world.create(CONFIG_MAPS, {"metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}})
        self.world.create(SECRETS, {"metadata": {"name": "login"}, "stringData": {"user": "jo"}})
        self.claim()

    def claim(self) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.world.create(CLAIMS, {"metadata": {"name": "data"}, "spec": spec})

    def prepare(self, name: str = "p", /, **source: Any) -> tuple[Pod, Path]:
        """Make the one volume `v` of a Pod."""
        made = pod(name, spec={"volumes": [{"name": "v", **source}]}, labels={"app": "x"})
        self.volumes.prepare(made)
        return made, self.volumes.path(made, "v")

    def files(self, **source: Any) -> dict[str, str]:
        """The files of a volume by their relative paths."""
        _, folder = self.prepare(**source)
        return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ({"emptyDir": {}}, {}),
        ({}, {}),
        ({"configMap": {"name": "settings"}}, {"a": "1", "b": "2"}),
        ({"configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/x"}]}}, {"deep/x": "1"}),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        ({"secret": {"secretName": "login"}}, {"user": "jo"}),
        (
            {"downwardAPI": {"items": [{"path": "app", "fieldRef": {"fieldPath": "metadata.labels['app']"}}]}},
            {"app": "x"},
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "login"}}]}},
            {"a": "1", "b": "2", "user": "jo"},
        ),
    ],
)
def test_each_kind_of_volume_has_its_files(disk: Disk, source: Mapping[str, Any], files: dict[str, str]) -> None:
    """As the kubelet would write them."""
    assert disk.files(**source) == files


def test_an_empty_volume_is_everybodys(disk: Disk) -> None:
    """Containers of several users share it."""
    _, folder = disk.prepare(emptyDir={})
    assert folder.stat().st_mode & 0o777 == 0o777


def test_preparing_twice_is_preparing_once(disk: Disk) -> None:
    """A start that was interrupted is begun again."""
    source = {"configMap": {"name": "settings", "defaultMode": 0o444}}
    assert disk.files(**source) == disk.files(**source)


def test_modes_are_kept(disk: Disk) -> None:
    """A script from a ConfigMap can be run."""
    _, folder = disk.prepare(configMap={"name": "settings", "defaultMode": 0o755})
    assert (folder / "a").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"persistentVolumeClaim": {"claimName": "none"}}, 'persistentvolumeclaim "none" not found'),
        (
            {"configMap": {"name": "settings", "items": [{"key": "z", "path": "z"}]}},
            "ConfigMap settings has no key 'z'",
        ),
        ({"hostPath": {"path": "/no/such", "type": "Directory"}}, "hostPath type check failed: /no/such is not there"),
    ],
)
def test_what_is_missing_is_waited_for(disk: Disk, source: Mapping[str, Any], message: str) -> None:
    """The container is still being created, and why is said."""
    with pytest.raises(NotReady) as raised:
        disk.prepare(**source)
    assert (raised.value.reason, raised.value.message) == ("ContainerCreating", message)


@pytest.mark.parametrize(
    "source",
    [
        {"nfs": {"server": "s", "path": "/"}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "../../out"}]}},
    ],
)
def test_what_cannot_be_had_is_refused(disk: Disk, source: Mapping[str, Any]) -> None:
    """Kinds that no directory can stand for, and paths that lead out."""
    with pytest.raises(Rejected):
        disk.prepare(**source)


def test_a_claim_is_the_same_for_all_its_pods(disk: Disk) -> None:
    """And is said to be Bound."""
    source = {"persistentVolumeClaim": {"claimName": "data"}}
    (_, first), (_, second) = disk.prepare("p1", **source), disk.prepare("p2", **source)
    claim = disk.world.get(CLAIMS, "data")
    assert claim is not None
    assert (first, claim["status"]["phase"]) == (second, "Bound")


def test_a_claim_made_again_is_empty(disk: Disk) -> None:
    """Its predecessor's data went with it."""
    source = {"persistentVolumeClaim": {"claimName": "data"}}
    _, before = disk.prepare(**source)
    disk.world.client.delete(CLAIMS, "data", "default")
    disk.world.settle()
    disk.claim()
    _, after = disk.prepare(**source)
    assert before != after


def test_a_pod_takes_its_own_volumes_along(disk: Disk) -> None:
    """But no claim."""
    scratch, folder = disk.prepare("p1", emptyDir={})
    claimed, kept = disk.prepare("p2", persistentVolumeClaim={"claimName": "data"})
    disk.volumes.discard(scratch)
    disk.volumes.discard(claimed)
    assert (folder.exists(), kept.exists()) == (False, True)
