"""What a write to one object means for others: definitions make resources, namespaces hold objects.

These are chores of kube-apiserver's own controllers and of the namespace controller, done at once here.
"""

from zenflow.local.apiserver.errors import refusals
from zenflow.local.apiserver.kinds.catalog import DEFINITIONS, NAMESPACES
from zenflow.local.apiserver.kinds.definitions import resource_types
from zenflow.local.apiserver.kinds.strategy import Object
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.requests.routes import Target
from zenflow.local.apiserver.state import State
from zenflow.local.apiserver.storage.store import Entry
from zenflow.runtime.errors import Cause


def require_namespace(state: State, target: Target, name: str) -> None:
    """Objects are created only in namespaces that exist and stay. Raises 404 or 403."""
    if not target.namespace:
        return
    namespace = state.entry(Target(NAMESPACES, name=target.namespace)).decoded
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        cause = Cause("NamespaceTerminating", f"namespace {target.namespace} is being terminated", "metadata.namespace")
        raise refusals.forbidden(target.type, name, why, [cause])


def written(state: State, type_: ResourceType, entry: Entry) -> None:
    """An object was created or updated."""
    if type_ is DEFINITIONS:
        state.serve(resource_types(entry.decoded))


def remove(state: State, type_: ResourceType, key: str, last_state: Object | None = None) -> Entry:
    """Delete an object for good, and what can't be without it."""
    entry = state.store.remove(type_.storage_name, key, last_state)
    gone = entry.decoded
    for owner in [owner for owner in state.applied if owner[0] == gone["metadata"]["uid"]]:
        del state.applied[owner]
    if type_ is DEFINITIONS:
        _stop_serving(state, gone["spec"]["group"], gone["spec"]["names"]["plural"])
    if namespace := gone["metadata"].get("namespace"):
        remove_if_empty(state, namespace)
    return entry


def _stop_serving(state: State, group: str, plural: str) -> None:
    """The objects go with their definition, whatever their finalizers say."""
    type_ = next((type_ for type_ in state.registry.types() if (type_.group, type_.plural) == (group, plural)), None)
    if type_ is not None and not type_.custom:
        # A built-in resource of the same name is served as before.
        return
    if type_ is not None:
        for key in list(state.store.storage(type_.storage_name).keys):
            state.store.remove(type_.storage_name, key)
    state.registry.remove(group, plural)


def remove_if_empty(state: State, name: str) -> None:
    """End a namespace that is being deleted once the last object in it is gone."""
    entry = state.store.storage(NAMESPACES.storage_name).entries.get(name)
    if entry is None or "deletionTimestamp" not in entry.decoded["metadata"]:
        return
    if next(state.entries_in(name), None) is None:
        state.store.remove(NAMESPACES.storage_name, name)
