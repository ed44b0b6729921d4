"""Watches: what they tell, in which order, and how they end."""

import pytest

from tests.support.embedded import CONFIG_MAPS, Embedded, config_map, summary, told
from zenflow.runtime.errors import BadRequest, Invalid, ServerFault, StreamEnded


def test_a_watch_tells_what_comes_after_its_version() -> None:
    """List and watch leave no gap and tell nothing twice."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map("before"))
    version = server.get(CONFIG_MAPS)["metadata"]["resourceVersion"]
    server.create(CONFIG_MAPS, config_map("after"))
    server.merge(f"{CONFIG_MAPS}/after", {"data": {"a": "c"}})
    server.delete(f"{CONFIG_MAPS}/after")
    watch = server.watch(f"{CONFIG_MAPS}?resourceVersion={version}")
    assert summary(watch) == ["ADDED after", "MODIFIED after", "DELETED after"]
    assert summary(watch) == []


def test_each_event_has_its_own_version() -> None:
    """A deletion is told under the version of the deletion, so that a watch can go on from there."""
    server = Embedded()
    watch = server.watch(CONFIG_MAPS)
    server.create(CONFIG_MAPS, config_map())
    server.delete(f"{CONFIG_MAPS}/settings")
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in told(watch)]
    assert versions == [server.api.store.version - 1, server.api.store.version]


def test_a_watch_without_a_version_begins_with_what_is_there() -> None:
    """The objects are told as ADDED, then their changes."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    watch = server.watch(CONFIG_MAPS)
    server.delete(f"{CONFIG_MAPS}/settings")
    assert summary(watch) == ["ADDED settings", "DELETED settings"]


def test_initial_events_end_with_a_bookmark() -> None:
    """`sendInitialEvents` says when the state of now has been told."""
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = list(told(server.watch(f"{CONFIG_MAPS}?{query}")))
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_selectors_turn_changes_into_comings_and_goings() -> None:
    """Who begins to match is ADDED, who ceases to is DELETED, as it was while it matched."""
    server = Embedded()
    watch = server.watch(f"{CONFIG_MAPS}?labelSelector=x=1")
    server.create(CONFIG_MAPS, config_map())
    server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"labels": {"x": "1"}}})
    server.merge(f"{CONFIG_MAPS}/settings", {"metadata": {"labels": {"x": "2"}}})
    server.delete(f"{CONFIG_MAPS}/settings")
    events = list(told(watch))
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]
    assert events[1]["object"]["metadata"]["labels"] == {"x": "1"}
    assert events[1]["object"]["metadata"]["resourceVersion"] == str(server.api.store.version - 1)


def test_a_watch_of_one_name_sees_only_it() -> None:
    """`metadata.name` is a field selector, as kubectl uses it."""
    server = Embedded()
    watch = server.watch(f"{CONFIG_MAPS}?fieldSelector=metadata.name=b")
    server.create(CONFIG_MAPS, config_map("a"))
    server.create(CONFIG_MAPS, config_map("b"))
    assert summary(watch) == ["ADDED b"]


def test_other_namespaces_are_not_told() -> None:
    """A watch of a namespace ends at its border; one of all namespaces sees everything."""
    server = Embedded()
    server.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    here, everywhere = server.watch(CONFIG_MAPS), server.watch("/api/v1/configmaps")
    server.create("/api/v1/namespaces/other/configmaps", config_map())
    assert summary(here) == []
    assert summary(everywhere) == ["ADDED settings"]


def test_a_version_too_old_is_told_and_ends_the_watch() -> None:
    """The stream opens, says 410 Expired in an ERROR event, and closes."""
    server = Embedded(history=2)
    for number in range(4):
        server.create(CONFIG_MAPS, config_map(f"c{number}"))
    watch = server.watch(f"{CONFIG_MAPS}?resourceVersion=1")
    (event,) = told(watch)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    with pytest.raises(StreamEnded):
        watch.read()


def test_a_watch_that_fell_behind_is_told_so() -> None:
    """Rather than losing an event, a slow reader is sent to list again."""
    server = Embedded(history=2)
    watch = server.watch(CONFIG_MAPS)
    for number in range(4):
        server.create(CONFIG_MAPS, config_map(f"c{number}"))
    (event,) = told(watch)
    assert event["object"]["code"] == 410


def test_a_watch_from_the_future_waits() -> None:
    """Versions that are not reached yet tell nothing until they are passed."""
    server = Embedded()
    watch = server.watch(f"{CONFIG_MAPS}?resourceVersion={server.api.store.version + 1}")
    server.create(CONFIG_MAPS, config_map("a"))
    server.create(CONFIG_MAPS, config_map("b"))
    assert summary(watch) == ["ADDED b"]


def test_bookmarks_come_each_minute() -> None:
    """A quiet watch still learns how far the server is."""
    server = Embedded()
    watch = server.watch(f"{CONFIG_MAPS}?allowWatchBookmarks=true&resourceVersion={server.api.store.version}")
    server.create("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    server.clock.advance(59)
    assert summary(watch) == []
    server.clock.advance(1)
    (event,) = told(watch)
    assert event["type"] == "BOOKMARK"
    assert event["object"]["metadata"]["resourceVersion"] == str(server.api.store.version)


def test_a_watch_ends_in_time_with_a_last_bookmark() -> None:
    """`timeoutSeconds` is kept, on the server's clock."""
    server = Embedded()
    query = f"timeoutSeconds=30&allowWatchBookmarks=true&resourceVersion={server.api.store.version}"
    watch = server.watch(f"{CONFIG_MAPS}?{query}")
    server.clock.advance(29)
    assert summary(watch) == []
    server.clock.advance(1)
    assert [event["type"] for event in told(watch)] == ["BOOKMARK"]
    with pytest.raises(StreamEnded):
        watch.read()


def test_a_closed_watch_has_ended() -> None:
    """Closing twice does no harm."""
    watch = Embedded().watch(CONFIG_MAPS)
    watch.close()
    watch.close()
    with pytest.raises(StreamEnded):
        watch.read()


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("resourceVersion=abc", ServerFault),
        ("sendInitialEvents=true", Invalid),
        ("resourceVersionMatch=Exact&resourceVersion=1", Invalid),
        ("fieldSelector=data.a=1", BadRequest),
        ("timeoutSeconds=soon", BadRequest),
    ],
)
def test_a_watch_that_makes_no_sense_is_refused(query: str, refusal: type[Exception]) -> None:
    """Refusals come before the stream opens."""
    with pytest.raises(refusal):
        Embedded().watch(f"{CONFIG_MAPS}?{query}")
