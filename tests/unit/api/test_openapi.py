"""From an API server's document to types; any document ends in types or in NoSchema."""

from typing import Any

import pytest

from zenflow.api import openapi
from zenflow.api.job_schema import JobSchema

NODE = "io.k8s.api.core.v1.Node"


def document(**properties: Any) -> dict[str, Any]:
    """Of a Job that has these properties, as an API server writes it."""
    job = {"type": "object", "description": "Job", "properties": properties}
    node = {"type": "object", "properties": {"name": {"type": "string"}, "inner": ref("core.v1.Node")}}
    return {
        "components": {
            "schemas": {
                openapi.JOB: job,
                NODE: node,
                "io.k8s.api.core.v1.Unrelated": {"type": "object"},
                "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
            }
        }
    }


def ref(name: str) -> dict[str, Any]:
    return {"allOf": [{"$ref": f"#/components/schemas/io.k8s.api.{name}"}], "default": {}, "description": "d"}


def kind_of(schema: dict[str, Any]) -> str:
    found = openapi.types(openapi.definitions(document(x=schema)))
    return found[openapi.JOB].fields["x"].kind


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "integer"}, "int64"),
        ({"type": "integer", "format": "int32"}, "int32"),
        ({"type": "boolean"}, "boolean"),
        ({"format": "int-or-string", "oneOf": []}, "int-or-string"),
        ({"type": "array", "items": {"type": "string"}}, "array"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map"),
        ({"type": "object"}, "struct"),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, "anything"),
        ({"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"}]}, "quantity"),
        (ref("core.v1.Node"), "struct"),
        ({}, "anything"),
        ({"type": "a type of the future"}, "anything"),
    ],
)
def test_every_type_has_its_kind(schema: dict[str, Any], kind: str) -> None:
    """And one that isn't known is for the API server to judge."""
    assert kind_of(schema) == kind


def test_only_what_a_job_is_made_of_is_kept() -> None:
    """Without descriptions; a type may contain itself."""
    slimmed = openapi.definitions(document(node=ref("core.v1.Node")))
    assert set(slimmed) == {openapi.JOB, NODE}
    assert "description" not in str(slimmed)
    node = openapi.types(slimmed)[NODE]
    assert node.fields["inner"] is node


@pytest.mark.parametrize(
    "junk",
    [
        None,
        [],
        "x",
        {},
        {"components": {"schemas": {}}},
        {"components": {"schemas": {openapi.JOB: None}}},
        {"components": {"schemas": {openapi.JOB: {"type": "object", "properties": {"x": 1}}}}},
        {"components": {"schemas": {openapi.JOB: {"type": "object", "properties": {"x": {"allOf": 5}}}}}},
        {"components": {"schemas": {openapi.JOB: {"type": "string"}}}},
        {"components": {"schemas": {openapi.JOB: {"$ref": "#/components/schemas/nowhere"}}}},
    ],
)
def test_any_other_document_is_no_schema(junk: Any) -> None:
    """The schema that is shipped serves then; nothing else is raised."""
    with pytest.raises(openapi.NoSchema):
        JobSchema(openapi.definitions(junk))
