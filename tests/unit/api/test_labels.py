"""Labels and annotations within Kubernetes' limits."""

from typing import Any

import pytest

from zenflow.api.labels import MAX_ANNOTATIONS, check_annotations, check_labels


@pytest.mark.parametrize(
    "labels",
    [
        None,
        {},
        {"app": "etl"},
        {"a": ""},
        {"a": None},
        {"Team_1.x": "A-b_c.D"},
        {"example.com/team": "x" * 63},
        {f"{'a.' * 126}b/{'k' * 63}": "v"},
    ],
)
def test_labels_that_kubernetes_takes_are_good(labels: Any) -> None:
    """Empty values included."""
    assert list(check_labels(labels, "metadata.labels")) == []


@pytest.mark.parametrize(
    "labels",
    [
        {"": "v"},
        {"-a": "v"},
        {"a b": "v"},
        {"k" * 64: "v"},
        {"/a": "v"},
        {"a/": "v"},
        {"A.com/a": "v"},
        {"a/b/c": "v"},
        {"a": "x" * 64},
        {"a": "-x"},
        {"a": "two words"},
        {"a": "ünicode"},
        {"a": "line\n"},
        {"a": 1},
        ["a"],
        "a=b",
    ],
)
def test_other_labels_have_one_problem_each(labels: Any) -> None:
    """It names the entry and says what to do."""
    [problem] = check_labels(labels, "metadata.labels")
    assert problem.field.startswith("metadata.labels")
    assert problem.remedy


def test_annotations_hold_any_text_up_to_their_limit() -> None:
    """The limit is for all of them together, in bytes."""
    assert list(check_annotations({"note": "ü" * 1000 + "\n"}, "a")) == []
    assert list(check_annotations({"Example.com/Note": "upper case is fine here"}, "a")) == []
    assert list(check_annotations({"n": "x" * (MAX_ANNOTATIONS - 1)}, "a")) == []
    [problem] = check_annotations({"n": "ü" * (MAX_ANNOTATIONS // 2)}, "a")
    assert str(MAX_ANNOTATIONS) in problem.message


def test_the_guides_key_for_approvals_is_good() -> None:
    """No API server stores its two slashes, and admission moves it."""
    assert list(check_annotations({"workflow.zen.io/approved/step": "true"}, "a")) == []
    assert len(list(check_annotations({"workflow.zen.io/other/step": "true"}, "a"))) == 1
