"""Label and field selectors."""

import pytest

from zenflow.local.apiserver.storage.selectors import Selector, parse_fields, parse_labels
from zenflow.runtime.errors import BadRequest

_LABELS = {"app": "web", "tier": "front", "size": "10"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app=db", False),
        ("app!=db", True),
        ("missing!=db", True),
        ("app in (web, db)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("app=web,tier=back", False),
        ("app=web, tier in (front)", True),
        ("size>9", True),
        ("size<9", False),
        ("app>1", False),
        ("example.io/step", False),
    ],
)
def test_label_selectors_match(text: str, matches: bool) -> None:
    """Each operator means what the Kubernetes documentation says."""
    assert all(requirement.matches(_LABELS) for requirement in parse_labels(text)) is matches


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("x===1", "unable to parse requirement: found '=', expected: identifier"),
        ("x=1 y", "found 'y', expected: ',' or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ],
)
def test_bad_label_selectors_are_explained(text: str, told: str) -> None:
    """A selector that can't be read is refused in the real server's words."""
    with pytest.raises(BadRequest) as refused:
        parse_labels(text)
    assert refused.value.message == told


def test_a_bad_label_value_is_refused() -> None:
    """Values follow the rules of label values."""
    with pytest.raises(BadRequest, match="a valid label must be"):
        parse_labels("app=-web")


def test_field_selectors_compare_text() -> None:
    """Equality and its negation, on the text of the field."""
    selector = Selector(fields=parse_fields("a=1,b!=2"), field_value=lambda decoded, path: str(decoded[path]))
    assert selector.matches({}, lambda: {"a": 1, "b": 3})
    assert not selector.matches({}, lambda: {"a": 1, "b": 2})


def test_a_bad_field_selector_is_explained() -> None:
    """A condition without an operator is none."""
    with pytest.raises(BadRequest, match="can't understand 'foo'"):
        parse_fields("foo")
