"""Approvals: the guide's key is moved, the approver is stamped, and nobody forges either."""

import pytest

from zenflow.api import approvals

GUIDE, STORED, STAMP = "workflow.zen.io/approved/ok", "approved.workflow.zen.io/ok", "approved-by.workflow.zen.io/ok"
APPROVED = {STORED: "true", STAMP: "alice"}
UNSEEN = {STORED: "true"}  # set while admission was off


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({"x": "y"}, {}, {"x": "y"}),
        ({GUIDE: "true"}, {}, {STORED: "true", STAMP: "bob"}),
        ({STORED: "false"}, {}, {STORED: "false", STAMP: "bob"}),
        ({STORED: "true", STAMP: "carol"}, {}, {STORED: "true", STAMP: "bob"}),
        ({STAMP: "carol"}, {}, {}),
        ({STORED: "true", STAMP: "carol"}, APPROVED, APPROVED),
        ({STORED: "true"}, APPROVED, APPROVED),
        ({GUIDE: "true", **APPROVED}, APPROVED, APPROVED),
        ({GUIDE: "false", **APPROVED}, APPROVED, {STORED: "false", STAMP: "bob"}),
        ({STAMP: "alice"}, APPROVED, {}),
        ({}, APPROVED, {}),
        ({GUIDE: "true"}, APPROVED, APPROVED),
        ({GUIDE: "true", STORED: "false"}, APPROVED, APPROVED),
        ({GUIDE: "false", STORED: "true"}, {}, {STORED: "false", STAMP: "bob"}),
        ({STORED: "true", "x": "y"}, UNSEEN, {STORED: "true", "x": "y"}),
        ({STORED: "true", STAMP: "carol"}, UNSEEN, UNSEEN),
        ({STORED: "true", GUIDE: "true"}, UNSEEN, {STORED: "true", STAMP: "bob"}),
        ({STORED: "true", STAMP: "bob"}, UNSEEN, {STORED: "true", STAMP: "bob"}),
    ],
    ids=[
        "none",
        "guide-key",
        "stored-key",
        "forged-with-approval",
        "forged-alone",
        "forged-later",
        "stamp-removed",
        "repeated",
        "turned-round",
        "taken-back",
        "replaced-without",
        "replaced-with-guide-key",
        "both-keys",
        "both-keys-new",
        "unseen-labelled",
        "unseen-forged",
        "unseen-said-anew",
        "unseen-signed",
    ],
)
def test_what_is_stored(new: dict[str, str], old: dict[str, str], expected: dict[str, str]) -> None:
    """bob writes: a stamp says bob where he has decided, and stays alice's where he has not."""
    stored = approvals.admitted(new, old, "bob")
    assert stored == expected
    assert approvals.admitted(stored, old, "bob") == stored, "doing it twice is doing it once"
    assert list(approvals.forged(stored, old, "bob")) == []


@pytest.mark.parametrize(
    "annotations",
    [{STORED: "true", STAMP: "carol"}, {STORED: "true"}, {STAMP: "bob"}],
    ids=["other-name", "missing", "without-approval"],
)
def test_a_stamp_that_was_changed_after_admission_is_seen(annotations: dict[str, str]) -> None:
    """Another webhook may run between ours."""
    assert [problem.field for problem in approvals.forged(annotations, {}, "bob")] == [f"metadata.annotations[{STAMP}]"]


@pytest.mark.parametrize(
    ("new", "old", "given", "withdrawn"),
    [
        ({**APPROVED, "x": "y"}, APPROVED, (), ()),
        ({STORED: "false", STAMP: "bob"}, APPROVED, (STORED,), ()),
        ({STORED: "true", STAMP: "bob"}, UNSEEN, (STORED,), ()),
        ({**UNSEEN, "x": "y"}, UNSEEN, (), ()),
        ({"x": "y"}, APPROVED, (), (STORED,)),
    ],
    ids=["labelled", "turned-round", "said-anew", "unseen-labelled", "taken-back"],
)
def test_answers_given_and_taken_back_take_a_right(
    new: dict[str, str], old: dict[str, str], given: tuple[str, ...], withdrawn: tuple[str, ...]
) -> None:
    """Labelling an approved flow does not."""
    assert approvals.given(new, old) == given
    assert approvals.withdrawn(new, old) == withdrawn
