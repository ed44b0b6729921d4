"""Problems as sentences: safe to print, short, in Kubernetes' words."""

import pytest

from zenflow.api.problems import Problem, Reason, fit, path, quote, summarize


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        (1e300, "1e+300"),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("prüfen ✅", '"prüfen ✅"'),
        ("\x1b[31m\x9b\x7f\n", '"\\u001b[31m\\u009b\\u007f\\n"'),
        ("abc\u202edcba", '"abc\\u202edcba"'),
        ({"a": 1}, '"object"'),
        ([1], '"array"'),
        ("x" * 100, '"' + "x" * 80 + '…"'),
        (10**200, "1" + "0" * 79 + "…"),
    ],
    ids=repr,
)
def test_values_are_quoted_short_and_without_control_characters(value: object, text: str) -> None:
    """What a flow holds can neither move a cursor nor reorder a line nor fill the screen."""
    assert quote(value) == text


def test_keys_in_paths_are_made_safe_too() -> None:
    """The name of a field is as foreign as its value."""
    assert path("spec", "steps", 3, "a\x1bb") == "spec.steps[3][a\\u001bb]"


def test_a_sentence_names_reason_value_message_and_remedy() -> None:
    """What is empty leaves no trace."""
    assert str(Problem("f", '"v"', "why", "do this")) == 'f: Invalid value: "v": why; do this'
    assert str(Problem("f", "", "", "do this", Reason.REQUIRED)) == "f: Required value: do this"


def test_a_summary_counts_what_it_leaves_out() -> None:
    """A status message has room for a few."""
    problems = [Problem(f"f{i}", "", "why", "") for i in range(5)]
    assert summarize(problems, limit=2) == "[f0: Invalid value: why, f1: Invalid value: why, and 3 more]"
    assert summarize(problems[:1]) == "f0: Invalid value: why"


def test_a_status_has_room_for_all_problems_or_says_how_many_are_left_out() -> None:
    """In full, else briefly, else the first of them."""
    problems = [Problem(f"spec.field{i}", '"x"', "why", "do this", Reason.INVALID) for i in range(9)]
    full, brief = "; ".join(map(str, problems)), "; ".join(f"spec.field{i}: do this" for i in range(9))
    assert fit(problems, len(full)) == full
    assert fit(problems, len(full) - 1) == fit(problems, len(brief)) == brief
    cut = fit(problems, len(brief) - 1)
    assert cut == "; ".join(f"spec.field{i}: do this" for i in range(7)) + "; and 2 more: zenflow lint shows them all"


@pytest.mark.parametrize("room", [60, 100, 1024])
def test_what_fits_is_counted_in_bytes(room: int) -> None:
    """As the status is; a problem that has no room for itself is counted too."""
    problems = [Problem("spec.ü" * 9, '"✅"', "why", "ändere es")] * 99
    found = fit(problems, room)
    assert len(found.encode()) <= room
    assert found.endswith("zenflow lint shows them all")


def test_every_reason_has_a_machine_readable_cause() -> None:
    """They become `details.causes[].reason` of a Status."""
    assert all(reason.cause.startswith("FieldValue") for reason in Reason)
