"""Which resources the embedded API server serves: the built-in ones and those of CustomResourceDefinitions.

The API server looks a request's resource up here, discovery and OpenAPI list it.
Holds no objects and never talks to anyone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get` (`additionalPrinterColumns` of a CRD). Priority above 0: only with `-o wide`."""

    name: str
    type: str
    json_path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource in one served version.

    `schema` is OpenAPI v3 (without `$ref` for custom resources; for built-in kinds see `schemas.builtin`).
    `storage_version` is the version its objects are stored in: several served versions share one storage.
    `storage` names that storage; it differs from group and plural only for Events, which two groups share.
    """

    group: str
    version: str
    plural: str
    kind: str
    singular: str = ""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    schema: Mapping[str, Any] | None = None
    printer_columns: tuple[PrinterColumn, ...] = ()
    selectable_fields: tuple[str, ...] = ()
    storage: str = ""
    storage_version: str = ""
    list_kind: str = ""
    custom: bool = False
    deprecation: str = ""

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`plural.group`, as error messages name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Kind.group`, as validation errors name a kind."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def storage_name(self) -> str:
        """The storage its objects live in."""
        return self.storage or self.qualified

    @property
    def has_status(self) -> bool:
        """Whether `/status` is an endpoint of its own."""
        return "status" in self.subresources

    @property
    def list_name(self) -> str:
        """The kind of a list of these."""
        return self.list_kind or f"{self.kind}List"


@dataclass(slots=True)
class Registry:
    """The served resources, by group, version and plural. Changed and read under the API server's lock.

    `revision` grows with each change, so that discovery and OpenAPI documents may be kept until it does.
    """

    revision: int = 0
    _types: dict[tuple[str, str, str], ResourceType] = field(default_factory=dict)

    def add(self, types: Iterable[ResourceType]) -> None:
        """Serve these, replacing what was served under the same group, version and plural."""
        for type_ in types:
            self._types = {**self._types, (type_.group, type_.version, type_.plural): type_}
        self.revision += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of this resource any more."""
        self._types = {key: t for key, t in self._types.items() if (t.group, t.plural) != (group, plural)}
        self.revision += 1

    def lookup(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The resource, or None if it is not served."""
        return self._types.get((group, version, plural))

    def types(self) -> tuple[ResourceType, ...]:
        """All served resources, in the order they were added."""
        return tuple(self._types.values())

    def versions(self, group: str) -> tuple[str, ...]:
        """The served versions of a group, in the order they were added."""
        return tuple(dict.fromkeys(t.version for t in self.types() if t.group == group))

    def groups(self) -> tuple[str, ...]:
        """The served groups, the core group as an empty string."""
        return tuple(dict.fromkeys(t.group for t in self.types()))

    def of_kind(self, group: str, kind: str) -> ResourceType | None:
        """Any served version of a kind, for example to follow an owner reference."""
        return next((t for t in self.types() if (t.group, t.kind) == (group, kind)), None)
