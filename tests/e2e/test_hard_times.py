"""Size, haste and sudden death: the same promises hold."""

import pytest

from tests.e2e.flows import Work, flow, layers, step
from tests.e2e.outcome import assert_always
from tests.e2e.target import Target
from tests.support.waiting import eventually

RETRY = {"retryPolicy": {"limit": 1, "backoff": {"type": "Fixed", "duration": "1s"}}}


def test_two_flows_of_200_steps_run_at_once(target: Target) -> None:
    """Ten wide and twenty deep each; every step runs once, after those it waits for."""
    names = ("big-a", "big-b")
    target.submit(*(layers(name, depth=20, width=10) for name in names))
    for name in names:
        outcome = target.finish(name, within=900)
        assert outcome.phase == "Succeeded"
        assert outcome.progress["summary"] == "200/200"
        assert_always(outcome)


@pytest.mark.proves("objects.recreated-at-once", "concurrency.deleted-flow-counts")
def test_a_flow_deleted_and_created_again_at_once_runs_anew(target: Target) -> None:
    """The Jobs of the first neither collide with those of the second nor run beside them."""
    manifest = flow("again", step("long", work=Work(seconds=3)), step("last", "long"))
    target.submit(manifest)
    first = target.flow("again")["metadata"]["uid"]
    wait_for_jobs(target, first, 1)
    target.kubectl.run("delete", "jobflow", "again", "--wait=false")
    target.submit(manifest)
    second = target.flow("again")["metadata"]["uid"]
    assert second != first
    outcome = target.finish("again", uid=second)
    assert outcome.phase == "Succeeded"
    assert_always(outcome)
    (old,) = outcome.record.attempts(first)["long", 1]
    (new,) = outcome.record.attempts(second)["long", 1]
    assert old.name != new.name
    assert old.deleted_at is not None
    assert new.created_at >= old.deleted_at
    assert set(outcome.record.attempts(first)) == {("long", 1)}


def test_a_controller_killed_in_the_middle_goes_on_where_it_was(target: Target) -> None:
    """SIGKILL as soon as the witness sees another Job: what was created stays, what is due is made up for."""
    chain = (step(f"s-{number}", *((f"s-{number - 1}",) if number else ())) for number in range(6))
    side = (step(f"side-{number}", "s-1", work=Work(codes=(1, 0)), **RETRY) for number in range(3))
    target.submit(flow("killed", *chain, *side))
    uid = target.flow("killed")["metadata"]["uid"]
    for seen in (1, 3, 6):
        wait_for_jobs(target, uid, seen)
        target.controller.kill()
        target.controller.start()
    outcome = target.finish("killed")
    assert outcome.phase == "Succeeded"
    assert_always(outcome)
    assert outcome.step("side-0")["retryCount"] == 1


def test_a_controller_asked_to_stop_does_so_cleanly_and_another_takes_over(target: Target) -> None:
    """SIGTERM ends it with status 0 and gives the Lease back: nobody waits for it to run out."""
    target.submit(flow("handover", step("before", work=Work(seconds=2)), step("after", "before")))
    uid = target.flow("handover")["metadata"]["uid"]
    wait_for_jobs(target, uid, 1)
    assert target.controller.stop() == 0
    assert not target.kubectl.get("lease", "zen-flow-controller")["spec"].get("holderIdentity")
    target.controller.start()
    outcome = target.finish("handover")
    assert outcome.phase == "Succeeded"
    assert_always(outcome)


def wait_for_jobs(target: Target, flow_uid: str, count: int) -> None:
    eventually(
        lambda: len(target.recorder.record().attempts(flow_uid)) >= count,
        within=180,
        what=f"{count} Jobs of the flow",
        every=0.02,
        else_show=target.controller.output,
    )
