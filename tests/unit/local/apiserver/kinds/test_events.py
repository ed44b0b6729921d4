"""Events, in both groups."""

from typing import Any

import pytest

from tests.support.embedded import Embedded

_CORE = "/api/v1/namespaces/default"
_NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
_INVOLVED = {"kind": "Pod", "name": "pod", "namespace": "default"}
_EVENT = {
    "metadata": {"name": "pod.1"},
    "regarding": _INVOLVED,
    "reason": "Started",
    "note": "it runs",
    "type": "Normal",
    "action": "Start",
    "eventTime": "2026-01-01T00:00:00.000001Z",
    "reportingController": "zenflow",
    "reportingInstance": "zenflow-0",
}


@pytest.mark.parametrize(
    ("url", "body", "told"),
    [
        (f"{_CORE}/events", {"involvedObject": {**_INVOLVED, "namespace": "x"}}, "does not match event.namespace"),
        (_NEW_EVENTS, {**_EVENT, "eventTime": None}, "eventTime: Required value"),
        (_NEW_EVENTS, {**_EVENT, "reportingController": ""}, "reportingController: Required value"),
        (_NEW_EVENTS, {**_EVENT, "type": "Odd"}, 'type: Invalid value: "Odd"'),
    ],
)
def test_what_users_get_wrong(url: str, body: dict[str, Any], told: str) -> None:
    """422 with the field's path."""
    refused = Embedded().ask("POST", url, {"metadata": {"name": "x"}, **body})
    assert refused["code"] == 422
    assert told in refused["message"]


def test_events_are_the_same_in_both_groups() -> None:
    """Written in one, read in the other, watched in either; names may be what only a path can hold."""
    server = Embedded()
    old_watch, new_watch = server.watch(f"{_CORE}/events"), server.watch(_NEW_EVENTS)
    assert server.create(_NEW_EVENTS, _EVENT)["note"] == "it runs"
    old = server.get(f"{_CORE}/events/pod.1")
    assert (old["apiVersion"], old["message"], old["involvedObject"]) == ("v1", "it runs", _INVOLVED)
    assert old["reportingComponent"] == "zenflow"
    assert b'"message":"it runs"' in old_watch.read()[0]
    assert b'"note":"it runs"' in new_watch.read()[0]


def test_events_are_selected_by_what_they_are_about() -> None:
    """As `kubectl describe` does."""
    server = Embedded()
    server.create(_NEW_EVENTS, _EVENT)
    assert server.names(f"{_CORE}/events?fieldSelector=involvedObject.name=pod,involvedObject.kind=Pod") == ["pod.1"]
    assert server.names(f"{_CORE}/events?fieldSelector=involvedObject.name=other") == []
    assert server.names(f"{_CORE}/events?fieldSelector=source=zenflow") == ["pod.1"]
