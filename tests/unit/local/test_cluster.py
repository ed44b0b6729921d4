"""The cluster as a whole: its steps, its sleep, what it watches."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.scripted_cluster import ScriptedCluster
from zenflow.local.cluster import CollectedResources, make_uid, on_this_machine
from zenflow.local.containers.environment import CONFIG_MAPS
from zenflow.runtime.client import Resource

DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)


def definition(plural: str) -> Mapping[str, Any]:
    """A CRD served in two versions, stored in the first."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [
        {"name": name, "served": True, "storage": name == "v1beta1", "schema": schema} for name in ("v1beta1", "v1")
    ]
    names = {"plural": plural, "singular": plural[:-1], "kind": plural[:-1].title()}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    return {"metadata": {"name": f"{plural}.example.com"}, "spec": spec}


def test_a_quiet_cluster_has_nothing_to_do() -> None:
    """No timer runs, so whoever drives it may sleep until something is written."""
    world = ScriptedCluster()
    world.settle()
    assert (world.cluster.step(), world.cluster.next_due()) == (False, None)


def test_a_write_ends_a_wait() -> None:
    """Also one that was made before the wait began: without it, this would wait for a minute."""
    world = ScriptedCluster()
    world.settle()
    world.cluster.wait(0)
    told: list[str] = []
    world.cluster.api.store.on_write(lambda: told.append("written"))
    world.create(CONFIG_MAPS, {"metadata": {"name": "news"}})
    world.cluster.wait(timeout=60)
    assert told == ["written"]


def test_each_storage_is_watched_once() -> None:
    """Events never; a custom resource in the version it is stored in; and no more when it is gone."""
    world = ScriptedCluster()
    served = CollectedResources(world.cluster.api)
    before = set(served())
    world.client.create(DEFINITIONS, msgspec.json.encode(definition("widgets")))
    added = set(served()) - before
    world.client.delete(DEFINITIONS, "widgets.example.com")
    assert ([(r.group, r.version, r.plural) for r in added], set(served()), {r.kind for r in before} & {"Event"}) == (
        [("example.com", "v1beta1", "widgets")],
        before,
        set(),
    )


def test_uids_come_from_the_chance_that_is_given() -> None:
    """The same numbers, the same uid: a simulation replays."""
    first, second = make_uid(random.Random(7).random), make_uid(random.Random(7).random)
    assert (first, len(first), first[14]) == (second, 36, "4")


def test_the_same_chance_gives_the_same_world() -> None:
    """Every name and version."""

    def history() -> list[Any]:
        world = ScriptedCluster()
        for number in range(5):
            world.create_job(f"job-{number}", parallelism=2, completions=3)
        world.run(60)
        return world.pods()

    assert history() == history()


@pytest.mark.parametrize(
    ("executor", "workdir", "message"),
    [
        ("magic", "work", "no executor 'magic': choose one of process, podman, docker"),
        ("process", "a b", "white space"),
    ],
)
def test_what_cannot_be_built_is_refused(tmp_path: Path, executor: str, workdir: str, message: str) -> None:
    """In a sentence, before anything runs."""
    with pytest.raises(ValueError, match=message):
        on_this_machine(executor, workdir=tmp_path / workdir, environment={})
