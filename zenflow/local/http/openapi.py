"""OpenAPI v3: the fields of every resource, as `kubectl explain` and `kubectl apply` read them.

One document per group and version and an index of them (`/openapi/v3`). Pure, apart from keeping documents until the
registry changes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.apiserver.schemas import builtin
from zenflow.local.version import KUBERNETES
from zenflow.runtime.transport import APPLY_PATCH, JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH

Schema = dict[str, Any]

PREFIX = "/openapi/v3"
PATH_V2 = "/openapi/v2"
EMPTY_V2 = b"\n\x032.0"
"""A version 2 document, in protobuf, that says nothing but `swagger: "2.0"`.

kubectl asks for it only when it is to apply a kind that is not served; finding nothing, it says so.
"""
_COMPONENTS = "#/components/schemas/"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TYPE_META = {
    "apiVersion": {"description": "The group and version this object is written in.", "type": "string"},
    "kind": {"description": "The kind of this object, in CamelCase.", "type": "string"},
    "metadata": {
        "description": "The metadata that every object has.",
        "allOf": [{"$ref": _COMPONENTS + _OBJECT_META}],
    },
}
# kubectl sends `fieldValidation=Strict` only where the document of a resource says that its PATCH knows it.
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_LIST_PARAMETERS = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_DELETE_PARAMETERS = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_FLAGS = ("allowWatchBookmarks", "force", "orphanDependents", "sendInitialEvents", "watch")
_NUMBERS = ("gracePeriodSeconds", "limit", "timeoutSeconds")


class OpenApi:
    """The documents of one registry, encoded, made when first asked for and again when the registry has changed."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._revision = -1
        self._documents: Mapping[str, bytes] = {}

    def answer(self, path: str) -> bytes | None:
        """The document at a path below `/openapi`, or None."""
        if self._revision != self._registry.revision:
            revision = self._registry.revision
            self._documents = {
                _path_of(t): msgspec.json.encode(document(group)) for t, group in _groups(self._registry)
            }
            self._revision = revision
        if path == PREFIX:
            return msgspec.json.encode(index(self._documents))
        return self._documents.get(path.removeprefix(f"{PREFIX}/"))


def index(documents: Mapping[str, bytes]) -> dict[str, Any]:
    """Where the documents are. The hash lets kubectl keep one on disk for as long as it is the same."""
    return {
        "paths": {
            path: {"serverRelativeURL": f"{PREFIX}/{path}?hash={hashlib.sha256(content).hexdigest()}"}
            for path, content in documents.items()
        }
    }


