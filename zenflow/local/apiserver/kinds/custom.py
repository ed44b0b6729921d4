"""Custom resources: everything about them is in their schema."""

from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, restore, text_at
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas import pruning, validation
from zenflow.local.apiserver.schemas.structural import Schema
from zenflow.runtime.errors import Cause


class Custom(Strategy):
    """The rules of one version of a CustomResourceDefinition."""

    unconditional_update = False
    standard_finalizers = False
    counts_generation = True

    def __init__(self, type_: ResourceType) -> None:
        self.schema = Schema(type_.schema or {})
        self._has_status = type_.has_status
        self.status_keeps_metadata = True
        self.selectable = tuple(path.removeprefix(".") for path in type_.selectable_fields)

    def prune(self, new: Object, unknown: list[str]) -> None:
        """Drop the fields that the schema does not know, and tell which."""
        pruning.prune(self.schema, new, unknown)

    def default(self, new: Object) -> None:
        pruning.apply_defaults(self.schema, new)

    def prepare_for_create(self, new: Object) -> None:
        if self._has_status:
            new.pop("status", None)

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        if self._has_status:
            restore(new, old, "status")

    def spec_changed(self, new: Frozen, old: Frozen) -> bool:
        ignored = {"metadata", "status"} if self._has_status else {"metadata"}
        return any(new.get(name) != old.get(name) for name in {*new, *old} - ignored)

    def problems(self, new: Frozen) -> list[Cause]:
        return validation.validate(self.schema, new)

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return validation.validate(self.schema, new, old)

    def status_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return validation.validate_status(self.schema, new, old)

    def field_value(self, decoded: Frozen, path: str) -> str:
        return text_at(decoded, path)
