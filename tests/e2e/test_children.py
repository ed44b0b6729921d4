"""Who may make Jobs and Pods that look like a flow's, by the policy."""

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.e2e import children
from tests.e2e.flows import Work, flow, step
from tests.e2e.people import People, people_of
from tests.e2e.target import Target

pytestmark = [pytest.mark.audited, pytest.mark.proves("security.children")]


@pytest.fixture(scope="module")
def people(target: Target, control_plane: ControlPlane) -> People:
    people = people_of(target, control_plane)
    children.give_rights(people)
    return people


def test_a_stranger_makes_nothing_that_looks_like_a_child(people: People) -> None:
    """Who only holds the right to create Jobs or Pods."""
    children.check_strangers(people)


def test_the_controller_and_the_job_controller_make_them(people: People) -> None:
    """With the rights that each has anywhere."""
    children.check_those_who_may(people)


def test_a_job_s_marks_stay_as_the_controller_made_them(people: People, target: Target) -> None:
    """And its flow ends as ever."""
    target.submit(flow("marked", step("a", work=Work(seconds=20))))
    target.wait_for_step("marked", "a", "Running")
    (job,) = target.kubectl.get("jobs", "--selector=jobflow=marked")["items"]
    children.check_the_marks_of(people, job["metadata"]["name"])
    children.check_that_no_job_adopts_a_stranger_s_pod(people, job["metadata"]["uid"])
    assert target.finish("marked").phase == "Succeeded"
