"""Objects by key and by index."""

import random
from itertools import count

import msgspec
import pytest

from tests.support.things import Thing, decode_thing, key, thing
from zenflow.runtime.cache import Cache, Key, ObjectMeta


def made(name: str, version: int = 1, color: str = "") -> Thing:
    return decode_thing(msgspec.json.encode(thing(name, version, color=color)))


def colored() -> Cache[Thing]:
    """Indexed by each letter of the color: an object may stand under several values, or none."""
    return Cache({"letter": lambda item: item.color})


@pytest.mark.parametrize("seed", range(20))
def test_indexes_always_say_what_the_objects_say(seed: int) -> None:
    """Model: a plain dict, searched. After any run of puts and removes every index value agrees with it."""
    chance, cache, model, version = random.Random(seed), colored(), dict[Key, Thing](), count(1)
    for _ in range(150):
        name = chance.choice("abcdef")
        if chance.random() < 0.3:
            cache.remove(key(name))
            model.pop(key(name), None)
        else:
            item = made(name, next(version), "".join(chance.sample("rgb", chance.randint(0, 3))))
            cache.put(item)
            model[key(name)] = item
        assert {item.metadata.key: item for item in cache.values()} == model
        assert len(cache) == len(model)
        for letter in "rgb":
            expected = {k for k, item in model.items() if letter in item.color}
            assert {item.metadata.key for item in cache.by_index("letter", letter)} == expected


def test_an_unknown_index_is_a_mistake_of_ours() -> None:
    """Not an empty answer, which would read as "there are none"."""
    with pytest.raises(KeyError):
        colored().by_index("shape", "round")


def test_cached_objects_cannot_be_changed() -> None:
    """Whoever reads gets the very object that all others get."""
    cache = colored()
    cache.put(made("a"))
    item = cache.get(key("a"))
    assert item is not None
    with pytest.raises(AttributeError):
        item.color = "red"  # type: ignore[misc]


def test_the_controller_is_the_owner_that_says_so() -> None:
    """Other owners keep an object alive but do not answer for it."""
    owners = b'[{"uid":"u1"},{"uid":"u2","controller":true,"blockOwnerDeletion":true}]'
    meta = msgspec.json.decode(b'{"name":"a","ownerReferences":%s}' % owners, type=ObjectMeta)
    assert meta.controller_uid == "u2"
    assert msgspec.json.decode(b'{"name":"a"}', type=ObjectMeta).controller_uid == ""
