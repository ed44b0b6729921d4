"""The types in an OpenAPI v3 document of Kubernetes' API, without all that says nothing about fields. Pure.

`/openapi/v3/apis/batch/v1` of an API server is 450 kB, most of it descriptions; of a Job's types 35 kB are left.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

JOB = "io.k8s.api.batch.v1.Job"
CLAIM = "io.k8s.api.core.v1.PersistentVolumeClaimSpec"  # a Pod's ephemeral volumes bring it into the document of Jobs

_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
# Types that hold whatever is written into them, though the document calls them objects without fields.
_FREE = ("FieldsV1", "RawExtension", "JSON")
_KEPT = ("type", "format", "x-kubernetes-preserve-unknown-fields")

Schema = Mapping[str, Any]


class NoSchema(ValueError):
    """A document that does not describe Jobs."""


@dataclass(slots=True)
class Type:
    """The type of a value, resolved. `kind` is one of struct, map, array, string, boolean, int32, int64, number, time,
    quantity, int-or-string, anything.

    A struct has `fields`, a map or an array `items`. Types are shared and never changed once they are made.
    """

    kind: str
    name: str = ""  # of a struct, as the document has it
    fields: dict[str, "Type"] = field(default_factory=dict)
    items: "Type | None" = None


def definitions(document: Any) -> dict[str, Schema]:
    """The definitions of a Job and of all that it is made of, slimmed. Raises NoSchema."""
    try:
        schemas = document["components"]["schemas"]
        found: dict[str, Schema] = {}
        wanted = [JOB]
        while wanted:
            name = wanted.pop()
            if name not in found:
                found[name] = _slim(schemas[name])
                wanted.extend(_references(found[name]))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NoSchema(f"it does not describe {JOB}: {type(error).__name__} {error}") from None
    return dict(sorted(found.items()))


def types(slimmed: Mapping[str, Schema]) -> Mapping[str, Type]:
    """Each definition as a Type. Raises NoSchema where they don't fit together."""
    found: dict[str, Type] = {}
    try:
        for name in slimmed:
            _named(name, slimmed, found)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoSchema(f"its types don't fit together: {type(error).__name__} {error}") from None
    if JOB not in found or found[JOB].kind != "struct":
        raise NoSchema(f"it does not describe {JOB}")
    return found


def _slim(schema: Schema) -> Schema:
    """A single `allOf`, by which defaults and descriptions stand beside a reference, is the schema itself."""
    schema = {**schema, **(schema.get("allOf") or [{}])[0]}
    if "$ref" in schema:
        return {"$ref": str(schema["$ref"]).rsplit("/", 1)[-1]}
    kept: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        kept["properties"] = {name: _slim(value) for name, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            kept[key] = _slim(schema[key])
    return kept


def _references(schema: Schema) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"]
    for inner in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, Mapping):
            yield from _references(inner)


def _named(name: str, slimmed: Mapping[str, Schema], found: dict[str, Type]) -> Type:
    if name not in found:
        found[name] = made = Type("anything", name)  # before its parts: a type may contain itself
        _fill(made, slimmed[name], slimmed, found)
        if name == _QUANTITY:
            made.kind = "quantity"
        elif name.endswith(_FREE):
            made.kind = "anything"
    return found[name]


def _type(schema: Schema, slimmed: Mapping[str, Schema], found: dict[str, Type]) -> Type:
    if "$ref" in schema:
        return _named(schema["$ref"], slimmed, found)
    made = Type("anything")
    _fill(made, schema, slimmed, found)
    return made


def _fill(made: Type, schema: Schema, slimmed: Mapping[str, Schema], found: dict[str, Type]) -> None:
    made.kind = _kind(schema)
    if made.kind == "struct":
        made.fields = {name: _type(inner, slimmed, found) for name, inner in schema.get("properties", {}).items()}
    elif made.kind in ("map", "array"):
        made.items = _type(schema.get("items") or schema.get("additionalProperties") or {}, slimmed, found)


_KINDS: Mapping[tuple[Any, Any], str] = {
    ("integer", "int32"): "int32",
    ("string", "date-time"): "time",
}
_PLAIN_KINDS = {"array": "array", "string": "string", "boolean": "boolean", "number": "number", "integer": "int64"}


def _kind(schema: Schema) -> str:
    """What a document of the future may say that is not known here is `anything`: for the API server to judge."""
    type_, format_ = schema.get("type"), schema.get("format")
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return "anything"
    if format_ == "int-or-string":
        return "int-or-string"
    if type_ == "object":
        return "map" if "additionalProperties" in schema else "struct"
    return _KINDS.get((type_, format_)) or _PLAIN_KINDS.get(str(type_), "anything")
