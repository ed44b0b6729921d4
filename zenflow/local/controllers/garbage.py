"""The garbage collector of the local cluster: dependents go when their owners are gone.

Watches the metadata of every resource, as kube-controller-manager's garbage collector does, and follows its rules:
background deletion, the `foregroundDeletion` and `orphan` finalizers, blockOwnerDeletion. Never looks into specs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

import msgspec

from zenflow.local.loop.mirror import Mirror
from zenflow.local.loop.outgoing import patch_of
from zenflow.local.loop.worker import Worker
from zenflow.runtime.cache import Key, ObjectMeta, OwnerReference
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import NotFound
from zenflow.runtime.informer import Informer

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Owner(OwnerReference, frozen=True, kw_only=True, rename="camel"):
    """An owner reference with what only the collector reads."""

    block_owner_deletion: bool = False


class Meta(ObjectMeta, frozen=True, kw_only=True, rename="camel"):
    """Metadata with what only the collector reads."""

    finalizers: tuple[str, ...] = ()
    owner_references: tuple[Owner, ...] = ()


class Metadata(msgspec.Struct, frozen=True):
    """Any object: only its metadata."""

    metadata: Meta


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """An object in the graph of owners."""

    resource: Resource
    meta: Meta

    @property
    def is_going(self) -> bool:
        """Whether it was told to go."""
        return self.meta.deletion_timestamp is not None

    def is_held_by(self, finalizer: str) -> bool:
        """Whether it was told to go and this finalizer still holds it."""
        return self.is_going and finalizer in self.meta.finalizers


class Standing(Enum):
    """What an owner means for its dependent."""

    SOLID = "keeps it"
    WAITING = "goes as soon as its dependents have gone"
    ABSENT = "is gone"


class Collector:
    """Steps through objects that need a look; see `Worker.step`. `resources` says what is served at the moment."""

    def __init__(self, client: Client, resources: Callable[[], Iterable[Resource]], *, clock: Clock) -> None:
        self._client = client
        self._resources = resources
        self._watched: dict[Resource, tuple[Informer[Metadata], Mirror]] = {}
        self._mirrors: list[Mirror] = []
        self._places: dict[str, tuple[Resource, Key]] = {}  # uid -> where the object is
        self._dependents: dict[str, dict[str, None]] = {}  # owner uid -> uids; the owner need not exist
        self._worker = Worker("collector", self._mirrors, self._sync, clock)
        self.next_due = self._worker.next_due

    def step(self) -> bool:
        """Follow the served resources, then look at one object. False means that there was nothing to do."""
        self._follow(set(self._resources()))
        return self._worker.step()

    def _follow(self, served: set[Resource]) -> None:
        if served == self._watched.keys():
            return
        for resource in sorted(served - self._watched.keys(), key=lambda r: r.path()):
            self._watch(resource)
        for resource in self._watched.keys() - served:
            informer, mirror = self._watched.pop(resource)
            mirror.close()
            self._mirrors.remove(mirror)
            informer.replace((), informer.resource_version)

    def _watch(self, resource: Resource) -> None:
        informer: Informer[Metadata] = Informer(resource, msgspec.json.Decoder(Metadata).decode)
        informer.add_handler(lambda old, new: self._on_change(resource, old, new))
        mirror = Mirror(self._client, informer)
        self._watched[resource] = informer, mirror
        self._mirrors.append(mirror)

    def _on_change(self, resource: Resource, old: Metadata | None, new: Metadata | None) -> None:
        if old is not None:
            self._forget(old.metadata, gone=new is None)
        if new is not None:
            self._remember(OwnedObject(resource, new.metadata))

    def _remember(self, owned: OwnedObject) -> None:
        uid = owned.meta.uid
        self._places[uid] = owned.resource, owned.meta.key
        for owner in owned.meta.owner_references:
            self._dependents.setdefault(owner.uid, {})[uid] = None
        if owned.meta.owner_references or (owned.is_going and owned.meta.finalizers):
            self._look_at(uid)

    def _forget(self, meta: Meta, *, gone: bool) -> None:
        for owner in meta.owner_references:
            dependents = self._dependents.get(owner.uid, {})
            dependents.pop(meta.uid, None)
            if not dependents:
                self._dependents.pop(owner.uid, None)
            # It may be the last one that its owner waited for.
            self._look_at(owner.uid)
        if gone:
            self._places.pop(meta.uid, None)
            for uid in self._dependents.get(meta.uid, ()):
                self._look_at(uid)

    def _object(self, uid: str) -> OwnedObject | None:
        """The object as it is now: handlers are not told of a version that changes nothing they can see."""
        resource, key = self._places.get(uid, (None, None))
        if resource is None or key is None:
            return None
        found = self._watched[resource][0].cache.get(key)
        return OwnedObject(resource, found.metadata) if found is not None else None

    def _objects(self, uids: Iterable[str]) -> list[OwnedObject]:
        return [owned for owned in map(self._object, uids) if owned is not None]

    def _look_at(self, uid: str) -> None:
        self._worker.queue.add(Key("", uid))

    def _sync(self, key: Key) -> None:
        owned = self._object(key.name)
        if owned is None:
            return
        if owned.is_held_by(ORPHAN):
            self._orphan(owned)
        elif owned.is_held_by(FOREGROUND):
            self._delete_dependents(owned)
        elif not owned.is_going and owned.meta.owner_references:
            self._check_owners(owned)

    def _check_owners(self, owned: OwnedObject) -> None:
        owners = [(owner, self._standing(owned, owner)) for owner in owned.meta.owner_references]
        solid = [owner for owner, standing in owners if standing is Standing.SOLID]
        if len(solid) == len(owners):
            return
        if solid:
            self._keep_owners(owned, solid)
            return
        waits = any(standing is Standing.WAITING for _, standing in owners)
        self._delete(owned, "Foreground" if waits and self._dependents.get(owned.meta.uid) else _policy(owned))

    def _standing(self, owned: OwnedObject, owner: Owner) -> Standing:
        """What the owner is now. Absence is never taken from the cache alone: a live read decides."""
        known = self._object(owner.uid)
        if known is not None and known.meta.namespace in ("", owned.meta.namespace):
            return Standing.WAITING if known.is_held_by(FOREGROUND) else Standing.SOLID
        group, _, _ = owner.api_version.rpartition("/")
        resource = next((r for r in self._watched if (r.group, r.kind) == (group, owner.kind)), None)
        if resource is None:
            # A kind that nobody serves: whether the owner exists cannot be known, so nothing is deleted.
            return Standing.SOLID
        try:
            body = self._client.get(resource, owner.name, owned.meta.namespace if resource.namespaced else "")
        except NotFound:
            return Standing.ABSENT
        found = msgspec.json.decode(body, type=Metadata)
        return Standing.SOLID if found.metadata.uid == owner.uid else Standing.ABSENT

    def _delete_dependents(self, owned: OwnedObject) -> None:
        """Foreground: the owner goes when no dependent with blockOwnerDeletion is left."""
        blocking = [d for d in self._objects(self._dependents.get(owned.meta.uid, ())) if _blocks(d, owned)]
        if not blocking:
            self._lift(owned, FOREGROUND)
        for dependent in blocking:
            if not dependent.is_going:
                self._look_at(dependent.meta.uid)

    def _orphan(self, owned: OwnedObject) -> None:
        for dependent in self._objects(self._dependents.get(owned.meta.uid, ())):
            self._keep_owners(dependent, [o for o in dependent.meta.owner_references if o.uid != owned.meta.uid])
        self._lift(owned, ORPHAN)

    def _keep_owners(self, owned: OwnedObject, owners: Iterable[Owner]) -> None:
        self._patch(owned, {"ownerReferences": [_reference(owner) for owner in owners]})

    def _lift(self, owned: OwnedObject, finalizer: str) -> None:
        self._patch(owned, {"finalizers": [f for f in owned.meta.finalizers if f != finalizer]})

    def _patch(self, owned: OwnedObject, metadata: dict[str, object]) -> None:
        meta = owned.meta
        body = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, **metadata}}
        try:
            self._client.patch(owned.resource, meta.name, patch_of(body), meta.namespace)
        except NotFound:
            return

    def _delete(self, owned: OwnedObject, propagation: str) -> None:
        meta = owned.meta
        place = owned.resource, meta.name, meta.namespace
        try:
            self._client.delete(*place, uid=meta.uid, resource_version=meta.resource_version, propagation=propagation)
        except NotFound:
            return


def _policy(owned: OwnedObject) -> str:
    """The propagation that the object's own finalizers ask for."""
    if ORPHAN in owned.meta.finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in owned.meta.finalizers else "Background"


def _blocks(dependent: OwnedObject, owner: OwnedObject) -> bool:
    return any(o.uid == owner.meta.uid and o.block_owner_deletion for o in dependent.meta.owner_references)


def _reference(owner: Owner) -> dict[str, object]:
    fields = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    flags = {"controller": owner.controller, "blockOwnerDeletion": owner.block_owner_deletion}
    return {**fields, **{name: True for name, holds in flags.items() if holds}}
