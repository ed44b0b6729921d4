"""Discovery: which groups, versions and resources there are, as kubectl asks before anything else.

Both forms are here: a document per group and version, and the aggregated one (apidiscovery.k8s.io/v2, KEP-3352)
that kubectl prefers. Pure; everything is read from the Registry.
"""

import re
from collections.abc import Iterable
from typing import Any

from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.version import KUBERNETES, MAJOR, MINOR

VERSION = {
    "major": str(MAJOR),
    "minor": str(MINOR),
    "gitVersion": f"{KUBERNETES}+zenflow",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
"""Clients warn when it is far from their own version."""

_SUBRESOURCE_VERBS = {"log": ("get",), "binding": ("create",), "eviction": ("create",), "finalize": ("update",)}
_STATUS_VERBS = ("get", "patch", "update")

_STABILITY = {"": 2, "beta": 1, "alpha": 0}
_KUBE_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


def document(registry: Registry, path: str, *, aggregated: bool = False) -> dict[str, Any] | None:
    """The discovery document at a path, or None where there is none. `aggregated` matters at `/api`, `/apis`."""
    match path.strip("/").split("/"):
        case ["api"]:
            return _aggregated(registry, [""]) if aggregated else _core_versions(registry)
        case ["apis"]:
            return _aggregated(registry, _named_groups(registry)) if aggregated else _groups(registry)
        case ["api", version]:
            return _resources(registry, "", version)
        case ["apis", group]:
            return (
                {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)} if _has(registry, group) else None
            )
        case ["apis", group, version] if group:
            return _resources(registry, group, version)
    return None


def versions(registry: Registry, group: str) -> list[str]:
    """The served versions of a group, the most stable and newest first: v2, v1, v1beta1, v1alpha2, other."""
    return sorted(sorted(registry.versions(group)), key=_priority, reverse=True)


def _priority(version: str) -> tuple[int, int, int]:
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return (-1, 0, 0)
    return (_STABILITY[match[2] or ""], int(match[1]), int(match[3] or 0))


def _named_groups(registry: Registry) -> list[str]:
    return [group for group in registry.groups() if group]


def _has(registry: Registry, group: str) -> bool:
    return bool(group) and group in registry.groups()


def _types(registry: Registry, group: str, version: str) -> list[ResourceType]:
    found = [type_ for type_ in registry.types() if (type_.group, type_.version) == (group, version)]
    return sorted(found, key=lambda type_: type_.plural)


# A document for each group and version


def _core_versions(registry: Registry) -> dict[str, Any]:
    return {"kind": "APIVersions", "versions": versions(registry, ""), "serverAddressByClientCIDRs": []}


def _groups(registry: Registry) -> dict[str, Any]:
    groups = [_group(registry, group) for group in _named_groups(registry)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(registry: Registry, group: str) -> dict[str, Any]:
    served = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions(registry, group)]
    return {"name": group, "versions": served, "preferredVersion": next(iter(served), None)}


def _resources(registry: Registry, group: str, version: str) -> dict[str, Any] | None:
    types = _types(registry, group, version)
    if not types:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": types[0].api_version,
        "resources": [entry for type_ in types for entry in _resource_entries(type_)],
    }


def _resource_entries(type_: ResourceType) -> Iterable[dict[str, Any]]:
    common = {"namespaced": type_.namespaced, "kind": type_.kind}
    lists = {"shortNames": list(type_.short_names), "categories": list(type_.categories)}
    yield {
        "name": type_.plural,
        "singularName": type_.singular or type_.kind.lower(),
        **common,
        "verbs": list(type_.verbs),
        **{key: value for key, value in lists.items() if value},
    }
    for subresource in type_.subresources:
        verbs = list(_verbs_of(subresource))
        yield {"name": f"{type_.plural}/{subresource}", "singularName": "", **common, "verbs": verbs}


def _verbs_of(subresource: str) -> tuple[str, ...]:
    return _SUBRESOURCE_VERBS.get(subresource, _STATUS_VERBS)


# One document for all


def _aggregated(registry: Registry, groups: Iterable[str]) -> dict[str, Any]:
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_aggregated_group(registry, group) for group in groups],
    }


def _aggregated_group(registry: Registry, group: str) -> dict[str, Any]:
    served = [
        {
            "version": version,
            "resources": [_aggregated_resource(type_) for type_ in _types(registry, group, version)],
            "freshness": "Current",
        }
        for version in versions(registry, group)
    ]
    return {"metadata": {"name": group} if group else {}, "versions": served}


def _aggregated_resource(type_: ResourceType) -> dict[str, Any]:
    kind = {"group": type_.group, "version": type_.version, "kind": type_.kind}
    lists = {"shortNames": list(type_.short_names), "categories": list(type_.categories)}
    subresources = [
        {"subresource": name, "responseKind": kind, "verbs": list(_verbs_of(name))} for name in type_.subresources
    ]
    return {
        "resource": type_.plural,
        "responseKind": kind,
        "scope": "Namespaced" if type_.namespaced else "Cluster",
        "singularResource": type_.singular or type_.kind.lower(),
        "verbs": list(type_.verbs),
        **{key: value for key, value in lists.items() if value},
        **({"subresources": subresources} if subresources else {}),
    }
