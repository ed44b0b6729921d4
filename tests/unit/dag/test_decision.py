"""The one entry point, from a flow nobody has looked at to one that is deleted."""

from dataclasses import replace

import pytest

from tests.support.builders import Scene, at, gate, job, job_uid, rival
from tests.unit.dag.reading import created, deleted, deletes_flow, ending, phases, published, said
from zenflow.api.types import (
    DEFAULT_TTL_SECONDS,
    ConfigMapTemplate,
    FlowPhase,
    ResourceTemplates,
    TemplateMeta,
    VolumeClaimTemplate,
)
from zenflow.dag.actions import Decision, EnsureClaim, EnsureConfigMap
from zenflow.dag.decision import DELETION_PATIENCE, decide
from zenflow.dag.snapshot import Refusal

# --- bad specs ---


def test_a_bad_spec_fails_with_all_its_problems_and_starts_nothing() -> None:
    """The third wall; the user sees at once all there is to mend."""
    decision = decide(Scene.of(job("a")).invalid("steps[0].name: bad", "steps[1].when: worse").snapshot())
    assert (decision.actions, ending(decision)) == ((), "Failed/InvalidSpec")
    assert said(decision).message == "steps[0].name: bad; steps[1].when: worse"


def test_a_bad_spec_is_not_looked_at_twice() -> None:
    """It is terminal as any end is, and goes when its time to live is over."""
    refused = published(Scene.of(job("a")).invalid("no"))
    assert decide(refused.now(60).snapshot()) == Decision(wake_at=at(DEFAULT_TTL_SECONDS))


# --- terminal is absorbing ---

ENDS = [
    pytest.param(Scene.of(job("a"), job("b", "a")).failed("a", 1), id="failed"),
    pytest.param(Scene.of(job("a"), gate("b", when="never")).succeeded("a"), id="succeeded"),
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda scene: scene.without_jobs_of("a"), id="its Jobs are deleted"),
        pytest.param(lambda scene: scene.without_jobs_of("a").succeeded("a", end=8), id="the Job says succeeded"),
        pytest.param(lambda scene: scene.without_jobs_of("a").failed("a", 1, end=8), id="the Job says failed"),
        pytest.param(lambda scene: scene.suspended(), id="suspend"),
        pytest.param(lambda scene: scene.answered("b", "true"), id="an approval"),
        pytest.param(lambda scene: scene.invalid("no"), id="the spec is wrong now"),
        pytest.param(lambda scene: scene.beside(rival("newer", 5, has_started=False)), id="another flow"),
        pytest.param(lambda scene: scene.refused("b", "InvalidTemplate"), id="a late refusal"),
    ],
)
def test_a_flow_that_has_ended_stays_as_it_ended(end: Scene, event: object) -> None:
    """Nothing starts and nothing is said after the end (I5, I8)."""
    assert callable(event)
    after: Scene = event(published(end).now(9))
    decision = decide(after.snapshot())
    assert (decision.actions, decision.status) == ((), None)


def test_a_job_that_runs_after_the_end_is_deleted() -> None:
    """It was created late, or its deletion was lost on the way."""
    ended = published(Scene.of(job("a"), job("b", "a")).failed("a", 1))
    assert deleted(decide(ended.running("b").now(9).snapshot())) == [job_uid("b", 1)]


# --- time to live ---


@pytest.mark.parametrize(("ttl", "seconds"), [(None, 86400), (3600, 3600), (1, 1)])
@pytest.mark.parametrize("is_failed", [False, True], ids=["succeeded", "failed"])
def test_a_flow_goes_when_its_time_to_live_is_over(ttl: int | None, seconds: int, is_failed: bool) -> None:
    """From completionTime, a day by default; it wakes for that."""
    policy = {} if ttl is None else {"ttl_seconds_after_finished": ttl}
    scene = Scene.of(job("a"), **policy)
    ended = published((scene.failed("a", 1) if is_failed else scene.succeeded("a")).now(100))
    assert decide(ended.now(100 + seconds - 0.001).snapshot()) == Decision(wake_at=at(100 + seconds))
    assert deletes_flow(decide(ended.now(100 + seconds).snapshot()))


def test_a_time_to_live_of_zero_deletes_at_once_but_not_before_the_end_is_on_record() -> None:
    """Somebody may be waiting for the condition."""
    scene = Scene.of(job("a"), ttl_seconds_after_finished=0).succeeded("a").now(5.5)
    first = decide(scene.snapshot())
    assert (deletes_flow(first), ending(first), first.wake_at) == (False, "Succeeded/StepsSucceeded", at(5))
    assert deletes_flow(decide(scene.recorded(first.status).snapshot()))


def test_a_time_to_live_may_be_changed_after_the_end() -> None:
    """executionPolicy is never immutable."""
    ended = published(Scene.of(job("a")).succeeded("a").now(5))
    shorter = Scene.of(job("a"), ttl_seconds_after_finished=10).recorded(ended.flow.status)
    assert deletes_flow(decide(shorter.now(15).snapshot()))


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(Scene.of(job("a")), id="new"),
        pytest.param(Scene.of(job("a"), job("b")).running("a"), id="running"),
        pytest.param(published(Scene.of(job("a"), ttl_seconds_after_finished=0).succeeded("a")), id="ended"),
    ],
)
def test_a_flow_that_is_being_deleted_is_left_to_the_collector(scene: Scene) -> None:
    """Its children go with it; nothing is started any more."""
    assert decide(scene.being_deleted().snapshot()) == Decision()


# --- resource templates ---

CLAIM = VolumeClaimTemplate(metadata=TemplateMeta(name="data"), spec={})
CONFIG = ConfigMapTemplate(metadata=TemplateMeta(name="config"), data={"key": "value"})
TEMPLATES = ResourceTemplates(volume_claim_templates=(CLAIM,), config_map_templates=(CONFIG,))


