"""How large a flow may be, told from its JSON."""

import json
from typing import Any

import pytest

from tests.support.jobflows import chain, flow, step
from zenflow.api import sizes, validation
from zenflow.api.problems import Reason


def found(spec: Any, steps: int = 1) -> list[Reason]:
    return [problem.reason for problem in sizes.check(sizes.encode(spec), steps)]


@pytest.mark.parametrize("steps", [1, 2000])
def test_a_spec_may_be_as_large_as_leaves_room_for_the_status_of_its_steps(steps: int) -> None:
    """To the byte."""
    room = sizes.MAX_SPEC - steps * sizes.STATUS_PER_STEP - len('{"x":""}')
    assert found({"x": "y" * room}, steps) == []
    assert found({"x": "y" * (room + 1)}, steps) == [Reason.TOO_LONG]


def test_sizes_are_those_that_the_api_server_stores() -> None:
    """It writes `<`, `>` and `&` as six characters, and other text as UTF-8."""
    assert len(sizes.encode({"x": '<>&é"\n'})) == len(r'{"x":"\u003c\u003e\u0026é\"\n"}'.encode())


def test_what_is_left_is_enough_for_metadata_and_the_flow_s_own_words() -> None:
    """128 KiB and 4 KiB beside the largest spec and its steps' statuses."""
    assert sizes.MAX_OBJECT - sizes.MAX_SPEC >= 2**17 + 2**12


def test_values_are_counted_without_those_that_only_look_like_some() -> None:
    """Commas and braces inside texts are none, however they are quoted."""
    assert found({"x": ",{[" * sizes.MAX_VALUES + '\\",'}) == []
    assert found({"x": [{}] * (sizes.MAX_VALUES // 2 + 1)}) == [Reason.TOO_MANY]
    assert found({"x": list(range(sizes.MAX_VALUES))}) == [Reason.TOO_MANY]


def test_nothing_inside_of_a_spec_with_too_many_values_is_looked_at() -> None:
    """One problem, whatever else there is."""
    spec = {"steps": [{"name": "a", "template": {"spec": {"x": [{}] * sizes.MAX_VALUES}}}]}
    obj = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": {"name": "f"}, "spec": spec}
    (problem,) = validation.check(obj)
    assert str(problem).startswith("spec: Too many: 200")


def test_two_thousand_usual_steps_are_well_within_the_bounds() -> None:
    """With 400 bytes a step and 60 values."""
    big = chain(2000)
    raw = json.dumps(big["spec"], separators=(",", ":")).encode()
    assert list(sizes.check(raw + b" " * (2000 * 400 - len(raw)), 2000)) == []


def test_the_sentence_has_the_figures() -> None:
    """So that a person can see by how much it is too large."""
    template = {"spec": {"x": "y" * 1_571_364, "template": {"spec": {"containers": [{"name": "main"}]}}}}
    (problem,) = validation.check(flow(step("a", template=template)))
    assert str(problem) == (
        "spec: Too long: its 1571470 bytes and 240 bytes of status for each of its steps, 1, are more than the 1430000 "
        "that fit into one object; make templates smaller or split the flow"
    )
