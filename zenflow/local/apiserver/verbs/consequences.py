"""What a write to one object means for others: definitions make resources, namespaces hold objects.

These are chores of kube-apiserver's own controllers and of the namespace controller, done at once here.
"""

from zenflow.local import refusals
from zenflow.local.builtins import DEFINITIONS, NAMESPACES
from zenflow.local.core import Core
from zenflow.local.kinds.definitions import resource_types
from zenflow.local.kinds.strategy import Object
from zenflow.local.registry import ResourceType
from zenflow.local.routes import Target
from zenflow.local.store import Entry
from zenflow.runtime.errors import Cause


def require_namespace(core: Core, target: Target, name: str) -> None:
    """Objects are created only in namespaces that exist and stay. Raises 404 or 403."""
    if not target.namespace:
        return
    namespace = core.entry(Target(NAMESPACES, name=target.namespace)).decoded
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        cause = Cause("NamespaceTerminating", f"namespace {target.namespace} is being terminated", "metadata.namespace")
        raise refusals.forbidden(target.type, name, why, [cause])


def written(core: Core, type_: ResourceType, entry: Entry) -> None:
    """An object was created or updated."""
    if type_ is DEFINITIONS:
        core.serve(resource_types(entry.decoded))


def remove(core: Core, type_: ResourceType, key: str, last_state: Object | None = None) -> Entry:
    """Delete an object for good, and what can't be without it."""
    entry = core.store.remove(type_.storage_name, key, last_state)
    gone = entry.decoded
    for owner in [owner for owner in core.applied if owner[0] == gone["metadata"]["uid"]]:
        del core.applied[owner]
    if type_ is DEFINITIONS:
        _stop_serving(core, gone["spec"]["group"], gone["spec"]["names"]["plural"])
    if namespace := gone["metadata"].get("namespace"):
        remove_if_empty(core, namespace)
    return entry


def _stop_serving(core: Core, group: str, plural: str) -> None:
    """The objects go with their definition, whatever their finalizers say."""
    type_ = next((type_ for type_ in core.registry.types() if (type_.group, type_.plural) == (group, plural)), None)
    if type_ is not None:
        for key in list(core.store.storage(type_.storage_name).keys):
            core.store.remove(type_.storage_name, key)
    core.registry.remove(group, plural)


def remove_if_empty(core: Core, name: str) -> None:
    """End a namespace that is being deleted once the last object in it is gone."""
    entry = core.store.storage(NAMESPACES.storage_name).entries.get(name)
    if entry is None or "deletionTimestamp" not in entry.decoded["metadata"]:
        return
    if next(core.entries_in(name), None) is None:
        core.store.remove(NAMESPACES.storage_name, name)
