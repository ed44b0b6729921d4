"""A finished flow goes when its time is over, with all that it made; not before, and whatever the controller does."""

import json
import time
from datetime import datetime

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import Target
from tests.support.waiting import eventually

TTL = 8


def with_ttl(name: str, ttl: int | None) -> dict[str, object]:
    policy = {} if ttl is None else {"executionPolicy": {"ttlSecondsAfterFinished": ttl}}
    return flow(name, step("a"), **policy)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    """All at once, so that their times run side by side."""
    target.submit(*(with_ttl(name, ttl) for name, ttl in (("ttl-now", 0), ("ttl-short", TTL), ("ttl-none", None))))
    return target


def is_gone(target: Target, name: str) -> bool:
    target.assert_controller_lives()
    return target.kubectl.run("get", "jobflow", name, "--ignore-not-found") == ""


def children(target: Target, name: str) -> list[str]:
    return target.kubectl.run("get", "jobs,pods", f"--selector=jobflow={name}", "--output=name").split()


@pytest.mark.proves("ttl.not-before")
def test_a_flow_is_kept_until_its_time_is_over(submitted: Target) -> None:
    """Counted from completionTime, which is written before the flow goes."""
    seen = ""

    def gone() -> bool:
        nonlocal seen
        answer = submitted.kubectl.run("get", "jobflow", "ttl-short", "--ignore-not-found", "--output=json")
        completed = json.loads(answer).get("status", {}).get("completionTime", "") if answer else ""
        seen = completed or seen
        return not answer

    eventually(gone, within=120, what="ttl-short is deleted", every=0.2)
    assert seen
    assert time.time() - datetime.fromisoformat(seen).timestamp() >= TTL


@pytest.mark.proves("ttl.zero-is-at-once", "ttl.children-go-too")
def test_a_time_to_live_of_zero_deletes_the_flow_when_it_has_ended(submitted: Target) -> None:
    """Its Job was Complete before; Job and Pods go with it."""
    eventually(lambda: is_gone(submitted, "ttl-now"), within=120, what="ttl-now is deleted")
    eventually(lambda: not children(submitted, "ttl-now"), within=60, what="its children are deleted")
    (job,) = (job for job in submitted.recorder.record().jobs.values() if job.labels.get("jobflow") == "ttl-now")
    assert job.completed_at is not None


@pytest.mark.proves("ttl.default", "ttl.changed-after-the-end", "ttl.restart")
def test_a_time_to_live_may_be_changed_after_the_end_and_survives_the_controller(submitted: Target) -> None:
    """By default a flow is kept a day; the new time counts from the same completionTime, for a new process too."""
    outcome = submitted.finish("ttl-none")
    assert outcome.phase == "Succeeded"
    submitted.controller.kill()
    patch = {"spec": {"executionPolicy": {"ttlSecondsAfterFinished": 1}}}
    submitted.kubectl.run("patch", "jobflow", "ttl-none", "--type=merge", "--patch", json.dumps(patch))
    kept = submitted.flow("ttl-none")
    assert kept["status"] == outcome.flow["status"]
    submitted.controller.start()
    eventually(lambda: is_gone(submitted, "ttl-none"), within=60, what="ttl-none is deleted")
    eventually(lambda: not children(submitted, "ttl-none"), within=60, what="its children are deleted")
