"""A failure on record is not judged again: neither by what comes later, nor by what is said later."""

import pytest

from tests.support.builders import Scene, at, job, on_exit, rules
from tests.unit.dag.reading import created, phases, said, step_of
from zenflow.api.types import JobFlowStatus, PodFailureAction, PodFailurePolicy, StepPhase
from zenflow.dag.decision import decide

IGNORE, COUNT = PodFailureAction.IGNORE, PodFailureAction.COUNT


@pytest.mark.parametrize("policy", [rules(on_exit(IGNORE, 42)), rules(on_exit(COUNT, 42)), None])
def test_a_failure_on_record_is_not_judged_by_pods_that_come_later(policy: PodFailurePolicy | None) -> None:
    """Whoever may create Pods can give a Job that has ended one that exited as they like."""
    scene = Scene.of(job("a", retries=1), pod_failure_policy=policy).failed("a", 1, end=5).now(6)
    recorded = said(decide(scene.snapshot()))
    forged = scene.without_jobs_of("a").failed("a", 1, 42, end=5).recorded(recorded)
    assert said_or_recorded(forged) == recorded


def test_a_failure_on_record_is_not_judged_by_a_policy_that_comes_later() -> None:
    """The policy may change while the flow runs, and takes effect on what ends from then on."""
    scene = Scene.of(job("a", retries=1)).failed("a", 1, end=5).now(6)
    recorded = said(decide(scene.snapshot()))
    lenient = Scene.of(job("a", retries=1), pod_failure_policy=rules(on_exit(IGNORE, 1))).failed("a", 1, end=5).now(6)
    assert said_or_recorded(lenient.recorded(recorded)) == recorded
    later = lenient.recorded(recorded).now(20)
    assert created(decide(later.snapshot())) == ["a/2"]
    assert phases(decide(later.failed("a", 1, since=20, end=22).now(23).snapshot())) == {
        "a": "Succeeded/FailureIgnored"
    }


def test_the_words_of_a_failure_on_record_stay() -> None:
    """Exit code and message, whatever a Pod says later and though the retry is not made after all."""
    scene = Scene.of(job("a", retries=1), job("b")).failed("a", 3, end=5).running("b").now(6)
    recorded = said(decide(scene.snapshot()))
    other = scene.without_jobs_of("a").without_jobs_of("b").failed("a", 9, end=5).failed("b", 1, end=7).now(8)
    step = step_of(decide(other.recorded(recorded).snapshot()), "a")
    assert (step.phase, step.exit_code) == (StepPhase.FAILED, 3)
    assert "exited with 3" in (step.message or "")


def test_a_retry_is_never_later_than_the_longest_wait() -> None:
    """Whatever the record says of its time."""
    scene = Scene.of(job("a", retries=1)).failed("a", 1, end=5).now(6)
    recorded = said(decide(scene.snapshot()))
    [step] = recorded.steps
    forged = recorded.model_copy(update={"steps": (step.model_copy(update={"next_retry_time": at(10**9)}),)})
    assert created(decide(scene.recorded(forged).now(5 + 3600).snapshot())) == ["a/2"]


def said_or_recorded(scene: Scene) -> JobFlowStatus:
    """What the flow says after the decision: nothing new is what it said before."""
    return decide(scene.snapshot()).status or scene.flow.status
