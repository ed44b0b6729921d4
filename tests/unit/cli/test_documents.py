"""YAML and JSON as Kubernetes reads them, and every refusal with its line."""

import json

import pytest

from zenflow.cli.documents import MAX_DEPTH, BadText, parse

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0x10", -16),
        ("0644", 420),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("true", True),
        ("yes", True),
        ("null", None),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("10s", "10s"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_plain_values_are_what_kubectl_reads(text: str, value: object) -> None:
    """Times stay text, base 60 does not exist, an exponent needs no dot."""
    (document,) = parse(f"a: {text}\n")
    assert document.obj == {"a": value}


def test_keys_are_text() -> None:
    """As in JSON: labels such as `1: a` reach the API server with the key "1"."""
    assert parse("1: a\ntrue: b\n")[0].obj == {"1": "a", "true": "b"}


def test_a_text_may_hold_several_objects() -> None:
    """Documents and items of a List, in order; an empty document is none."""
    found = parse("---\na: 1\n---\n---\nkind: List\nitems:\n- b: 2\n- c: 3\n---\n")
    assert [(document.obj, document.line) for document in found] == [({"a": 1}, 2), ({"b": 2}, 7), ({"c": 3}, 8)]


def test_json_may_be_indented_by_tabs_and_escape_emoji() -> None:
    """Neither is YAML."""
    assert parse('{\n\t"a": "\\ud83d\\ude00"\n}')[0].obj == {"a": "😀"}


def test_aliases_and_merge_keys_are_written_out() -> None:
    """One template for several steps."""
    assert parse("a: &t {k: 1}\nb: *t\nc:\n  <<: *t\n  z: 2\n")[0].obj == {
        "a": {"k": 1},
        "b": {"k": 1},
        "c": {"k": 1, "z": 2},
    }


def test_a_field_path_leads_to_its_line() -> None:
    """And one that is not there to the nearest thing above it."""
    (document,) = parse("spec:\n  steps:\n  - name: a\n  - name: b\n    labels:\n      x/y: 1\n")
    fields = ("spec.steps[1].name", "spec.steps[1].template", "spec.steps[1].labels[x/y]", "spec.steps[9]", "metadata")
    assert [document.line_of(field) for field in fields] == [4, 4, 6, 2, 1]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, "the file is empty; write a JobFlow into it"),
        (" \n\t\n", 0, "the file is empty; write a JobFlow into it"),
        ("- a\n", 1, "is a list and not an object; begin it with apiVersion, kind and metadata"),
        ("hello", 1, "is a single value and not an object; begin it with apiVersion, kind and metadata"),
        ("kind: List\nitems:\n- 3\n", 3, "an item of the List is not an object; begin it with apiVersion and kind"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 'the key "c" is already set in line 3; remove one of them'),
        ("{a: 1, a: 2}", 1, 'the key "a" is already set in line 1; remove one of them'),
        ('{"a": 1, "a": 2}', 0, 'the key "a" is set twice in one object; remove one of them'),
        (BOMB, 6, "its aliases stand for more than 200000 values; use fewer of them"),
        ("a: &a [1, *a]\n", 1, "the alias *a contains itself; write it out"),
        ("a: " + "[" * 100_000, 1, "is nested more than 100 deep; make it flatter"),
        ('{"a": ' + "[" * 100_000, 0, "is nested more than 100 deep; make it flatter"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", 0, "is nested more than 100 deep; make it flatter"),
        ("".join(" " * n + "a:\n" for n in range(200)), 101, "is nested more than 100 deep; make it flatter"),
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed in this context; check the indentation"),
        ("a:\n\tb: 1\n", 2, "found character that cannot start any token; check the indentation"),
        ("a: *nope\n", 1, "found undefined alias; check the indentation"),
        ("[a]: 1\n", 1, "a key must be text; write it on one line"),
        ("a: .inf\n", 1, ".inf is not a number that JSON knows; write a finite number"),
        ("a: .NaN\n", 1, ".NaN is not a number that JSON knows; write a finite number"),
        ('{"a": 1e999}', 0, "1e999 is not a number that JSON knows; write a finite number"),
        ("a: " + "9" * 5000, 1, "a number has too many digits; put it in quotes"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_what_is_refused_and_in_which_line(text: str, line: int, message: str) -> None:
    """One sentence with a remedy; nothing of a dangerous text has been built by then."""
    with pytest.raises(BadText) as bad:
        parse(text)
    assert (bad.value.line, bad.value.message) == (line, message)


@pytest.mark.parametrize(
    "tag", ["!!binary aGk=", "!!set {a}", "!!timestamp 2026-01-01", "!!python/object/apply:os.system [x]"]
)
def test_tags_beyond_json_are_refused(tag: str) -> None:
    """Nothing is constructed that a manifest can't hold, and no code is run."""
    with pytest.raises(BadText, match="write text, numbers, lists and mappings only"):
        parse(f"a: {tag}\n")


def test_the_limits_themselves_are_allowed() -> None:
    """A hundred deep, and one template in 2,000 steps."""
    parse("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))
    template = "t: &t " + json.dumps({str(i): i for i in range(45)}) + "\nsteps:\n"
    assert len(parse(template + "- *t\n" * 2000)[0].obj["steps"]) == 2000
