"""The OpenAPI documents that `kubectl explain` and `kubectl apply` read."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from zenflow.local.apiserver.kinds import catalog
from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.http import openapi
from zenflow.local.http.openapi import OpenApi

SCHEMA = {
    "type": "object",
    "description": "A widget.",
    "properties": {"spec": {"type": "object", "description": "What is wanted."}},
}
WIDGETS = ResourceType("example.com", "v1", "widgets", "Widget", subresources=("status",), schema=SCHEMA, custom=True)
ITEM = "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_a_custom_resource_keeps_its_schema_and_gets_what_every_object_has() -> None:
    """Descriptions stay; apiVersion, kind and metadata are added; the kind is named."""
    schema = openapi.document([WIDGETS])["components"]["schemas"]["com.example.v1.Widget"]
    assert schema["description"] == "A widget."
    assert schema["properties"]["spec"] == SCHEMA["properties"]["spec"]  # type: ignore[index]
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "example.com", "version": "v1", "kind": "Widget"}]


def test_a_schema_of_its_own_is_not_changed() -> None:
    """What the registry holds is what validation uses."""
    openapi.document([WIDGETS])
    assert set(SCHEMA["properties"]) == {"spec"}


@pytest.mark.parametrize("type_", [WIDGETS, *catalog.STRATEGIES])
def test_every_reference_of_a_document_stands_in_it(type_: ResourceType) -> None:
    """A document is complete by itself."""
    document = openapi.document([type_])
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


@pytest.mark.parametrize("type_", [t for t in (WIDGETS, *catalog.STRATEGIES) if "patch" in t.verbs])
def test_kubectl_finds_that_unknown_fields_can_be_refused_here(type_: ResourceType) -> None:
    """It looks for a PATCH of the kind that has `fieldValidation`, and else validates by itself."""
    kind = {"group": type_.group, "version": type_.version, "kind": type_.kind}
    patches = [path["patch"] for path in openapi.document([type_])["paths"].values() if "patch" in path]
    [names] = {
        tuple(parameter["name"] for parameter in patch["parameters"])
        for patch in patches
        if patch["x-kubernetes-group-version-kind"] == kind
    }
    assert "fieldValidation" in names


@pytest.mark.parametrize(("type_", "offered"), [(WIDGETS, False), (catalog.JOBS, True)])
def test_strategic_merge_patch_is_offered_for_built_in_resources_only(type_: ResourceType, offered: bool) -> None:
    """kubectl takes the offer at its word."""
    patches = [path["patch"] for path in openapi.document([type_])["paths"].values() if "patch" in path]
    contents = [patch["requestBody"]["content"] for patch in patches]
    assert all(("application/strategic-merge-patch+json" in content) is offered for content in contents)


def test_paths_follow_scope_and_subresources() -> None:
    """A namespaced resource also across namespaces; its status where it has one."""
    collection = "/apis/example.com/v1/namespaces/{namespace}/widgets"
    assert set(openapi.document([WIDGETS])["paths"]) == {
        collection,
        ITEM,
        f"{ITEM}/status",
        "/apis/example.com/v1/widgets",
    }


def test_what_can_only_be_created_has_no_path_for_one_object() -> None:
    """A review is asked, not kept."""
    paths = openapi.document([catalog.ACCESS_REVIEWS])["paths"]
    assert [list(path) for path in paths.values()] == [["parameters", "post"]]


def test_the_index_names_each_document_by_what_it_says() -> None:
    """Two documents under one URL never differ, so kubectl may keep them; a changed one has another URL."""
    registry = Registry()
    registry.add([WIDGETS, catalog.PODS])
    documents = OpenApi(registry)
    before = json.loads(documents.answer("/openapi/v3") or b"")["paths"]
    registry.add([replace(WIDGETS, schema={"type": "object"})])
    after = json.loads(documents.answer("/openapi/v3") or b"")["paths"]
    assert set(before) == set(after) == {"api/v1", "apis/example.com/v1"}
    assert before["api/v1"] == after["api/v1"]
    assert before["apis/example.com/v1"] != after["apis/example.com/v1"]


def test_a_document_that_is_not_served_is_none() -> None:
    """The API server answers 404."""
    assert OpenApi(Registry()).answer("/openapi/v3/apis/nope/v1") is None