def refusal(reason: str, until: float | None = None) -> Refusal:
    return Refusal(reason, f"{reason} it is", is_final=until is None, retry_at=None if until is None else at(until))


def test_resources_are_made_before_any_step() -> None:
    """Claims and ConfigMaps, and no Job beside them."""
    decision = decide(Scene.of(job("a")).with_templates(TEMPLATES).snapshot())
    assert decision.actions == (EnsureClaim(CLAIM), EnsureConfigMap(CONFIG))


def test_steps_start_when_the_resources_are_there() -> None:
    """In the next decision."""
    scene = Scene.of(job("a")).with_templates(TEMPLATES)
    assert created(decide(scene.with_resources().snapshot())) == ["a/1"]


def test_resources_wait_for_the_flows_turn() -> None:
    """An older flow may own claims of the same names."""
    scene = Scene.of(job("a")).with_templates(TEMPLATES).beside(rival("older", -5))
    assert decide(scene.snapshot()).actions == ()


def test_a_flow_that_has_started_does_not_look_at_its_resources_again() -> None:
    """A restarted controller does not know of them, and needs not."""
    scene = Scene.of(job("a"), job("b", "a")).started().succeeded("a").with_templates(TEMPLATES)
    assert created(decide(scene.snapshot())) == ["b/1"]


def test_a_flow_of_which_only_jobs_say_that_it_has_started_has_its_resources_first() -> None:
    """Made before any step: whoever made those Jobs may have made no more than them."""
    scene = Scene.of(job("a"), job("b", "a")).succeeded("a").with_templates(TEMPLATES)
    decision = decide(scene.snapshot())
    assert decision.actions
    assert created(decision) == []
    assert created(decide(scene.with_resources().snapshot())) == ["b/1"]


def test_a_resource_that_is_somebody_elses_fails_the_flow() -> None:
    """It is named, and nothing is started."""
    decision = decide(Scene.of(job("a")).with_templates(TEMPLATES, ConfigMap=refusal("ResourceConflict")).snapshot())
    assert (decision.actions, ending(decision)) == ((), "Failed/ResourceConflict")
    assert said(decision).message == "ResourceConflict it is"


def test_a_resource_that_is_being_deleted_is_waited_for() -> None:
    """Pending, with the reason, until it is time to try again."""
    scene = Scene.of(job("a")).with_templates(TEMPLATES, PersistentVolumeClaim=refusal("BeingDeleted", until=8)).now(5)
    waiting = decide(scene.snapshot())
    assert (waiting.actions, said(waiting).phase, waiting.wake_at) == ((), FlowPhase.PENDING, at(8))
    assert "BeingDeleted it is" in (said(waiting).message or "")
    assert len(decide(scene.now(8).snapshot()).actions) == 2


# --- a whole life ---


def test_a_flow_lives_as_the_guide_tells() -> None:
    """backup, approval, migration: the guide's example, decision by decision."""
    scene = Scene.of(job("backup"), gate("approve", "backup"), job("migrate", "approve"))
    assert created(decide(scene.snapshot())) == ["backup/1"]
    backed_up = published(scene).succeeded("backup", end=30).now(31)
    assert ending(decide(backed_up.snapshot())) == "Paused"
    paused = published(backed_up)
    assert decide(paused.now(9000).snapshot()) == Decision()
    approved = paused.answered("approve", "true", by="jane").now(9001)
    assert created(decide(approved.snapshot())) == ["migrate/1"]
    done = decide(published(approved).succeeded("migrate", since=9001, end=9100).now(9101).snapshot())
    assert ending(done) == "Succeeded/StepsSucceeded"
    assert phases(done) == {"backup": "Succeeded", "approve": "Succeeded/Approved", "migrate": "Succeeded"}


def test_a_job_of_a_step_that_an_edit_took_away_is_deleted() -> None:
    """Where admission was bypassed; what has ended is left for its logs."""
    before = Scene.of(job("a"), job("gone"), job("done")).running("a").running("gone").succeeded("done")
    scene = Scene.of(job("a")).recorded(published(before).flow.status)
    scene = replace(scene, attempts=before.attempts)
    assert deleted(decide(scene.snapshot())) == [job_uid("gone", 1)]


# --- a finalizer keeps a flow that was deleted ---

KEPT = Scene.of(job("a", timeout_seconds=10), job("b", "a"), active_deadline_seconds=60).started().running("a")


def test_the_time_limits_of_a_deleted_flow_hold_on() -> None:
    """Its Job is deleted at the timeout; nothing is said."""
    early = decide(KEPT.now(5).being_deleted().snapshot())
    assert (early.actions, early.status, early.wake_at) == ((), None, at(10))
    assert deleted(decide(KEPT.now(10).being_deleted().snapshot())) == [job_uid("a", 1)]


def test_a_deleted_flow_starts_nothing_and_ends_when_nothing_of_it_runs() -> None:
    """So that others of its group have their turn, though the object stays."""
    scene = Scene.of(job("a"), job("b", "a")).started().succeeded("a", end=3).now(5).being_deleted()
    wait = decide(scene.snapshot())
    assert wait == Decision(wake_at=at(5) + DELETION_PATIENCE)
    end = decide(scene.now(5 + DELETION_PATIENCE.total_seconds()).snapshot())
    assert (created(end), ending(end)) == ([], "Failed/Deleted")
    assert phases(end) == {"a": "Succeeded", "b": "Skipped/FlowFailed"}


def test_a_deleted_flow_whose_spec_is_bad_by_now_is_stopped() -> None:
    assert deleted(decide(KEPT.now(5).being_deleted().invalid("no").snapshot())) == [job_uid("a", 1)]
