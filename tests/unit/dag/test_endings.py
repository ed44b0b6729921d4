"""How a flow that does not succeed ends: it winds down, or it is stopped."""

import pytest

from tests.support.builders import Scene, at, gate, job, job_uid
from tests.unit.dag.reading import created, deleted, ending, phases, published, said, step_of
from zenflow.api.types import ConfigMapTemplate, FlowPhase, ResourceTemplates, Step, TemplateMeta
from zenflow.dag.decision import decide
from zenflow.dag.snapshot import Refusal

TEMPLATES = ResourceTemplates(config_map_templates=(ConfigMapTemplate(metadata=TemplateMeta(name="x")),))
CONFLICT = Refusal("ResourceConflict", "ConfigMap x belongs to something else", is_final=True)

# --- winding down ---


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param(job("next"), id="a step that could start"),
        pytest.param(gate("next"), id="a gate that could ask"),
        pytest.param(job("next", when="never"), id="a step that could be skipped"),
    ],
)
def test_a_failing_flow_begins_nothing(waiting: Step) -> None:
    """It waits for what runs, and is Running until then."""
    scene = Scene.of(job("a"), job("b"), waiting).failed("a", 1, end=5).running("b").now(6)
    decision = decide(scene.snapshot())
    assert (decision.actions, ending(decision)) == ((), "Running")
    assert phases(decision) == {"a": "Failed/JobFailed", "b": "Running", "next": "Pending"}


def test_a_failing_flow_makes_no_retry() -> None:
    """A step that waits for one has failed; also if it may."""
    scene = Scene.of(job("a"), job("b", retries=3), job("c"), job("d", retries=3, continue_on_failure=True))
    scene = scene.failed("a", 1, end=5).failed("b", 2, end=4).running("c").failed("d", 3, end=4).now(60)
    decision = decide(scene.snapshot())
    assert created(decision) == []
    assert [phases(decision)[name] for name in "bd"] == ["Failed/FlowFailed", "Failed/FlowFailed"]
    assert (step_of(decision, "b").message or "").endswith("container main exited with 2")


def test_a_failing_flow_makes_no_retry_for_what_fails_later() -> None:
    """The Job that runs is its step's last."""
    failing = published(Scene.of(job("a"), job("b", retries=3)).failed("a", 1, end=5).running("b").now(6))
    late = failing.without_jobs_of("b").failed("b", 2, end=7).now(99)
    decision = decide(late.snapshot())
    assert (created(decision), ending(decision), phases(decision)["b"]) == (
        [],
        "Failed/StepFailed",
        "Failed/FlowFailed",
    )


def test_a_job_that_runs_to_its_end_in_a_failing_flow_may_succeed() -> None:
    """It is not deleted, and its result counts; then the flow is Failed."""
    scene = Scene.of(job("a"), job("b"), job("c", "b")).failed("a", 1, end=5).now(9)
    assert deleted(decide(scene.running("b").snapshot())) == []
    decision = decide(scene.succeeded("b", end=8).snapshot())
    assert (ending(decision), phases(decision)["b"]) == ("Failed/StepFailed", "Succeeded")


def test_a_failing_flow_says_what_it_waits_for() -> None:
    """And why it fails."""
    message = said(decide(Scene.of(job("a"), job("b")).failed("a", 1, end=5).running("b").now(6).snapshot())).message
    assert (message or "").startswith("Failing, waiting for b to end. Step a failed: ")


def test_what_never_ran_is_skipped_and_says_by_what() -> None:
    """DependencyFailed down from the step that failed, FlowFailed where no dependency did."""
    steps = (job("a"), job("b", "a"), job("c", "b"), job("x"), job("y", "x"), job("z", "c", "y"), gate("go"))
    decision = decide(Scene.of(*steps).failed("a", 1, end=5).succeeded("x").now(6).snapshot())
    assert phases(decision) == {
        "a": "Failed/JobFailed",
        "b": "Skipped/DependencyFailed",
        "c": "Skipped/DependencyFailed",
        "x": "Succeeded",
        "y": "Skipped/FlowFailed",
        "z": "Skipped/DependencyFailed",
        "go": "Skipped/FlowFailed",
    }


def test_a_dependent_of_a_step_that_may_fail_is_skipped_by_the_flow() -> None:
    """Not by its dependency, which stood in nobody's way."""
    steps = (job("a"), job("b", continue_on_failure=True), job("c", "b"))
    decision = decide(Scene.of(*steps).failed("a", 1, end=5).failed("b", 1, end=5).now(6).snapshot())
    assert phases(decision)["c"] == "Skipped/FlowFailed"


