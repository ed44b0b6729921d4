"""PATCH of stored objects."""

from typing import Any

import pytest

from tests.support.embedded import (
    CONFIG_MAPS,
    DEFINITIONS,
    JOBS,
    PODS,
    THINGS,
    Embedded,
    config_map,
    definition,
    job,
    pod,
    thing,
)
from zenflow.runtime.transport import JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH


def _server() -> Embedded:
    server = Embedded()
    server.create(CONFIG_MAPS, config_map())
    return server


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE_PATCH, {"data": {"b": "c"}}),
        (JSON_PATCH, [{"op": "add", "path": "/data/b", "value": "c"}]),
        (STRATEGIC_MERGE_PATCH, {"data": {"b": "c"}}),
        (f"{MERGE_PATCH}; charset=utf-8", {"data": {"b": "c"}}),
    ],
)
def test_every_kind_of_patch_changes_the_object(content_type: str, patch: Any) -> None:
    """And leaves the rest."""
    new = _server().ask("PATCH", f"{CONFIG_MAPS}/settings", patch, content_type)
    assert new["data"] == {"a": "b", "b": "c"}


def test_a_version_in_the_patch_must_be_the_current_one() -> None:
    """409, as for an update."""
    refused = _server().merge(f"{CONFIG_MAPS}/settings", {"metadata": {"resourceVersion": "1"}})
    assert (refused["code"], refused["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("patch", "content_type", "code"),
    [
        (b"[", MERGE_PATCH, 400),
        ([], MERGE_PATCH, 400),
        ({}, JSON_PATCH, 400),
        ([{"op": "test", "path": "/data/a", "value": "x"}], JSON_PATCH, 422),
        ({"metadata": {"name": "other"}}, MERGE_PATCH, 400),
        ({"metadata": {"namespace": "other"}}, MERGE_PATCH, 400),
        ({"metadata": {"uid": "other"}}, MERGE_PATCH, 422),
        ({"metadata": {"labels": {"a": "b c"}}}, MERGE_PATCH, 422),
        ({"data": {"a": 1}}, MERGE_PATCH, 422),
        ({"kind": "Secret"}, MERGE_PATCH, 422),
        ({}, JSON, 415),
        ({}, "text/plain", 415),
    ],
)
def test_a_bad_patch_is_refused(patch: Any, content_type: str, code: int) -> None:
    """Nothing is changed."""
    server = _server()
    before = server.get(f"{CONFIG_MAPS}/settings")
    assert server.ask("PATCH", f"{CONFIG_MAPS}/settings", patch, content_type)["code"] == code
    assert server.get(f"{CONFIG_MAPS}/settings") == before


def test_unknown_fields_of_a_strict_patch_are_refused() -> None:
    """422: the fault is the patch's."""
    refused = _server().merge(f"{CONFIG_MAPS}/settings?fieldValidation=Strict", {"x": 1})
    assert refused["code"] == 422
    assert 'strict decoding error: unknown field "x"' in refused["message"]


def test_custom_objects_know_no_strategic_merge() -> None:
    """415, with what they know."""
    server = Embedded()
    server.create(DEFINITIONS, definition({}))
    server.create(THINGS, thing())
    refused = server.ask("PATCH", f"{THINGS}/thing", {}, STRATEGIC_MERGE_PATCH)
    assert (refused["code"], refused["reason"]) == (415, "UnsupportedMediaType")


def test_a_missing_object_is_not_patched() -> None:
    """404."""
    assert Embedded().merge(f"{CONFIG_MAPS}/settings", {})["code"] == 404


def test_a_pod_may_change_its_image_and_little_else() -> None:
    """As kubectl set image does, by strategic merge."""
    server = Embedded()
    server.create(PODS, pod())
    patch = {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}
    changed = server.ask("PATCH", f"{PODS}/pod", patch, STRATEGIC_MERGE_PATCH)
    assert changed["spec"]["containers"][0]["image"] == "busybox:2"
    assert "pod updates may not change fields" in server.merge(f"{PODS}/pod", {"spec": {"nodeName": "x"}})["message"]


def test_a_patch_of_the_status_counts_no_generation() -> None:
    """Through /status."""
    server = Embedded()
    server.create(JOBS, job())
    patch = [{"op": "add", "path": "/status/active", "value": 1}]
    new = server.ask("PATCH", f"{JOBS}/job/status", patch, JSON_PATCH)
    assert (new["status"], new["metadata"]["generation"]) == ({"active": 1}, 1)
