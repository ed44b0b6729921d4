"""Watch lines in, cache changes and wake-ups out."""

from typing import Any

import msgspec
import pytest

from tests.support.things import THINGS, Thing, decode_thing, key, thing, things_informer
from tests.support.transport import event
from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.errors import Expired, Garbled, ServerFault, Undecodable
from zenflow.runtime.informer import Informer


def listed(*items: dict[str, Any]) -> list[Thing]:
    return [decode_thing(msgspec.json.encode(item)) for item in items]


def changes(informer: Informer[Thing]) -> list[str]:
    """What the handlers hear: `+a` new, `~a` changed, `-a` gone."""
    heard: list[str] = []

    def hear(old: Thing | None, new: Thing | None) -> None:
        sign = "+" if old is None else "-" if new is None else "~"
        item = new or old
        assert item is not None
        heard.append(sign + item.metadata.name)

    informer.add_handler(hear)
    return heard


@pytest.fixture
def informer() -> Informer[Thing]:
    """Synced at version 10 with the thing `a`, blue."""
    made = things_informer()
    made.replace(listed(thing("a", 5, color="blue")), "10")
    return made


def test_nothing_is_synced_before_the_first_list() -> None:
    """An empty cache must not be taken for an empty cluster."""
    made = things_informer()
    assert not made.has_synced
    made.replace([], "3")
    assert made.has_synced
    assert made.resource_version == "3"


@pytest.mark.parametrize(
    ("line", "heard", "color"),
    [
        (event("ADDED", thing("b", 11)), ["+b"], "blue"),
        (event("MODIFIED", thing("a", 11, color="red")), ["~a"], "red"),
        (event("DELETED", thing("a", 11, color="red")), ["-a"], None),
        (event("DELETED", thing("b", 11)), [], "blue"),
        (event("BOOKMARK", {"kind": "Thing", "metadata": {"resourceVersion": "11"}}), [], "blue"),
    ],
)
def test_each_event_changes_the_cache_and_advances(
    informer: Informer[Thing], line: bytes, heard: list[str], color: str | None
) -> None:
    """And wakes whoever follows what changed."""
    seen = changes(informer)
    informer.feed(line)
    cached = informer.cache.get(key("a"))
    assert seen == heard
    assert (cached.color if cached else None) == color
    assert informer.resource_version == "11"


def test_handlers_see_the_cache_as_it_is_after_the_change(informer: Informer[Thing]) -> None:
    """A worker that is woken at once must find what woke it."""
    colors: list[str] = []
    informer.add_handler(lambda old, new: colors.extend(item.color for item in informer.cache.values()))
    informer.feed(event("MODIFIED", thing("a", 11, color="red")))
    assert colors == ["red"]


def test_a_new_version_alone_wakes_nobody(informer: Informer[Thing]) -> None:
    """A field we do not read has changed: the cache takes the version, no handler is called."""
    seen = changes(informer)
    informer.feed(event("MODIFIED", {**thing("a", 11, color="blue"), "ignored": "changed"}))
    cached = informer.cache.get(key("a"))
    assert seen == []
    assert cached is not None
    assert cached.metadata.resource_version == "11"
    assert informer.resource_version == "11"


def test_an_older_version_of_an_object_is_dropped(informer: Informer[Thing]) -> None:
    """From a server that lags behind: a cached object never goes back."""
    seen = changes(informer)
    informer.feed(event("MODIFIED", thing("a", 4, color="red")))
    cached = informer.cache.get(key("a"))
    assert seen == []
    assert cached is not None
    assert cached.color == "blue"


def test_an_event_from_before_the_list_is_dropped(informer: Informer[Thing]) -> None:
    """The list at 10 has shown that `b` is gone; a lagging server replays how it came."""
    seen = changes(informer)
    informer.feed(event("ADDED", thing("b", 7)))
    assert seen == []
    assert informer.resource_version == "10"


def test_a_bookmark_from_the_past_asks_for_a_new_list(informer: Informer[Thing]) -> None:
    """A server never sends one below the version the watch began at, unless its etcd was restored."""
    with pytest.raises(Expired):
        informer.feed(event("BOOKMARK", thing("", 8)))
    assert informer.resource_version == "10"


