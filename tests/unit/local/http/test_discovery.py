"""What clients learn of the resources that are served."""

from typing import Any

import pytest

from zenflow.local.apiserver.kinds import catalog
from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.http import discovery

WIDGETS = ResourceType(
    "example.com", "v1", "widgets", "Widget", "widget",
    short_names=("wg",), categories=("all",), subresources=("status",), custom=True,
)  # fmt: skip
CLUSTER_WIDE = ResourceType("example.com", "v1beta1", "shops", "Shop", namespaced=False, custom=True)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add([catalog.PODS, catalog.ACCESS_REVIEWS, CLUSTER_WIDE, WIDGETS])
    return registry


def document(registry: Registry, path: str, *, aggregated: bool = False) -> dict[str, Any]:
    found = discovery.document(registry, path, aggregated=aggregated)
    assert found is not None
    return found


def test_the_core_group_has_its_own_path(registry: Registry) -> None:
    """`/api` lists its versions, `/apis` does not know it."""
    assert document(registry, "/api")["versions"] == ["v1"]
    names = [group["name"] for group in document(registry, "/apis")["groups"]]
    assert names == ["authorization.k8s.io", "example.com"]


def test_the_most_stable_version_of_a_group_is_preferred(registry: Registry) -> None:
    """Although the beta was added first."""
    group = document(registry, "/apis/example.com")
    assert group["preferredVersion"] == {"groupVersion": "example.com/v1", "version": "v1"}


def test_versions_are_ordered_by_stability_then_number() -> None:
    """kube-aware priority: GA, beta, alpha, each the newest first, then names that are no Kubernetes versions."""
    registry = Registry()
    unordered = ("v1alpha1", "foo", "v10", "v2beta1", "v1beta3", "v2", "v1beta12", "bar")
    registry.add(ResourceType("g", version, "things", "Thing") for version in unordered)
    ordered = discovery.versions(registry, "g")
    assert ordered[:6] == ["v10", "v2", "v2beta1", "v1beta12", "v1beta3", "v1alpha1"]


def test_a_resource_is_listed_with_its_names_verbs_and_subresources(registry: Registry) -> None:
    """What kubectl builds its mapping from."""
    resources = document(registry, "/apis/example.com/v1")["resources"]
    assert resources == [
        {
            "name": "widgets",
            "singularName": "widget",
            "namespaced": True,
            "kind": "Widget",
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "shortNames": ["wg"],
            "categories": ["all"],
        },
        {
            "name": "widgets/status",
            "singularName": "",
            "namespaced": True,
            "kind": "Widget",
            "verbs": ["get", "patch", "update"],
        },
    ]


def test_logs_can_only_be_read(registry: Registry) -> None:
    """Each subresource has its own verbs."""
    resources = document(registry, "/api/v1")["resources"]
    verbs = {resource["name"]: resource["verbs"] for resource in resources}
    assert verbs["pods/log"] == ["get"]


def test_the_aggregated_document_says_the_same_in_one_answer(registry: Registry) -> None:
    """Every group with every version and resource, kinds written out."""
    groups = document(registry, "/apis", aggregated=True)["items"]
    served = {(g["metadata"]["name"], v["version"]): v["resources"] for g in groups for v in g["versions"]}
    assert list(served) == [("authorization.k8s.io", "v1"), ("example.com", "v1"), ("example.com", "v1beta1")]
    [widgets] = served["example.com", "v1"]
    assert widgets["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert (widgets["scope"], widgets["shortNames"], widgets["categories"]) == ("Namespaced", ["wg"], ["all"])
    assert [subresource["subresource"] for subresource in widgets["subresources"]] == ["status"]
    [shops] = served["example.com", "v1beta1"]
    assert (shops["scope"], shops["singularResource"]) == ("Cluster", "shop")


def test_the_aggregated_core_group_has_no_name(registry: Registry) -> None:
    """As on the real server."""
    [core] = document(registry, "/api", aggregated=True)["items"]
    assert core["metadata"] == {}


@pytest.mark.parametrize("path", ["/apis/nope", "/apis/example.com/v2", "/api/v2", "/foo", "/apis//v1", "/api/v1/pods"])
def test_there_is_nothing_to_discover_elsewhere(registry: Registry, path: str) -> None:
    """Other paths are left to the API server, which answers 404 or serves them."""
    assert discovery.document(registry, path) is None
