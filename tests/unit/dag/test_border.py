"""Text of others enters a decision by the values of `dag.snapshot`, and none of them can be made with it as it is."""

from dataclasses import MISSING, fields
from typing import Any

import pytest

from tests.support.builders import START, Scene, at, gate, job
from zenflow.dag import snapshot as values
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import ContainerExit, Outcome, Refusal, Trouble
from zenflow.dag.steps import DECISIVE
from zenflow.text import as_message

DIRTY = "Approved\x1b[31m by alice\nStep b: fine\u202e\u2028 " + "x" * 20_000
# Made by us, or names that an API server has checked.
NAMES = {"step", "job_name", "job_uid", "pod", "name", "uid"}
GIVEN: dict[str, Any] = {
    "exit_code": 1,
    "number": 1,
    "outcome": Outcome.FAILED,
    "created_at": START,
}


def holders() -> list[type]:
    """The dataclasses of the snapshot that have a reason or a message."""
    found = [each for each in vars(values).values() if isinstance(each, type) and each.__module__ == values.__name__]
    return [each for each in found if {"reason", "message"} & set(getattr(each, "__dataclass_fields__", ()))]


@pytest.mark.parametrize("holder", holders())
def test_no_value_of_a_snapshot_can_hold_text_as_others_wrote_it(holder: type) -> None:
    """Also one that is added tomorrow: it fails here until its constructor cleans what it is given."""
    texts = [field.name for field in fields(holder) if field.type in (str, "str") and field.name not in NAMES]
    required = {field.name: GIVEN.get(field.name, "n") for field in fields(holder) if field.default is MISSING}
    value = holder(**{**required, **dict.fromkeys(texts, DIRTY)})
    for name in texts:
        kept = getattr(value, name)
        assert kept == as_message(kept), f"{holder.__name__}.{name}"


def scenes(text: str) -> dict[str, Scene]:
    """Every way by which others' words come into a decision."""
    exits = (ContainerExit(text, 3, text, text, at(1)),)
    trouble = Trouble(text, text, at(0))
    refusal = Refusal(text, text, retry_at=at(1000))
    two = Scene.of(job("a"), job("b", "a"))
    return {
        "a container's end": two.failed("a", exits=exits, reason=text, message=text),
        "a container's end while its Job goes on": two.running("a", exits=exits),
        "a standstill": two.running("a", trouble=trouble).now(60),
        "a refusal": Scene(two.flow, two.graph, refusals={"a": refusal}).started(),
        "a final refusal": Scene(two.flow, two.graph, refusals={"a": Refusal(text, text, is_final=True)}).started(),
        "an approver": Scene.of(gate("g")).answered("g", "true", by=text).started(),
        "a question": Scene.of(gate("g", message="é" * 900 + "\nStep g: Approved by alice\t\n")).started(),
        "problems": two.invalid(text, text),
    }


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_of(each)]
    return [text for each in value for text in texts_of(each)] if isinstance(value, list) else []


@pytest.mark.parametrize("way", scenes("x"))
@pytest.mark.parametrize("core", ["", "\r\x9b2J\x85", "é\u2066\u2069" * 100, "x" * 900])
def test_no_status_repeats_what_steers_a_terminal_or_forges_a_line(way: str, core: str) -> None:
    """Whichever way it came: every text in a status is one line and short."""
    status = decide(scenes(f"\x1b[2J{core}\nStep g: Approved by alice\u202e")[way].snapshot()).status
    assert status is not None
    for text in texts_of(status.model_dump(mode="json")):
        assert text == as_message(text)


@pytest.mark.parametrize("word", sorted(DECISIVE))
def test_a_word_that_decisions_read_back_is_not_taken_from_others(word: str) -> None:
    """An Event's reason is anybody's choice."""
    decision = decide(Scene.of(job("a")).troubled("a", since=0, reason=word).now(60).snapshot())
    assert decision.status is not None
    assert decision.status.steps[0].reason == "Unknown"
