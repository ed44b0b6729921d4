"""Statuses that an API server does not take, in the simulation."""

import pytest

from tests.simulation.shapes import step
from tests.simulation.stories import FAILS, Story
from tests.support.clock import VirtualClock
from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse


def no_messages(clock: VirtualClock) -> Admission:
    """A store for which a status with any message of a step is too large."""

    def admit(request: AdmissionRequest) -> AdmissionResponse:
        status = (request.object or {}).get("status", {})
        if request.subresource == "status" and any("message" in each for each in status.get("steps", ())):
            return AdmissionResponse(allowed=False, code=413, reason="RequestEntityTooLarge", message="too large")
        return AdmissionResponse()

    return admit


@pytest.mark.proves("status.too-large")
def test_a_status_that_is_too_large_becomes_a_small_one_that_says_so() -> None:
    """The flow ends as it would have ended."""
    story = Story(step("a"), step("b"), outcomes={"a": [FAILS]}, admission=no_messages)
    assert (story.ending, story.says("a"), story.says("b")) == (
        "Failed/StepFailed",
        "Failed/JobFailed",
        "Succeeded/None",
    )
    assert story.flow["status"]["message"].startswith("Details of steps were left out")
