"""From a path to what it names: resource, namespace, object, subresource.

Only looks the resource up; whether the verb fits is the API server's question.
"""

from dataclasses import dataclass

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.registry import Registry, ResourceType
from zenflow.local.apiserver.storage.store import object_key
from zenflow.runtime.errors import NotFound

NO_PAGE = "404 page not found"
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names. No `name`: the collection. A namespaced resource without `namespace`: all namespaces."""

    type: ResourceType
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        """Its key in the storage."""
        return object_key(self.namespace, self.name)

    @property
    def prefix(self) -> str:
        """What the keys of the collection start with."""
        return f"{self.namespace}/" if self.namespace else ""


def parse(registry: Registry, path: str) -> Target:
    """What a path names. Raises 404: unknown groups and custom resources get the bare page, as from the real server."""
    group, version, rest = _split(path)
    if version not in registry.versions(group):
        raise _no_page()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _NAMESPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    type_ = registry.lookup(group, version, plural)
    if type_ is None:
        raise _no_page() if _is_custom(registry, group) else refusals.unknown_path()
    target = Target(type_, namespace, name, subresource)
    if len(rest) > 3 or not _fits(target):
        raise refusals.unknown_path()
    return target


def _split(path: str) -> tuple[str, str, list[str]]:
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    raise _no_page()


def _fits(target: Target) -> bool:
    type_ = target.type
    if target.subresource and target.subresource not in type_.subresources:
        return False
    if type_.namespaced:
        return bool(target.namespace) or not target.name
    return not target.namespace


def _is_custom(registry: Registry, group: str) -> bool:
    return all(type_.custom for type_ in registry.types() if type_.group == group)


def _no_page() -> NotFound:
    return NotFound(404, "", NO_PAGE)
