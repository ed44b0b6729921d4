"""A made-up resource type, for tests of a runtime that knows no real one."""

from typing import Any

import msgspec

from zenflow.runtime.cache import Key, ObjectMeta
from zenflow.runtime.client import Resource
from zenflow.runtime.informer import Informer

THINGS = Resource("example.org", "v1", "things", "Thing")


class Thing(msgspec.Struct, frozen=True):
    """As much of a Thing as decisions would read."""

    metadata: ObjectMeta
    color: str = ""


decode_thing = msgspec.json.Decoder(Thing).decode


def thing(name: str, version: int, *, uid: str = "", color: str = "", **metadata: Any) -> dict[str, Any]:
    """A Thing as the API server sends it; its UID is made of its name unless given."""
    meta = {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": str(version), **metadata}
    return {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": meta, "color": color, "ignored": [1, 2]}


def key(name: str) -> Key:
    """Where `thing(name)` lies."""
    return Key("ns", name)


def things_informer() -> Informer[Thing]:
    """An informer of Things, indexed by color."""
    return Informer(THINGS, decode_thing, indexers={"color": lambda item: (item.color,)})
