"""What counts as the contents that a resource template would have made."""

import json
from typing import Any

import pytest

from zenflow.controller.contents import is_as_wanted

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
STORED = {**CLAIM, "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem", "volumeName": "pv-1"}


def check(there: Any, ours: Any) -> bool:
    return is_as_wanted(json.dumps(there).encode(), json.dumps(ours).encode())


@pytest.mark.parametrize(
    ("there", "same"),
    [
        ({"data": {"a": "b"}}, True),
        ({"data": {"a": "b"}, "binaryData": {}, "immutable": True}, True),
        ({"data": {"a": "EVIL"}}, False),
        ({"data": {"a": "b", "more": "c"}}, False),
        ({"data": {"a": "b"}, "binaryData": {"x": "AA=="}}, False),
        ({}, False),
        ({"data": ["a"]}, False),
    ],
)
def test_a_config_map_has_the_same_entries_and_no_more(there: Any, same: bool) -> None:
    assert check(there, {"data": {"a": "b"}, "binaryData": {}}) is same


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"storageClassName": "fast"}, True),
        ({"resources": {"requests": {"storage": "1073741824"}}}, True),
        ({"resources": {"requests": {"storage": "1G"}}}, False),
        ({"resources": {"requests": {"storage": "NaN"}}}, False),
        ({"resources": {"requests": {"storage": "1Gi", "more": "1"}}}, False),
        ({"accessModes": ["ReadWriteMany"]}, False),
        ({"dataSource": {"kind": "PersistentVolumeClaim", "name": "other"}}, False),
        ({"selector": {"matchLabels": {"a": "b"}}}, False),
    ],
)
def test_a_claim_may_have_what_a_server_fills_in(change: dict[str, Any], same: bool) -> None:
    assert check({"spec": {**STORED, **change}}, {"spec": CLAIM}) is same


def test_of_a_data_source_the_server_fills_in_the_newer_form() -> None:
    source = {"dataSource": {"kind": "PersistentVolumeClaim", "name": "base"}}
    there = {**STORED, **source, "dataSourceRef": source["dataSource"]}
    assert check({"spec": there}, {"spec": {**CLAIM, **source}})


def test_what_cannot_be_read_is_not_as_wanted() -> None:
    deep = b'{"spec":' + b'{"a":' * 3000 + b"1" + b"}" * 3001
    assert not is_as_wanted(deep, b"{}")