def test_a_gate_that_was_asked_is_skipped_when_the_flow_fails() -> None:
    """Nobody can approve it any more, and the flow is not Paused."""
    asked = published(Scene.of(job("a"), gate("go"), job("b")).running("a").running("b"))
    decision = decide(asked.without_jobs_of("a").failed("a", 1, end=5).now(6).snapshot())
    assert (ending(decision), phases(decision)["go"]) == ("Running", "Skipped/FlowFailed")


def test_a_gate_that_is_rejected_on_arrival_starts_nothing_beside_it() -> None:
    """The flow is failing already when the walk is over, whatever it has met before."""
    scene = Scene.of(job("a"), job("b", "a"), gate("go", "a")).answered("go", "false").succeeded("a")
    decision = decide(scene.snapshot())
    assert (created(decision), ending(decision), phases(decision)["b"]) == (
        [],
        "Failed/StepFailed",
        "Skipped/FlowFailed",
    )


def test_a_timeout_in_a_failing_flow_still_strikes() -> None:
    """Else the flow would wait for ever for a Job that hangs."""
    failing = published(Scene.of(job("a"), job("b", timeout_seconds=60)).failed("a", 1, end=5).running("b").now(6))
    assert decide(failing.snapshot()).wake_at == at(60)
    decision = decide(failing.now(60).snapshot())
    assert (ending(decision), deleted(decision)) == ("Failed/StepFailed", [job_uid("b", 1)])


def test_two_thousand_skipped_steps_do_not_repeat_a_long_message() -> None:
    """The object must stay well under 1 MiB; the flow's own message has the whole story."""
    scene = Scene.of(job("a"), *(job(f"b{number}") for number in range(1999)))
    status = said(decide(scene.failed("a", 1, end=5, message="x" * 5000).now(6).snapshot()))
    assert len(status.model_dump_json(by_alias=True, exclude_none=True)) < 512 * 1024


# --- being stopped ---


def test_a_stopped_flow_deletes_every_job_that_runs() -> None:
    """In the decision that ends it, so that a crash before the status leaves Jobs to find again."""
    scene = Scene.of(job("a"), job("b"), job("c"), active_deadline_seconds=60)
    scene = published(scene.running("a").running("b", is_deleting=True).succeeded("c"))
    decision = decide(scene.now(60).snapshot())
    assert deleted(decision) == [job_uid("a", 1)]
    assert phases(decision) == {"a": "Failed/DeadlineExceeded", "b": "Failed/DeadlineExceeded", "c": "Succeeded"}


def test_a_step_of_a_stopped_flow_ends_with_it() -> None:
    """At the same time, for the same reason."""
    scene = published(Scene.of(job("a"), active_deadline_seconds=60).running("a"))
    step = step_of(decide(scene.now(61).snapshot()), "a")
    assert (step.completion_time, step.message) == (at(61), "Not done within activeDeadlineSeconds (60 s)")


def test_a_flow_that_ends_before_it_began_has_its_steps_skipped() -> None:
    """Every step has an end when the flow has one."""
    scene = Scene.of(job("a"), gate("b")).with_templates(TEMPLATES, ConfigMap=CONFLICT)
    decision = decide(scene.snapshot())
    assert phases(decision) == {"a": "Skipped/FlowFailed", "b": "Skipped/FlowFailed"}


# --- a spec that cannot be read any more ---


def test_a_flow_whose_spec_became_invalid_ends_with_its_steps() -> None:
    """What ran has failed, what had ended stays, what never ran is Skipped; its Jobs are deleted after that."""
    scene = published(Scene.of(job("a"), job("b"), job("c", "b"), gate("d")).succeeded("a").running("b"))
    ended = published(scene.invalid("spec.steps[0].when: no"))
    assert ended.flow.status.phase is FlowPhase.FAILED
    assert {step.name: (step.phase.value, step.reason) for step in ended.flow.status.steps} == {
        "a": ("Succeeded", None),
        "b": ("Failed", "InvalidSpec"),
        "c": ("Skipped", "FlowFailed"),
        "d": ("Skipped", "FlowFailed"),
    }
    assert deleted(decide(ended.snapshot())) == [job_uid("b", 1)]
