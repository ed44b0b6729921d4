"""Server-side apply."""

from typing import Any

from tests.support.embedded import CONFIG_MAPS, DEFINITIONS, PODS, THINGS, Embedded, config_map, definition, thing
from zenflow.runtime.transport import APPLY_PATCH

_ITEMS = {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}, "value": {"type": "string"}}}
_SCHEMA = {
    "properties": {
        "items": {
            "type": "array",
            "items": _ITEMS,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["key"],
        },
        "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "words": {"type": "array", "items": {"type": "string"}},
    }
}


def _apply(server: Embedded, body: dict[str, Any], manager: str = "me", *, force: bool = False) -> dict[str, Any]:
    url = CONFIG_MAPS if "data" in body else THINGS
    query = f"fieldManager={manager}" + ("&force=true" if force else "")
    types = {"apiVersion": "v1", "kind": "ConfigMap"} if "data" in body else {}
    return server.ask("PATCH", f"{url}/{body['metadata']['name']}?{query}", {**types, **body}, APPLY_PATCH)


def _things() -> Embedded:
    server = Embedded()
    server.create(DEFINITIONS, definition(_SCHEMA))
    return server


def test_apply_creates() -> None:
    """201, and the object is there."""
    server = Embedded()
    response = server.send(
        "PATCH",
        f"{CONFIG_MAPS}/settings?fieldManager=me",
        b"kind: ConfigMap\napiVersion: v1\ndata: {a: b}",
        APPLY_PATCH,
    )
    assert response.status == 201
    assert server.get(f"{CONFIG_MAPS}/settings")["data"] == {"a": "b"}


def test_what_is_no_longer_applied_goes() -> None:
    """Others' fields stay."""
    server = Embedded()
    _apply(server, {**config_map(), "data": {"a": "1", "b": "2"}})
    server.merge(f"{CONFIG_MAPS}/settings", {"data": {"theirs": "3"}})
    assert _apply(server, {**config_map(), "data": {"b": "2"}})["data"] == {"b": "2", "theirs": "3"}


def test_what_another_manager_applied_too_stays() -> None:
    """Ownership is shared."""
    server = Embedded()
    _apply(server, {**config_map(), "data": {"a": "1", "b": "2"}})
    _apply(server, {**config_map(), "data": {"a": "1"}}, "you")
    assert _apply(server, {**config_map(), "data": {"c": "3"}})["data"] == {"a": "1", "c": "3"}


def test_a_field_of_another_manager_is_a_conflict() -> None:
    """409 with the field and its owner; force takes it over."""
    server = Embedded()
    _apply(server, {**config_map(), "data": {"a": "1"}})
    refused = _apply(server, {**config_map(), "data": {"a": "2"}}, "you")
    assert refused["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert _apply(server, {**config_map(), "data": {"a": "2"}}, "you", force=True)["data"] == {"a": "2"}
    assert _apply(server, {**config_map(), "data": {"a": "1"}})["code"] == 409


def test_a_value_that_was_taken_over_is_no_longer_owned() -> None:
    """The new owner changes it without a conflict with the old one."""
    server = Embedded()
    _apply(server, {**config_map(), "data": {"a": "1"}})
    _apply(server, {**config_map(), "data": {"a": "2"}}, "you", force=True)
    assert _apply(server, {**config_map(), "data": {"a": "3"}}, "you")["data"] == {"a": "3"}


def test_lists_are_joined_as_the_schema_says() -> None:
    """Maps by key, sets by value, the rest replaced."""
    server = _things()
    first = {"items": [{"key": "a", "value": "1"}], "names": ["x"], "words": ["one"]}
    second = {"items": [{"key": "b", "value": "2"}], "names": ["y"], "words": ["one"]}
    _apply(server, thing(spec=first))
    spec = _apply(server, thing(spec=second), "you")["spec"]
    assert spec == {
        "items": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "names": ["x", "y"],
        "words": ["one"],
    }
    left = _apply(server, thing(spec={"words": ["one"]}), "you")["spec"]
    assert left == first


def test_an_apply_is_validated() -> None:
    """As any other write."""
    refused = _apply(_things(), thing(spec={"items": [{"value": "1"}]}))
    assert "spec.items[0].key: Required value" in refused["message"]


def test_a_manager_must_be_named() -> None:
    """422 about the options."""
    refused = Embedded().ask("PATCH", f"{CONFIG_MAPS}/settings", config_map(), APPLY_PATCH)
    assert refused["message"].endswith("fieldManager: Required value: is required for apply patch")


def test_a_status_is_not_applied_to_nothing() -> None:
    """404: only the main endpoint creates."""
    body = {"apiVersion": "v1", "kind": "Pod", "status": {}}
    assert Embedded().ask("PATCH", f"{PODS}/pod/status?fieldManager=me", body, APPLY_PATCH)["code"] == 404


def test_yaml_aliases_are_refused() -> None:
    """A small body must not become a huge object."""
    body = b"data: {a: &x b, c: *x}"
    refused = Embedded().ask("PATCH", f"{CONFIG_MAPS}/settings?fieldManager=me", body, APPLY_PATCH)
    assert (refused["code"], refused["message"]) == (400, "yaml: aliases are not accepted")
