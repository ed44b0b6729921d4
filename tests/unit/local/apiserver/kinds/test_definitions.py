"""CustomResourceDefinitions and what they make the server serve."""

from typing import Any

import pytest

from tests.support.embedded import DEFINITIONS, THINGS, Embedded, definition, summary, thing

_NAME = "things.example.io"


def _served(**spec: Any) -> Embedded:
    server = Embedded()
    server.create(DEFINITIONS, definition(spec))
    return server


def test_a_definition_is_served_at_once() -> None:
    """With its conditions and accepted names."""
    server = Embedded()
    assert server.send("GET", THINGS).status == 404
    created = server.create(DEFINITIONS, definition({}))
    assert {condition["type"]: condition["status"] for condition in created["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert created["status"]["acceptedNames"]["listKind"] == "ThingList"
    assert server.names(THINGS) == []


def test_objects_are_pruned_defaulted_and_validated() -> None:
    """By the schema."""
    server = _served(properties={"a": {"type": "string", "default": "x"}, "b": {"type": "integer", "minimum": 1}})
    assert server.create(THINGS, thing(spec={"unknown": 1}))["spec"] == {"a": "x"}
    refused = server.ask("POST", THINGS, thing("other", spec={"b": 0}))
    assert refused["message"] == (
        'Thing.example.io "other" is invalid: spec.b: Invalid value: 0: '
        "spec.b in body should be greater than or equal to 1"
    )


def test_metadata_and_fields_are_told_together() -> None:
    """One 422 for both."""
    refused = _served(properties={"b": {"type": "integer"}}).ask("POST", THINGS, thing("A_", spec={"b": "x"}))
    assert [cause["field"] for cause in refused["details"]["causes"]] == ["metadata.name", "spec.b"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": ""}, 400),
        ({"kind": "Thong"}, 422),
        ({"apiVersion": "example.io/v2"}, 400),
        ({"metadata": {"x": []}}, 422),
    ],
)
def test_custom_objects_must_say_what_they_are(change: dict[str, Any], code: int) -> None:
    """Unlike built-in ones they need apiVersion and kind."""
    assert _served().ask("POST", THINGS, {**thing(), **change})["code"] == code


def test_a_changed_schema_counts_for_the_next_write() -> None:
    """Nothing is restarted."""
    server = _served()
    changed = definition({"properties": {"a": {"type": "string"}}})["spec"]
    server.merge(f"{DEFINITIONS}/{_NAME}", {"spec": changed})
    assert server.create(THINGS, thing(spec={"a": "kept"}))["spec"] == {"a": "kept"}


def test_objects_go_with_their_definition() -> None:
    """And so does the resource; a watch is told of the objects."""
    server = _served()
    server.create(THINGS, thing())
    watch = server.watch(f"{THINGS}?resourceVersion={server.api.store.version}")
    server.delete(f"{DEFINITIONS}/{_NAME}")
    assert summary(watch) == ["DELETED thing"]
    assert server.send("GET", THINGS).status == 404


def test_versions_share_their_objects() -> None:
    """Stored in one, shown in the version that is asked for."""
    server = Embedded()
    body = definition({})
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v2", "storage": False})
    server.create(DEFINITIONS, body)
    server.create(THINGS, thing())
    other = server.get(THINGS.replace("/v1/", "/v2/") + "/thing")
    assert other["apiVersion"] == "example.io/v2"
    assert other["metadata"]["uid"] == server.get(f"{THINGS}/thing")["metadata"]["uid"]


def test_deprecated_versions_warn() -> None:
    """On every use."""
    server = Embedded()
    body = definition({})
    body["spec"]["versions"][0] |= {"deprecated": True}
    server.create(DEFINITIONS, body)
    assert "example.io/v1 Thing is deprecated" in server.send("GET", THINGS).headers["warning"]


def _changed(path: str, value: Any) -> dict[str, Any]:
    body = definition({"properties": {"a": {"type": "string"}}})
    place: Any = body
    *parents, last = path.split(".")
    for name in parents:
        place = place[int(name)] if name.isdigit() else place[name]
    place[last] = value
    return body


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            _changed("spec.group", "batch"),
            'spec.group: Invalid value: "batch": should be a domain with at least one dot',
        ),
        (_changed("metadata.name", "wrong.example.io"), 'must be spec.names.plural+"."+spec.group'),
        (_changed("spec.scope", "Some"), 'spec.scope: Unsupported value: "Some"'),
        (_changed("spec.versions.0.schema", None), "spec.versions[0].schema.openAPIV3Schema: Required value"),
        (_changed("spec.versions.0.storage", False), "must have exactly one version marked as storage version"),
        (
            _changed("spec.versions.0.schema.openAPIV3Schema.properties.spec", {"properties": {}}),
            "properties[spec].type: Required value: must not be empty for specified object fields",
        ),
        (
            _changed("spec.versions.0.schema.openAPIV3Schema.properties.spec", {"type": "string", "pattern": "["}),
            "must be a valid regular expression",
        ),
    ],
)
def test_bad_definitions_are_refused(body: dict[str, Any], told: str) -> None:
    """And nothing is served."""
    server = Embedded()
    refused = server.ask("POST", DEFINITIONS, body)
    assert refused["code"] == 422
    assert told in refused["message"]
    assert server.send("GET", THINGS).status == 404


def test_the_kind_of_a_definition_is_fixed() -> None:
    """Its objects carry it."""
    refused = _served().merge(f"{DEFINITIONS}/{_NAME}", {"spec": {"names": {"kind": "Other"}}})
    assert "spec.names.kind: Invalid value" in refused["message"]
