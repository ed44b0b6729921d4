"""Delete and deletecollection."""

from typing import Any

import pytest

from tests.support.embedded import CONFIG_MAPS, JOBS, PODS, Embedded, config_map, job, pod, summary


def test_a_delete_answers_who_is_gone() -> None:
    """A Status with the uid; then 404."""
    server = Embedded()
    uid = server.create(CONFIG_MAPS, config_map())["metadata"]["uid"]
    answer = server.delete(f"{CONFIG_MAPS}/settings")
    assert (answer["status"], answer["details"]["uid"]) == ("Success", uid)
    assert server.get(f"{CONFIG_MAPS}/settings")["code"] == 404


@pytest.mark.parametrize(
    ("preconditions", "told"),
    [
        ({"uid": "other"}, "the UID in the precondition (other) does not match the UID in record (uid-3)"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1) does not match"),
    ],
)
def test_preconditions_protect(preconditions: dict[str, str], told: str) -> None:
    """409, and the object stays."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    refused = server.delete(f"{CONFIG_MAPS}/settings", {"preconditions": preconditions})
    assert refused["code"] == 409
    assert told in refused["message"]
    assert server.names(CONFIG_MAPS) == ["settings"]


def test_fulfilled_preconditions_delete() -> None:
    """Uid and version together."""
    server = Embedded()
    meta = server.create(CONFIG_MAPS, config_map())["metadata"]
    preconditions = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    assert server.delete(f"{CONFIG_MAPS}/settings", {"preconditions": preconditions})["status"] == "Success"


class TestFinalizers:
    """An object with finalizers stays until the last one is lifted."""

    def test_the_object_waits(self) -> None:
        """It is marked, and a second delete changes nothing."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map(finalizers=["example.io/hold"]))
        first = server.delete(f"{CONFIG_MAPS}/settings")
        assert first["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
        server.clock.advance(5)
        assert server.delete(f"{CONFIG_MAPS}/settings") == first

    def test_lifting_the_last_one_deletes(self) -> None:
        """By whatever kind of update; watchers see one DELETED."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map(finalizers=["example.io/hold"]))
        server.delete(f"{CONFIG_MAPS}/settings")
        watch = server.watch(f"{CONFIG_MAPS}?resourceVersion={server.api.store.version}")
        server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"finalizers": None}})
        assert summary(watch) == ["DELETED settings"]
        assert server.names(CONFIG_MAPS) == []

    def test_none_can_be_added_any_more(self) -> None:
        """Once it is going, it is going."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map(finalizers=["example.io/hold"]))
        server.delete(f"{CONFIG_MAPS}/settings")
        refused = server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"finalizers": ["example.io/hold", "a.b/c"]}})
        assert 'found new finalizers []string{"a.b/c"}' in refused["message"]

    def test_lifting_before_the_delete_deletes_nothing(self) -> None:
        """Finalizers alone say nothing."""
        server = Embedded()
        server.create(CONFIG_MAPS, config_map(finalizers=["example.io/hold"]))
        server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"finalizers": None}})
        assert server.names(CONFIG_MAPS) == ["settings"]


