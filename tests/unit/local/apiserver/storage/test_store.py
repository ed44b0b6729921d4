"""Versions, history, and what is forgotten."""

from typing import Any

import pytest

from zenflow.local.apiserver.storage.store import ChangeType, Store


def _object(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **fields}


def test_one_counter_numbers_all_writes() -> None:
    """A version orders writes across resources."""
    store = Store(10)
    first = store.put("jobs", "ns/a", _object())
    second = store.put("pods", "ns/a", _object())
    gone = store.remove("jobs", "ns/a")
    assert first.version < second.version < gone.version == store.version


def test_a_written_object_says_its_version() -> None:
    """What is read carries the version it was written under."""
    store = Store(10)
    entry = store.put("jobs", "ns/a", _object())
    assert entry.decoded["metadata"]["resourceVersion"] == str(entry.version)


def test_a_copy_is_nobody_elses() -> None:
    """Changing what was read changes nothing that is stored."""
    store = Store(10)
    entry = store.put("jobs", "ns/a", _object(spec={"x": 1}))
    entry.copy()["spec"]["x"] = 2
    assert entry.decoded["spec"]["x"] == 1


def test_the_past_can_be_listed() -> None:
    """`as_of` undoes creations, changes and deletions alike."""
    store = Store(10)
    store.put("jobs", "ns/kept", _object(spec=1))
    store.put("jobs", "ns/gone", _object(spec=1))
    then = store.version
    store.put("jobs", "ns/kept", _object(spec=2))
    store.put("jobs", "ns/new", _object(spec=1))
    store.remove("jobs", "ns/gone")
    past = store.storage("jobs").as_of(then)
    assert past is not None
    assert {key: entry.decoded["spec"] for key, entry in past.items()} == {"ns/kept": 1, "ns/gone": 1}


def test_history_is_bounded_and_says_what_it_forgot() -> None:
    """Only the newest changes are kept; asking for more gives None, never a gap."""
    store = Store(2)
    for spec in range(4):
        store.put("jobs", "ns/a", _object(spec=spec))
    storage = store.storage("jobs")
    assert storage.since(0) is None
    assert [change.version for change in storage.since(2) or ()] == [store.version - 1, store.version]
    assert storage.forgotten == store.version - 2
    assert storage.as_of(storage.forgotten - 1) is None


def test_changes_after_a_version_are_found() -> None:
    """A watch that begins at a version sees the next change first."""
    store = Store(10)
    store.put("jobs", "ns/a", _object())
    version = store.version
    store.put("pods", "ns/a", _object())
    store.put("jobs", "ns/b", _object("b"))
    storage = store.storage("jobs")
    changes = storage.since(storage.sequence_after(version)) or []
    assert [(change.type, change.entry.key) for change in changes] == [(ChangeType.ADDED, "ns/b")]


def test_keys_are_listed_in_order() -> None:
    """Lists are sorted by namespace and name, whatever the order of creation."""
    store = Store(10)
    for key in ("b/x", "a/z", "a-b/x", "a/y"):
        store.put("jobs", key, _object())
    assert store.storage("jobs").keys == ["a-b/x", "a/y", "a/z", "b/x"]
    assert [entry.key for entry in store.storage("jobs").prefixed("a/")] == ["a/y", "a/z"]


@pytest.mark.parametrize(("seen", "expected"), [(0, True), (1_000, False)])
def test_waiting_ends_at_once_when_there_is_news(seen: int, expected: bool) -> None:
    """`wait` says whether something newer was written."""
    assert Store(10).wait(seen, 0.0) is expected
