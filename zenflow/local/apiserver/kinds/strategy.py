"""The questions the API server asks about a kind, with the answers of a kind that has no rules of its own.

The order of a create: default, prepare_for_create, admission, problems. Of an update: default, prepare_for_update
(or prepare_status_update), admission, update_problems. All of them see decoded objects in the stored version.
"""

from collections.abc import Mapping
from typing import Any

from zenflow.local.apiserver.errors.name_formats import NameRule, dns_subdomain
from zenflow.runtime.errors import Cause

Object = dict[str, Any]
Frozen = Mapping[str, Any]


class Strategy:
    """A plain kind: fields are stored as they come."""

    name_rule: NameRule = staticmethod(dns_subdomain)
    unconditional_update = True
    """Whether an update without a resourceVersion is accepted."""
    create_on_update = False
    """Whether a PUT to a name that is free creates the object."""
    standard_finalizers = True
    """Whether finalizers without a domain must be the ones Kubernetes itself uses."""
    counts_generation = False
    """Whether metadata.generation counts the changes of the spec."""
    orphans_dependents = False
    """Whether a delete that does not say what happens to dependents leaves them alone."""
    status_keeps_metadata = False
    """Whether a write to /status leaves labels and annotations as they are."""
    selectable: tuple[str, ...] = ()
    """The paths of field selectors besides metadata.name and metadata.namespace."""
    unselectable = "field label not supported: {}"
    """What is said of any other path."""

    def default(self, new: Object) -> None:
        """Fill in the defaults of absent fields."""

    def prepare_for_create(self, new: Object) -> None:
        """Reset what a creator may not set. A status is not the creator's to give."""
        new.pop("status", None)

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        """Put back what an update may not change. The status has an endpoint of its own."""
        restore(new, old, "status")

    def prepare_status_update(self, new: Object, old: Frozen) -> None:
        """Put back everything that is not status."""
        for name in {*new, *old} - {"status", "metadata", "apiVersion", "kind"}:
            restore(new, old, name)

    def spec_changed(self, new: Frozen, old: Frozen) -> bool:
        """Whether metadata.generation must go up."""
        return bool(new.get("spec") != old.get("spec"))

    def problems(self, new: Frozen) -> list[Cause]:
        """What is wrong with a new object, besides its metadata."""
        return []

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        """What is wrong with an update, besides its metadata."""
        return self.problems(new)

    def status_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        """What is wrong with a status update."""
        return []

    def grace_period(self, old: Frozen, asked: int | None) -> int:
        """Seconds between a delete and the object's end. Only Pods have any."""
        return 0

    def field_value(self, decoded: Frozen, path: str) -> str:
        """A selectable field as text; absent is empty."""
        return text_at(decoded, path)


def restore(new: Object, old: Frozen, name: str) -> None:
    """Make a field what it was."""
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)


def text_at(decoded: Frozen, path: str) -> str:
    """The value at a dotted path as field selectors compare it."""
    value: Any = decoded
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