def document(types: Iterable[ResourceType]) -> dict[str, Any]:
    """The OpenAPI v3 document of these resources, which are of one group and version."""
    schemas: dict[str, Schema] = {}
    paths: dict[str, Any] = {}
    for type_ in types:
        name = definition_name(type_)
        schemas[name] = _object_schema(type_)
        paths |= _paths(type_, name)
    _complete(schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def definition_name(type_: ResourceType) -> str:
    """The name of a kind's schema; that of a custom resource is its group turned round: com.example.v1.Widget."""
    if type_.custom:
        return ".".join([*reversed(type_.group.split(".")), type_.version, type_.kind])
    return builtin.definition_name(type_.group, type_.version, type_.kind)


def _groups(registry: Registry) -> Iterable[tuple[ResourceType, list[ResourceType]]]:
    """The resources of each group and version, with one of them to stand for all."""
    groups: dict[str, list[ResourceType]] = {}
    for type_ in registry.types():
        groups.setdefault(type_.api_version, []).append(type_)
    return ((group[0], group) for group in groups.values())


def _path_of(type_: ResourceType) -> str:
    return f"apis/{type_.api_version}" if type_.group else f"api/{type_.version}"


# Schemas


def _object_schema(type_: ResourceType) -> Schema:
    if not type_.custom:
        return _linked(builtin.definitions()[definition_name(type_)])
    given = dict(type_.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    said = [{"group": type_.group, "version": type_.version, "kind": type_.kind}]
    properties = {**(given.get("properties") or {}), **_TYPE_META}
    return {**given, "properties": properties, "x-kubernetes-group-version-kind": said}


def _linked(schema: Schema) -> Schema:
    """A built-in schema with its references as a document has them: alone, or in `allOf` beside other keywords."""
    linked: Schema = {key: value for key, value in schema.items() if key not in ("$ref", "x-omit-empty")}
    if "properties" in schema:
        linked["properties"] = {name: _linked(value) for name, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            linked[key] = _linked(schema[key])
    if "$ref" in schema:
        reference = {"$ref": _COMPONENTS + schema["$ref"]}
        return {**linked, "allOf": [reference]} if linked else reference
    return linked


def _complete(schemas: dict[str, Schema]) -> None:
    """Add every built-in schema that one of these refers to."""
    wanted = list(_references(schemas))
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = _linked(builtin.definitions()[name])
            wanted.extend(_references(schemas[name]))


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(_COMPONENTS):
            yield reference.removeprefix(_COMPONENTS)
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


# Paths


def _paths(type_: ResourceType, name: str) -> dict[str, Any]:
    base = f"/{_path_of(type_)}"
    scope = f"{base}/namespaces/{{namespace}}" if type_.namespaced else base
    collection, item = f"{scope}/{type_.plural}", f"{scope}/{type_.plural}/{{name}}"
    operations = _Operations(type_, name)
    paths = {collection: operations.of_collection(), item: operations.of_item()}
    if type_.namespaced:
        paths[f"{base}/{type_.plural}"] = operations.across_namespaces()
    if type_.has_status:
        paths[f"{item}/status"] = operations.of_status()
    # Reviews can only be created: what a resource has no verb for has no path either.
    return {path: content for path, content in paths.items() if len(content) > 1}


class _Operations:
    """The OpenAPI operations of one resource."""

    def __init__(self, type_: ResourceType, name: str) -> None:
        self._type = type_
        self._schema = {"$ref": _COMPONENTS + name}
        self._place = [_parameter("namespace", "path")] if type_.namespaced else []

    def of_collection(self) -> dict[str, Any]:
        return {
            "parameters": self._place,
            **self._operation("get", "list", _LIST_PARAMETERS),
            **self._operation("post", "create", _WRITE_PARAMETERS, (JSON,)),
            **self._operation("delete", "deletecollection", (*_LIST_PARAMETERS, *_DELETE_PARAMETERS)),
        }

    def across_namespaces(self) -> dict[str, Any]:
        return {"parameters": [], **self._operation("get", "list", _LIST_PARAMETERS)}

    def of_item(self) -> dict[str, Any]:
        return {**self.of_status(), **self._operation("delete", "delete", _DELETE_PARAMETERS)}

    def of_status(self) -> dict[str, Any]:
        patches = [APPLY_PATCH, JSON_PATCH, MERGE_PATCH]
        if not self._type.custom:
            patches.append(STRATEGIC_MERGE_PATCH)
        return {
            "parameters": [*self._place, _parameter("name", "path")],
            **self._operation("get", "get", ()),
            **self._operation("put", "update", _WRITE_PARAMETERS, (JSON,)),
            **self._operation("patch", "patch", (*_WRITE_PARAMETERS, "force"), patches),
        }

    def _operation(
        self, method: str, verb: str, parameters: Iterable[str], accepts: Iterable[str] = ()
    ) -> dict[str, Any]:
        """One operation under its HTTP method; nothing if the resource does not know the verb."""
        if verb not in self._type.verbs:
            return {}
        type_ = self._type
        operation: dict[str, Any] = {
            "parameters": [_parameter(name, "query") for name in parameters],
            "responses": {"200": {"description": "OK", "content": {JSON: {"schema": self._schema}}}},
            "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
            "x-kubernetes-group-version-kind": {"group": type_.group, "version": type_.version, "kind": type_.kind},
        }
        if content := {media_type: {"schema": self._schema} for media_type in accepts}:
            operation["requestBody"] = {"required": True, "content": content}
        return {method: operation}


def _parameter(name: str, where: str) -> dict[str, Any]:
    type_ = "boolean" if name in _FLAGS else "integer" if name in _NUMBERS else "string"
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": type_}}