def test_a_list_leaves_what_is_newer_in_the_cache(informer: Informer[Thing]) -> None:
    """Per UID: an older state inside a newer list is not believed."""
    informer.feed(event("MODIFIED", thing("a", 11, color="red")))
    informer.replace(listed(thing("a", 5, color="blue")), "12")
    cached = informer.cache.get(key("a"))
    assert cached is not None
    assert cached.color == "red"


def test_a_late_end_of_an_older_object_leaves_its_successor(informer: Informer[Thing]) -> None:
    """Same name, another UID: the one that is there was made after."""
    informer.feed(event("DELETED", thing("a", 11, uid="earlier")))
    assert informer.cache.get(key("a")) is not None


def test_a_late_end_at_an_older_version_is_dropped(informer: Informer[Thing]) -> None:
    """A replayed DELETED of what the list has shown to be there."""
    informer.feed(event("DELETED", thing("a", 4)))
    assert informer.cache.get(key("a")) is not None


def test_a_re_created_object_is_an_end_and_a_beginning(informer: Informer[Thing]) -> None:
    """Deleted and re-created between two looks: followers of the old UID must hear of its end."""
    seen = changes(informer)
    informer.feed(event("MODIFIED", thing("a", 11, uid="another")))
    assert seen == ["-a", "+a"]


def test_a_list_replaces_everything_and_tells_only_differences(informer: Informer[Thing]) -> None:
    """As after a 410: what is gone is told, what is the same is not."""
    informer.feed(event("ADDED", thing("b", 11)))
    informer.feed(event("ADDED", thing("c", 12)))
    seen = changes(informer)
    informer.replace(listed(thing("b", 11), thing("c", 13, color="red"), thing("d", 14)), "15")
    assert sorted(seen) == ["+d", "-a", "~c"]
    assert informer.resource_version == "15"


def test_a_list_from_a_restored_etcd_is_believed(informer: Informer[Thing]) -> None:
    """Versions went back for good: the past that we remember no longer exists."""
    informer.feed(event("MODIFIED", thing("a", 20, color="red")))
    informer.replace(listed(thing("a", 5, color="blue")), "6")
    cached = informer.cache.get(key("a"))
    assert cached is not None
    assert cached.color == "blue"
    assert informer.resource_version == "6"


def test_expiry_in_the_stream_is_told(informer: Informer[Thing]) -> None:
    """410 as an ERROR event, its usual form; the cache stays as it is."""
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    with pytest.raises(Expired):
        informer.feed(event("ERROR", status))
    assert len(informer.cache) == 1


def test_another_error_in_the_stream_is_told(informer: Informer[Thing]) -> None:
    """As itself, not as an expiry."""
    with pytest.raises(ServerFault):
        informer.feed(event("ERROR", {"kind": "Status", "code": 500}))


def test_an_object_of_another_shape_does_not_hold_up_the_watch(informer: Informer[Thing]) -> None:
    """It is told and left out; versions advance, so that it is not met again after a reconnect."""
    with pytest.raises(Undecodable):
        informer.feed(event("ADDED", {**thing("b", 11), "color": {"not": "a string"}}))
    assert informer.resource_version == "11"
    assert informer.cache.get(key("b")) is None


def test_an_object_that_can_no_longer_be_read_keeps_its_last_state(informer: Informer[Thing]) -> None:
    """It is there, so it must not look deleted."""
    with pytest.raises(Undecodable):
        informer.feed(event("MODIFIED", {**thing("a", 11), "color": 7}))
    cached = informer.cache.get(key("a"))
    assert cached is not None
    assert cached.color == "blue"