@pytest.mark.parametrize(
    ("url", "options", "finalizers"),
    [
        (CONFIG_MAPS, {"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        (CONFIG_MAPS, {"propagationPolicy": "Orphan"}, ["orphan"]),
        (CONFIG_MAPS, {"orphanDependents": True}, ["orphan"]),
        (CONFIG_MAPS, {"propagationPolicy": "Background"}, None),
        (CONFIG_MAPS, {}, None),
        (JOBS, {"propagationPolicy": "Background"}, None),
        (JOBS, {}, ["orphan"]),
    ],
)
def test_propagation_becomes_a_finalizer(url: str, options: dict[str, Any], finalizers: list[str] | None) -> None:
    """Which the garbage collector lifts. A Job whose delete doesn't say leaves its Pods, as batch/v1 always has."""
    server = Embedded()
    server.create(url, config_map("x") if url == CONFIG_MAPS else job("x"))
    answer = server.delete(f"{url}/x", options)
    assert answer.get("metadata", {}).get("finalizers") == finalizers


def test_a_later_delete_may_change_its_mind() -> None:
    """Background after Foreground deletes at once."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    server.delete(f"{CONFIG_MAPS}/settings", {"propagationPolicy": "Foreground"})
    server.delete(f"{CONFIG_MAPS}/settings", {"propagationPolicy": "Background"})
    assert server.names(CONFIG_MAPS) == []


def test_going_counts_as_a_generation() -> None:
    """So that controllers notice."""
    server = Embedded()
    server.create(JOBS, job())
    assert server.delete(f"{JOBS}/job", {"propagationPolicy": "Foreground"})["metadata"]["generation"] == 2


class TestGracePeriod:
    """Pods on a node get time to end."""

    def _running(self, **spec: Any) -> Embedded:
        server = Embedded()
        server.create(PODS, pod(nodeName="local", **spec))
        return server

    def test_the_pods_own_period_counts(self) -> None:
        """The deletion timestamp is when time is up."""
        meta = self._running(terminationGracePeriodSeconds=5).delete(f"{PODS}/pod")["metadata"]
        assert (meta["deletionGracePeriodSeconds"], meta["deletionTimestamp"]) == (5, "2026-01-01T00:00:05Z")

    def test_a_second_delete_may_only_shorten_it(self) -> None:
        """Longer is ignored, zero ends the Pod now."""
        server = self._running()
        server.delete(f"{PODS}/pod")
        shorter = server.delete(f"{PODS}/pod", {"gracePeriodSeconds": 3})["metadata"]
        longer = server.delete(f"{PODS}/pod", {"gracePeriodSeconds": 60})["metadata"]
        assert (shorter["deletionGracePeriodSeconds"], longer["deletionGracePeriodSeconds"]) == (3, 3)
        watch = server.watch(f"{PODS}?resourceVersion={server.api.store.version}")
        server.delete(f"{PODS}/pod", {"gracePeriodSeconds": 0})
        assert summary(watch) == ["MODIFIED pod", "DELETED pod"]
        assert server.names(PODS) == []

    def test_a_pod_on_no_node_ends_at_once(self) -> None:
        """Nobody would end it."""
        server = Embedded()
        server.create(PODS, pod())
        server.delete(f"{PODS}/pod")
        assert server.names(PODS) == []

    def test_a_finished_pod_ends_at_once(self) -> None:
        """There is nothing left to end."""
        server = self._running()
        server.merge(f"{PODS}/pod/status", {"status": {"phase": "Succeeded"}})
        server.delete(f"{PODS}/pod")
        assert server.names(PODS) == []

    def test_status_goes_on_while_it_ends(self) -> None:
        """An update of a Pod in its grace period does not remove it."""
        server = self._running()
        server.delete(f"{PODS}/pod")
        server.merge(f"{PODS}/pod/status", {"status": {"phase": "Failed"}})
        assert server.names(PODS) == ["pod"]


def test_a_dry_run_deletes_nothing() -> None:
    """It answers as if."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    assert server.delete(f"{CONFIG_MAPS}/settings?dryRun=All")["status"] == "Success"
    assert server.names(CONFIG_MAPS) == ["settings"]


def test_a_collection_is_deleted_by_selector() -> None:
    """The answer lists what was deleted."""
    server = Embedded()
    for name in ("a", "b"):
        server.create(CONFIG_MAPS, config_map(name, labels={"name": name}))
    answer = server.delete(f"{CONFIG_MAPS}?labelSelector=name=a")
    assert [item["metadata"]["name"] for item in answer["items"]] == ["a"]
    assert server.names(CONFIG_MAPS) == ["b"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"propagationPolicy": "Later"}, 'supported values: "Foreground", "Background", "Orphan", "nil"'),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, "cannot be both set"),
        ({"gracePeriodSeconds": "soon"}, "cannot unmarshal"),
        ({"kind": "Pod"}, 'no kind "Pod" is registered'),
        (b"{", "unexpected end of JSON input"),
    ],
)
def test_bad_options_are_refused(options: Any, told: str) -> None:
    """And nothing is deleted."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    assert told in server.delete(f"{CONFIG_MAPS}/settings", options)["message"]
    assert server.names(CONFIG_MAPS) == ["settings"]


class TestNamespaces:
    """A namespace goes with all that is in it."""

    _URL = "/api/v1/namespaces"

    def _other(self, **metadata: Any) -> Embedded:
        server = Embedded()
        server.create(self._URL, {"metadata": {"name": "other"}})
        server.create(f"{self._URL}/other/configmaps", config_map(**metadata))
        return server

    def test_the_content_goes_first(self) -> None:
        """And then the namespace."""
        server = self._other()
        assert server.delete(f"{self._URL}/other")["status"]["phase"] == "Terminating"
        assert server.get(f"{self._URL}/other")["code"] == 404
        assert server.names("/api/v1/configmaps") == []

    def test_an_empty_one_goes_at_once(self) -> None:
        """There is nothing to wait for."""
        server = Embedded()
        server.create(self._URL, {"metadata": {"name": "other"}})
        server.delete(f"{self._URL}/other")
        assert server.get(f"{self._URL}/other")["code"] == 404

    def test_finalizers_in_it_hold_it(self) -> None:
        """It is Terminating, takes nothing new, and goes with the last object."""
        server = self._other(finalizers=["example.io/hold"])
        server.delete(f"{self._URL}/other")
        refused = server.ask("POST", f"{self._URL}/other/configmaps", config_map("new"))
        assert (refused["code"], refused["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
        server.merge(f"{self._URL}/other/configmaps/settings", {"metadata": {"finalizers": None}})
        assert server.get(f"{self._URL}/other")["code"] == 404

    def test_the_default_namespace_stays(self) -> None:
        """403."""
        assert Embedded().delete(f"{self._URL}/default")["code"] == 403
