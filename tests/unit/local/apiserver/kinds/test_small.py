"""The small kinds."""

from typing import Any

import pytest

from tests.support.embedded import CONFIG_MAPS, Embedded, config_map

_CORE = "/api/v1/namespaces/default"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
_NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
_INVOLVED = {"kind": "Pod", "name": "pod", "namespace": "default"}
_EVENT = {
    "metadata": {"name": "pod.1"},
    "regarding": _INVOLVED,
    "reason": "Started",
    "note": "it runs",
    "type": "Normal",
    "action": "Start",
    "eventTime": "2026-01-01T00:00:00.000001Z",
    "reportingController": "zenflow",
    "reportingInstance": "zenflow-0",
}


def test_there_is_a_default_namespace() -> None:
    """Active, and labelled with its name."""
    namespace = Embedded().get("/api/v1/namespaces/default")
    assert namespace["status"] == {"phase": "Active"}
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "default"}


def test_secrets_never_show_their_strings() -> None:
    """`stringData` is written into `data`."""
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"x": "eA=="}}
    created = Embedded().create(f"{_CORE}/secrets", body)
    assert created["data"] == {"x": "eA==", "a": "Yg=="}
    assert "stringData" not in created
    assert created["type"] == "Opaque"


def test_immutable_configuration_stays() -> None:
    """And stays immutable."""
    server = Embedded()
    server.create(CONFIG_MAPS, {**config_map(), "immutable": True})
    assert server.merge(f"{CONFIG_MAPS}/settings", {"data": {"a": "c"}})["code"] == 422
    assert server.merge(f"{CONFIG_MAPS}/settings", {"immutable": False})["code"] == 422


@pytest.mark.parametrize(
    ("url", "body", "told"),
    [
        (CONFIG_MAPS, {"data": {"a b": "c"}}, 'data[a b]: Invalid value: "a b": a valid config key'),
        (CONFIG_MAPS, {"data": {"a": "b"}, "binaryData": {"a": "Yg=="}}, "duplicate of key present in binaryData"),
        (f"{_CORE}/secrets", {"data": {"a/b": "eA=="}}, "a valid config key"),
        (f"{_CORE}/persistentvolumeclaims", {"spec": {}}, "spec.resources[storage]: Required value"),
        (_LEASES, {"spec": {"leaseDurationSeconds": 0}}, "must be greater than 0"),
        (f"{_CORE}/events", {"involvedObject": {**_INVOLVED, "namespace": "x"}}, "does not match event.namespace"),
        (_NEW_EVENTS, {**_EVENT, "eventTime": None}, "eventTime: Required value"),
        (_NEW_EVENTS, {**_EVENT, "reportingController": ""}, "reportingController: Required value"),
        (_NEW_EVENTS, {**_EVENT, "type": "Odd"}, 'type: Invalid value: "Odd"'),
    ],
)
def test_what_users_get_wrong(url: str, body: dict[str, Any], told: str) -> None:
    """422 with the field's path."""
    refused = Embedded().ask("POST", url, {"metadata": {"name": "x"}, **body})
    assert refused["code"] == 422
    assert told in refused["message"]


def test_a_claim_waits_for_its_volume() -> None:
    """Pending, Filesystem."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    created = Embedded().create(f"{_CORE}/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": spec})
    assert (created["status"], created["spec"]["volumeMode"]) == ({"phase": "Pending"}, "Filesystem")


def test_events_are_the_same_in_both_groups() -> None:
    """Written in one, read in the other, watched in either; names may be what only a path can hold."""
    server = Embedded()
    old_watch, new_watch = server.watch(f"{_CORE}/events"), server.watch(_NEW_EVENTS)
    assert server.create(_NEW_EVENTS, _EVENT)["note"] == "it runs"
    old = server.get(f"{_CORE}/events/pod.1")
    assert (old["apiVersion"], old["message"], old["involvedObject"]) == ("v1", "it runs", _INVOLVED)
    assert old["reportingComponent"] == "zenflow"
    assert b'"message":"it runs"' in old_watch.read()[0]
    assert b'"note":"it runs"' in new_watch.read()[0]


def test_events_are_selected_by_what_they_are_about() -> None:
    """As `kubectl describe` does."""
    server = Embedded()
    server.create(_NEW_EVENTS, _EVENT)
    assert server.names(f"{_CORE}/events?fieldSelector=involvedObject.name=pod,involvedObject.kind=Pod") == ["pod.1"]
    assert server.names(f"{_CORE}/events?fieldSelector=involvedObject.name=other") == []
    assert server.names(f"{_CORE}/events?fieldSelector=source=zenflow") == ["pod.1"]


def test_leases_are_guarded_by_their_version() -> None:
    """Two candidates never both take one."""
    server = Embedded()
    lease = server.create(_LEASES, {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a"}})
    assert "must be specified" in server.ask("PUT", f"{_LEASES}/leader", {"metadata": {"name": "leader"}})["message"]
    taken = {**lease, "spec": {"holderIdentity": "b"}}
    assert server.ask("PUT", f"{_LEASES}/leader", taken)["spec"] == {"holderIdentity": "b"}
    assert server.ask("PUT", f"{_LEASES}/leader", taken | {"spec": {"holderIdentity": "c"}})["code"] == 409


def test_everything_is_allowed() -> None:
    """`kubectl auth can-i` says yes; nothing is stored."""
    url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    server = Embedded()
    review = server.create(url, {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
    assert review["status"] == {"allowed": True}
    assert server.get(url)["code"] == 405