def test_the_end_of_an_unreadable_object_is_an_end(informer: Informer[Thing]) -> None:
    """Otherwise it would stay for ever; but only the object of that UID."""
    seen = changes(informer)
    for uid in ("another", "uid-a"):
        with pytest.raises(Undecodable):
            informer.feed(event("DELETED", {**thing("a", 11, uid=uid), "color": 7}))
    assert seen == ["-a"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b'{"type":"ADDED"',
        b"[]",
        b'{"type":"ADDED","object":7}',
        b'{"type":"BOOKMARK","object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"soon"}}}',
        b'{"type":"ERROR","object":"no status"}',
        b'{"type":"RENAMED","object":{"metadata":{"name":"a","resourceVersion":"11"}}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"' + b"9" * 5_000 + b'"}}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"\xd9\xa3"}}}',
    ],
)
def test_garbage_is_told_and_changes_nothing(informer: Informer[Thing], line: bytes) -> None:
    """Neither the cache nor the version, for nobody knows what it would have told: it must be read again."""
    with pytest.raises(Garbled):
        informer.feed(line)
    assert len(informer.cache) == 1
    assert informer.resource_version == "10"


def deep(line: bytes) -> bytes:
    """The event with an object that no decoder can take whole: `ignored` is 9,000 levels deep."""
    return line.replace(b'"ignored":[1,2]', b'"ignored":' + b"[" * 9_000 + b"]" * 9_000)


@pytest.mark.parametrize(
    ("type_", "heard"), [("ADDED", ["+b"]), ("MODIFIED", ["+b"]), ("DELETED", []), ("BOOKMARK", [])]
)
def test_depth_where_nobody_reads_costs_nothing(informer: Informer[Thing], type_: str, heard: list[str]) -> None:
    """As in managedFields, which whoever may create an object writes as deep as the API server takes it."""
    seen = changes(informer)
    informer.feed(deep(event(type_, thing("b", 11))))
    assert seen == heard
    assert informer.resource_version == "11"


def test_an_object_that_is_no_json_is_told_apart_by_its_brackets(informer: Informer[Thing]) -> None:
    """What can be named of it is: nothing here, so the version must not advance."""
    with pytest.raises(Garbled):
        informer.feed(b'{"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"11",}}}')
    assert informer.resource_version == "10"


def partly_readable(body: bytes) -> Thing:
    """A decoder that can do without the color."""
    try:
        return decode_thing(body)
    except msgspec.ValidationError as error:
        item = msgspec.json.decode(body)
        metadata = msgspec.convert(item["metadata"], ObjectMeta)
        raise Undecodable("no color", remains=Thing(metadata, "unknown")) from error


def test_what_remains_of_an_unreadable_object_is_taken_in() -> None:
    """So that it can be told on the object's own flow; it is counted as unreadable all the same."""
    made = Informer(THINGS, partly_readable)
    made.replace([], "10")
    seen = changes(made)
    with pytest.raises(Undecodable, match="Thing ns/b: no color"):
        made.feed(event("ADDED", {**thing("b", 11), "color": 7}))
    cached = made.cache.get(key("b"))
    assert cached is not None
    assert cached.color == "unknown"
    with pytest.raises(Undecodable):
        made.feed(event("DELETED", {**thing("b", 12), "color": 7}))
    assert seen == ["+b", "-b"]
    assert made.resource_version == "12"


def test_a_handler_that_fails_costs_the_others_nothing(informer: Informer[Thing]) -> None:
    """Neither their call, nor the version, nor the next event; but it is told."""
    told: list[Exception] = []
    failure = ZeroDivisionError("a bug")

    def fail(*_: object) -> None:
        raise failure

    informer.add_handler(fail)
    informer.add_version_listener(fail)
    seen = changes(informer)
    informer.on_panic(told.append)
    informer.feed(event("ADDED", thing("b", 11)))
    informer.feed(event("ADDED", thing("c", 12)))
    assert seen == ["+b", "+c"]
    assert informer.resource_version == "12"
    assert told == [failure] * 4


def test_version_listeners_hear_every_advance(informer: Informer[Thing]) -> None:
    """Lists, events, bookmarks and unreadable objects alike: the barrier waits on it."""
    heard: list[int] = []
    informer.add_version_listener(heard.append)
    informer.feed(event("ADDED", thing("b", 11)))
    informer.feed(event("BOOKMARK", thing("", 12)))
    informer.replace([], "13")
    assert heard == [11, 12, 13]
