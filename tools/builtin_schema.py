"""Write zenflow/local/apiserver/schemas/builtin_schema.json: the field names and types of the built-in resources.

Read from the OpenAPI documents that come with the Kubernetes of tests/cluster/go.mod:

    python -m tools.builtin_schema > zenflow/local/apiserver/schemas/builtin_schema.json

Only what the embedded API server reads is kept (no descriptions).
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from tools.protobuf_fields import folder_of, package

ROOTS = {
    "api/v1": [
        "Namespace",
        "Node",
        "Pod",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "Service",
        "ServiceAccount",
        "Event",
    ],
    "apis/batch/v1": ["Job"],
    "apis/coordination.k8s.io/v1": ["Lease"],
    "apis/events.k8s.io/v1": ["Event"],
    "apis/authorization.k8s.io/v1": ["SelfSubjectAccessReview"],
    "apis/apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
}
KEPT = (
    "$ref",
    "type",
    "format",
    "properties",
    "items",
    "additionalProperties",
    "required",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
)


OMITTED = re.compile(r'^\t(?:\w+ +)?(\S+) +`json:"(\w*),(omitempty|inline)', re.M)


@cache
def omitted(name: str) -> frozenset[str]:
    """The scalar fields of a definition that Go leaves out when empty: those with `omitempty` that are no pointers."""
    path, struct = package_of(name)
    if path is None:
        return frozenset()
    home = package(path)
    found: set[str] = set()
    for go_type, field, how in OMITTED.findall(home.structs.get(struct, "")):
        if how == "inline" and go_type in home.structs:
            found |= omitted(name.rsplit(".", 1)[0] + f".{go_type}")
        elif field and home.named.get(go_type, go_type) in ("string", "bool", "int32", "int64"):
            found.add(field)
    return frozenset(found)


def package_of(name: str) -> tuple[str | None, str]:
    """Where the Go struct of a definition stands: `io.k8s.api.core.v1.Pod` is in `api/core/v1`."""
    parts = name.removeprefix("io.k8s.").split(".")
    if parts[0] == "api" and len(parts) == 4:
        return "/".join(parts[:-1]), parts[-1]
    if name.startswith("io.k8s.apimachinery.pkg.apis.meta.v1."):
        return "apimachinery/pkg/apis/meta/v1", parts[-1]
    return None, parts[-1]


def marked(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A definition with its fields marked that are left out when empty."""
    for field, value in schema.get("properties", {}).items():
        if field in omitted(name) and value.get("type") in ("string", "boolean", "integer"):
            value["x-omit-empty"] = True
    return schema


def slim(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what nobody reads; a single `allOf` is its only member."""
    schema = {**schema, **(schema.get("allOf") or [{}])[0]}
    kept = {key: schema[key] for key in KEPT if key in schema}
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].rsplit("/", 1)[1]
    if "properties" in kept:
        kept["properties"] = {name: slim(value) for name, value in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = slim(kept[key])
    return kept


def references(schema: Any) -> Iterator[str]:
    """Every definition a schema names."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)


def collect(document: dict[str, Any], kinds: list[str], into: dict[str, Any]) -> None:
    """Add the definitions of these kinds, and of everything they name."""
    schemas = document["components"]["schemas"]
    wanted = [
        name
        for name, schema in schemas.items()
        if name.rsplit(".", 1)[1] in kinds and "x-kubernetes-group-version-kind" in schema
    ]
    while wanted:
        name = wanted.pop()
        if name not in into:
            into[name] = marked(name, slim(schemas[name]))
            wanted.extend(references(into[name]))


def main() -> None:
    definitions: dict[str, Any] = {}
    documents = folder_of("kubernetes") / "api" / "openapi-spec" / "v3"
    for path, kinds in ROOTS.items():
        document = documents / f"{path.replace('/', '__')}_openapi.json"
        collect(json.loads(document.read_text()), kinds, definitions)
    json.dump(dict(sorted(definitions.items())), sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
