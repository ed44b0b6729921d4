"""The fields of the built-in resources, from `builtin_schema.json` (written by tools/builtin_schema.py).

Decoding reads types from here, strategic merge patch and server-side apply the merge keys of lists.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_ANYTHING = frozenset(
    (
        f"{_META}FieldsV1",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    )
)


class FieldType:
    """The type of one value. `kind` is one of
    object, map, array, string, integer, number, boolean, bytes, time, micro-time, quantity, int-or-string, anything.

    `struct` is the Go type's name, for messages. `items` is the type of an array's or a map's entries.
    `merge_key` is the field by which a strategic merge patch joins the entries of a list (empty: it replaces the list,
    unless `merges`: then it is a set). `list_keys` are those of server-side apply. `omit_empty` says that an empty
    value ("", 0, false) is the same as none.
    """

    __slots__ = (
        "_properties",
        "_schema",
        "format",
        "kind",
        "list_keys",
        "list_type",
        "merge_key",
        "merges",
        "omit_empty",
        "struct",
    )

    def __init__(self, schema: Mapping[str, Any], struct: str = "") -> None:
        self._schema = schema
        self._properties: dict[str, FieldType] | None = None
        self.struct = struct
        self.format: str = schema.get("format", "")
        self.kind = _kind(schema, self.format)
        self.merge_key: str = schema.get("x-kubernetes-patch-merge-key", "")
        self.merges = "merge" in schema.get("x-kubernetes-patch-strategy", "").split(",")
        self.list_keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys", ()))
        self.omit_empty: bool = schema.get("x-omit-empty", False)
        self.list_type: str = schema.get("x-kubernetes-list-type", "")

    @property
    def properties(self) -> Mapping[str, "FieldType"]:
        """The fields of an object."""
        if self._properties is None:
            given = self._schema.get("properties", {})
            self._properties = {name: _field_type(schema, self.struct) for name, schema in given.items()}
        return self._properties

    @property
    def items(self) -> "FieldType":
        """The type of the entries of an array or a map."""
        schema = self._schema.get("items") or self._schema.get("additionalProperties") or {}
        return _field_type(schema if isinstance(schema, dict) else {}, self.struct)


_BY_FORMAT = {
    "date-time": "time",
    "micro-time": "micro-time",
    "byte": "bytes",
    "int-or-string": "int-or-string",
    "quantity": "quantity",
}


def _kind(schema: Mapping[str, Any], format_: str) -> str:
    if format_ in _BY_FORMAT:
        return _BY_FORMAT[format_]
    type_: str = schema.get("type", "anything")
    if type_ != "object":
        return type_
    if "properties" in schema:
        return "object"
    return "map" if "additionalProperties" in schema else "object"


@cache
def definitions() -> Mapping[str, Any]:
    """Every definition, by its OpenAPI name; `$ref` values are such names."""
    loaded: dict[str, Any] = msgspec.json.decode(files(__package__).joinpath("builtin_schema.json").read_bytes())
    loaded[_QUANTITY] = {"format": "quantity"}
    loaded[f"{_META}MicroTime"] = {"format": "micro-time"}
    for name in _ANYTHING:
        loaded[name] = {}
    return loaded


@cache
def _definition(name: str) -> FieldType:
    return FieldType(definitions()[name], name.rsplit(".", 1)[1])


def _field_type(schema: Mapping[str, Any], struct: str) -> FieldType:
    if "$ref" not in schema:
        return FieldType(schema, struct)
    return _definition(schema["$ref"])


@cache
def _roots() -> Mapping[tuple[str, str, str], str]:
    return {
        (said["group"], said["version"], said["kind"]): name
        for name, schema in definitions().items()
        for said in schema.get("x-kubernetes-group-version-kind", ())
    }


@cache
def type_of(group: str, version: str, kind: str) -> FieldType:
    """The type of a built-in kind's objects. Raises KeyError for kinds that are not built in."""
    return _definition(_roots()[group, version, kind])


def definition_name(group: str, version: str, kind: str) -> str:
    """The OpenAPI name of a built-in kind. Raises KeyError."""
    return _roots()[group, version, kind]


@cache
def object_meta() -> FieldType:
    """The type of every object's `metadata`."""
    return _definition(f"{_META}ObjectMeta")
