"""The small kinds."""

from typing import Any

import pytest

from tests.support.embedded import CONFIG_MAPS, Embedded, config_map

_CORE = "/api/v1/namespaces/default"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


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
