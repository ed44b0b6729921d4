"""Garbage collection on a whole local cluster: who goes with whom, and in which order."""

from typing import Any

import pytest

from tests.support.scripted_cluster import Object, ScriptedCluster
from zenflow.local.containers.environment import CONFIG_MAPS
from zenflow.local.loop.objects import PODS


def config(world: ScriptedCluster, name: str, *owners: Object, blocking: bool = False, **metadata: Any) -> Object:
    """Create a ConfigMap owned by others."""
    references = [
        {
            "apiVersion": "v1",
            "kind": owner.get("kind", "ConfigMap"),
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": blocking,
        }
        for owner in owners
    ]
    meta = {"name": name, "ownerReferences": references, **metadata}
    return world.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def names(world: ScriptedCluster) -> set[str]:
    """The ConfigMaps that exist."""
    world.run(5)
    return {item["metadata"]["name"] for item in world.list_all(CONFIG_MAPS)}


def delete(world: ScriptedCluster, name: str, propagation: str = "Background") -> None:
    world.client.delete(CONFIG_MAPS, name, "default", propagation=propagation)


@pytest.fixture
def world() -> ScriptedCluster:
    return ScriptedCluster()


def test_dependents_go_with_their_owner(world: ScriptedCluster) -> None:
    """And theirs with them."""
    owner = config(world, "a")
    config(world, "c", config(world, "b", owner))
    assert names(world) == {"a", "b", "c"}
    delete(world, "a")
    assert names(world) == set()


def test_one_living_owner_is_enough(world: ScriptedCluster) -> None:
    """The reference to the other one is taken out."""
    first, second = config(world, "first"), config(world, "second")
    config(world, "child", first, second)
    delete(world, "first")
    assert names(world) == {"second", "child"}
    child = world.get(CONFIG_MAPS, "child")
    assert child is not None
    assert [owner["name"] for owner in child["metadata"]["ownerReferences"]] == ["second"]


def test_an_owner_that_never_was_is_an_owner_that_is_gone(world: ScriptedCluster) -> None:
    """As for a dependent created after its owner was deleted."""
    config(world, "child", {"metadata": {"name": "ghost", "uid": "no-such-uid"}})
    assert names(world) == set()


def test_an_owner_of_the_same_name_is_another(world: ScriptedCluster) -> None:
    """Identity is the uid."""
    old = config(world, "owner")
    config(world, "child", old)
    delete(world, "owner")
    config(world, "owner")
    assert names(world) == {"owner"}


def test_an_owner_of_an_unknown_kind_keeps_its_dependents(world: ScriptedCluster) -> None:
    """What cannot be looked up is not known to be gone."""
    config(world, "child", {"kind": "Mystery", "metadata": {"name": "x", "uid": "y"}})
    assert names(world) == {"child"}


def test_orphans_stay_without_their_owner(world: ScriptedCluster) -> None:
    """Their references to it are taken out first."""
    config(world, "child", config(world, "owner"))
    delete(world, "owner", "Orphan")
    assert names(world) == {"child"}
    child = world.get(CONFIG_MAPS, "child")
    assert child is not None
    assert "ownerReferences" not in child["metadata"] or not child["metadata"]["ownerReferences"]


def test_in_the_foreground_the_owner_goes_last(world: ScriptedCluster) -> None:
    """It waits for dependents that block it, here one with a finalizer of its own."""
    config(world, "child", config(world, "owner"), blocking=True, finalizers=["example.com/hold"])
    delete(world, "owner", "Foreground")
    assert names(world) == {"owner", "child"}
    world.patch(CONFIG_MAPS, "child", {"metadata": {"finalizers": []}})
    assert names(world) == set()


def test_who_does_not_block_is_not_waited_for(world: ScriptedCluster) -> None:
    """The owner goes; the dependent follows as soon as it can."""
    config(world, "child", config(world, "owner"), finalizers=["example.com/hold"])
    delete(world, "owner", "Foreground")
    assert names(world) == {"child"}


def test_other_kinds_are_collected_too(world: ScriptedCluster) -> None:
    """A Pod that a ConfigMap owns goes with it."""
    owner = config(world, "owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    metadata = {"name": "pod", "ownerReferences": [reference]}
    spec = {"containers": [{"name": "main", "image": "busybox"}]}
    world.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    delete(world, "owner")
    world.run(40)
    assert world.pods() == []


def test_a_status_change_after_the_last_look_does_not_hold_up_a_deletion(world: ScriptedCluster) -> None:
    """Preconditions carry the present version, not the one that was first seen."""
    config(world, "child", config(world, "owner"))
    world.settle()
    world.patch(CONFIG_MAPS, "child", {"data": {"key": "value"}})
    delete(world, "owner")
    assert names(world) == set()
