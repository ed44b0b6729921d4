"""Statuses for which the object has no room, in the simulation."""

from typing import Any

import msgspec
import pytest

from tests.simulation.shapes import step
from tests.simulation.stories import FAILS, Story
from tests.support.clock import VirtualClock
from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse
from zenflow.local.containers.script import Outcome

TALKATIVE = Outcome(seconds=2.0, exit_code=1, message="no luck " * 100)
MAY_FAIL = {"continueOnFailure": True}


def no_status_above(size: int) -> Any:
    """An API server that refuses statuses of more bytes, with the words of one whose etcd is set to less."""

    def plugin(clock: VirtualClock) -> Admission:
        def admit(request: AdmissionRequest) -> AdmissionResponse:
            status = (request.object or {}).get("status", {})
            if request.subresource == "status" and len(msgspec.json.encode(status)) > size and status.get("steps"):
                return AdmissionResponse(allowed=False, code=413, reason="RequestEntityTooLarge", message="too large")
            return AdmissionResponse()

        return admit

    return plugin


@pytest.mark.proves("status.too-large")
@pytest.mark.parametrize("room", [3_500, 2_200, 1_700, 1_300], ids=lambda room: f"{room} bytes")
def test_a_status_that_is_too_large_becomes_a_small_one_that_says_so(room: int) -> None:
    """The flow ends as it would have ended, whatever must be left out; nothing of it runs twice."""
    names = [f"a-{n}" for n in range(6)]
    steps = (*(step(name, **MAY_FAIL) for name in names), step("last", *names), step("never", "last", when="never"))
    outcomes = {name: [TALKATIVE] for name in names[:3]}
    story = Story(*steps, outcomes=outcomes, admission=no_status_above(room))
    assert story.ending == "Succeeded/StepsSucceeded"
    phases = {each["name"]: each["phase"] for each in story.flow["status"]["steps"]}
    failed = dict.fromkeys(names[:3], "Failed")
    assert phases == {**failed, **dict.fromkeys((*names[3:], "last"), "Succeeded"), "never": "Skipped"}
    assert [len(story.spans(name)) for name in (*names, "last")] == [1] * 7
    assert story.flow["status"]["message"].startswith("Details of steps were left out")


def test_a_status_that_no_room_is_left_for_ends_its_flow() -> None:
    """Whatever fills the object: it ends Failed, says why, and nothing more is started."""
    story = Story(step("a"), step("b", "a"), outcomes={"a": [FAILS]}, admission=no_status_above(20))
    assert story.ending == "Failed/InvalidSpec"
    assert "no room for its status" in story.flow["status"]["message"]
    assert story.spans("b") == []


@pytest.mark.proves("status.too-large")
def test_a_flow_of_2000_steps_reports_within_the_store_s_limit() -> None:
    """Scaled to forty steps: with what the object has room for when it is as large as it may be, a status fits."""
    names = [f"step-with-a-very-long-name-to-fill-the-status-{n:03}" for n in range(40)]
    steps = [step(name, **MAY_FAIL) for name in names]
    spec = len(msgspec.json.encode(steps))
    story = Story(*steps, outcomes={name: [TALKATIVE] for name in names}, max_object=spec + 40 * 240 + 4_096)
    assert story.ending == "Succeeded/StepsSucceeded"
    assert story.flow["status"]["progress"]["failedSteps"] == 40
