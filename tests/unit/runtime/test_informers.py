"""One resource type in several namespaces, known as one."""

from typing import Any

import msgspec
import pytest

from tests.support.things import THINGS, Thing, decode_thing, thing
from tests.support.transport import event
from zenflow.runtime.cache import Cache, Key
from zenflow.runtime.informer import Informer
from zenflow.runtime.informers import Informers


def of(*namespaces: str) -> Informers[Thing]:
    cache = Cache[Thing]({})
    return Informers([Informer(THINGS, decode_thing, namespace=each, cache=cache) for each in namespaces])


def placed(name: str, namespace: str, version: int) -> dict[str, Any]:
    made = thing(name, version)
    return {**made, "metadata": {**made["metadata"], "namespace": namespace, "uid": f"{namespace}-{name}"}}


def listed(*items: dict[str, Any]) -> list[Thing]:
    return [decode_thing(msgspec.json.encode(item)) for item in items]


def test_a_list_of_one_namespace_leaves_the_others_as_they_are() -> None:
    """What is missing from it is gone there, and there only."""
    things = of("east", "west")
    things.of("east").replace(listed(placed("a", "east", 5)), "5")
    things.of("west").replace(listed(placed("a", "west", 6)), "6")
    things.of("west").replace([], "7")
    assert things.cache.all_keys() == (Key("east", "a"),)


def test_a_handler_hears_of_all_namespaces() -> None:
    things = of("east", "west")
    heard: list[str] = []
    things.add_handler(lambda old, new: heard.append(str((new or old).metadata.key)))  # type: ignore[union-attr]
    for namespace in ("east", "west"):
        things.of(namespace).replace([], "1")
        things.of(namespace).feed(event("ADDED", placed("a", namespace, 2)))
    assert heard == ["east/a", "west/a"]


def test_one_for_all_namespaces_sees_each() -> None:
    (everywhere,) = things = of("")
    assert things.of("east") is things.of("west") is everywhere


def test_a_namespace_that_nobody_watches_has_no_informer() -> None:
    with pytest.raises(KeyError):
        of("east").of("north")
