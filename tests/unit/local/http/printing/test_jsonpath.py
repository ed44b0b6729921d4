"""JSONPath as columns of CustomResourceDefinitions use it."""

from typing import Any

import pytest

from zenflow.local.http.printing.jsonpath import JSONPathError, find, parse

OBJECT = {
    "metadata": {"name": "x", "annotations": {"example.com/team": "blue", "dotted.key": "d"}},
    "spec": {"list": [{"n": 1}, {"n": 2}], "none": None, "map": {"a": 1, "b": 2}},
    "status": {"conditions": [{"type": "Failed", "status": "False"}, {"type": "Ready", "status": "True", "on": True}]},
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (".metadata.name", ["x"]),
        ("{.metadata.name}", ["x"]),
        ("$.metadata.name", ["x"]),
        (".metadata.annotations.dotted\\.key", ["d"]),
        (".metadata.annotations['example.com/team']", ["blue"]),
        (".metadata.annotations.example\\.com/team", ["blue"]),
        (".spec.list[0].n", [1]),
        (".spec.list[-1].n", [2]),
        (".spec.list[2].n", []),
        (".spec.list[-3].n", []),
        (".spec.list[*].n", [1, 2]),
        (".spec.map.*", [1, 2]),
        (".spec.none", [None]),
        (".spec.missing.deeper", []),
        (".metadata.name.deeper", []),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?( @.type != "Ready" )].status', ["False"]),
        (".status.conditions[?(@.on==true)].type", ["Ready"]),
        ('.status.conditions[?(@.type=="Nope")].status', []),
    ],
)
def test_a_path_leads_to_its_values(expression: str, found: list[Any]) -> None:
    """A missing step leads nowhere instead of failing."""
    assert list(find(parse(expression), OBJECT)) == found


@pytest.mark.parametrize("expression", ["..name", ".a[1:2]", ".a[?(@.n > 1)]", "name", ".a[", ".a()"])
def test_what_is_not_supported_is_refused(expression: str) -> None:
    """An expression outside the supported part never gives a wrong value."""
    with pytest.raises(JSONPathError):
        parse(expression)
