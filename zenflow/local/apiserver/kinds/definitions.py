"""CustomResourceDefinitions: what is wrong with one, and the resources it makes the server serve."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, dns_subdomain
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy
from zenflow.local.apiserver.registry import PrinterColumn, ResourceType
from zenflow.local.apiserver.schemas.structural import Schema
from zenflow.runtime.errors import Cause

_SCOPES = ("Cluster", "Namespaced")
_TYPES = ("array", "boolean", "integer", "number", "object", "string")


class Definitions(Strategy):
    """apiextensions.k8s.io/v1. A definition is established the moment it is stored."""

    unconditional_update = False
    counts_generation = True

    def default(self, new: Object) -> None:
        spec = new.setdefault("spec", {})
        names = spec.setdefault("names", {})
        if kind := names.get("kind"):
            names.setdefault("singular", kind.lower())
            names.setdefault("listKind", f"{kind}List")
        spec.setdefault("conversion", {"strategy": "None"})

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = _established(new)

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        super().prepare_for_update(new, old)
        stored = list(old["status"]["storedVersions"])
        added = [name for name in _storage_versions(new["spec"]) if name not in stored]
        new["status"] = {**old["status"], "acceptedNames": new["spec"]["names"], "storedVersions": stored + added}

    def problems(self, new: Frozen) -> list[Cause]:
        spec, names = new["spec"], new["spec"]["names"]
        found = []
        if new["metadata"].get("name") and new["metadata"]["name"] != f"{names.get('plural')}.{spec.get('group')}":
            why = 'must be spec.names.plural+"."+spec.group'
            found.append(field_errors.invalid("metadata.name", new["metadata"]["name"], why))
        found += _required(spec, "spec", ("group",)) + _required(names, "spec.names", ("plural", "kind"))
        found += [field_errors.invalid("spec.group", spec["group"], w) for w in dns_subdomain(spec.get("group") or "a")]
        if spec.get("group") and "." not in spec["group"]:
            why = "should be a domain with at least one dot"
            found.append(field_errors.invalid("spec.group", spec["group"], why))
        if spec.get("scope") not in _SCOPES:
            found.append(field_errors.unsupported("spec.scope", spec.get("scope", ""), _SCOPES))
        for index, version in enumerate(spec.get("versions") or ()):
            found += _version_problems(version, f"spec.versions[{index}]")
        if len(_storage_versions(spec)) != 1:
            why = "must have exactly one version marked as storage version"
            found.append(field_errors.invalid("spec.versions", spec.get("versions"), why))
        return found

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        found = self.problems(new)
        for path in (("group",), ("scope",), ("names", "kind"), ("names", "plural")):
            if _at(new["spec"], path) != _at(old["spec"], path):
                field = ".".join(("spec", *path))
                found.append(field_errors.invalid(field, _at(new["spec"], path), "field is immutable"))
        return found


def _required(owner: Mapping[str, Any], field: str, names: tuple[str, ...]) -> list[Cause]:
    return [field_errors.required(f"{field}.{name}") for name in names if not owner.get(name)]


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name, {})
    return value


def _storage_versions(spec: Mapping[str, Any]) -> list[str]:
    return [version.get("name", "") for version in spec.get("versions") or () if version.get("storage")]


def _version_problems(version: Mapping[str, Any], field: str) -> list[Cause]:
    found = [
        field_errors.invalid(f"{field}.name", version.get("name", ""), w) for w in dns_label(version.get("name", ""))
    ]
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not schema:
        return [*found, field_errors.required(f"{field}.schema.openAPIV3Schema")]
    at = f"{field}.schema.openAPIV3Schema"
    found += list(_structural_problems(schema, at))
    if schema.get("type") != "object":
        found.append(field_errors.invalid(f"{at}.type", schema.get("type", ""), "must be object at the root"))
    return found if found else _compile_problems(schema, at)


def _structural_problems(schema: Any, at: str) -> Iterator[Cause]:
    """A structural schema names a type everywhere, so that pruning knows what to do."""
    typed = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-int-or-string")
    kind = schema.get("type", "")
    if not kind and not typed:
        yield field_errors.required(f"{at}.type", "must not be empty for specified object fields")
    elif kind and kind not in _TYPES:
        yield field_errors.unsupported(f"{at}.type", kind, _TYPES)
    for name, child in (schema.get("properties") or {}).items():
        yield from _structural_problems(child, f"{at}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _structural_problems(schema[name], f"{at}.{name}")
    if kind == "array" and not schema.get("items"):
        yield field_errors.required(f"{at}.items", "must be specified")


def _compile_problems(schema: Mapping[str, Any], at: str) -> list[Cause]:
    try:
        Schema(schema)
    except re.error as wrong:
        return [
            field_errors.invalid(
                f"{at}.pattern", wrong.pattern, f"must be a valid regular expression, but isn't: {wrong}"
            )
        ]
    return []


def _established(new: Frozen) -> dict[str, Any]:
    now = new["metadata"]["creationTimestamp"]
    return {
        "conditions": [
            _condition("NamesAccepted", now, "NoConflicts", "no conflicts found"),
            _condition("Established", now, "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": new["spec"]["names"],
        "storedVersions": _storage_versions(new["spec"]),
    }


def _condition(type_: str, now: str, reason: str, message: str) -> dict[str, str]:
    return {"type": type_, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def resource_types(definition: Frozen) -> list[ResourceType]:
    """The resources that a stored definition makes the server serve, one for each served version."""
    spec = definition["spec"]
    storage = _storage_versions(spec)[0]
    return [_resource_type(spec, version, storage) for version in spec["versions"] if version.get("served")]


def _resource_type(spec: Mapping[str, Any], version: Mapping[str, Any], storage: str) -> ResourceType:
    names, subresources = spec["names"], version.get("subresources") or {}
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        singular=names["singular"],
        list_kind=names["listKind"],
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        namespaced=spec["scope"] == "Namespaced",
        subresources=("status",) if subresources.get("status") is not None else (),
        schema=version["schema"]["openAPIV3Schema"],
        printer_columns=tuple(_column(column) for column in version.get("additionalPrinterColumns") or ()),
        selectable_fields=tuple(field["jsonPath"] for field in version.get("selectableFields") or ()),
        storage_version=storage,
        custom=True,
        deprecation=_deprecation(spec, version),
    )


def _column(column: Mapping[str, Any]) -> PrinterColumn:
    return PrinterColumn(
        column["name"],
        column.get("type", "string"),
        column["jsonPath"],
        column.get("description", ""),
        column.get("format", ""),
        column.get("priority", 0),
    )


def _deprecation(spec: Mapping[str, Any], version: Mapping[str, Any]) -> str:
    if not version.get("deprecated"):
        return ""
    default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return str(version.get("deprecationWarning") or default)
