"""From the first object of a flow to its deletion, to the second, and with a crash at any request."""

import json
from datetime import datetime, timedelta

import pytest

from tests.simulation.faults import Moment, Plan
from tests.simulation.life import CHILDREN, Life
from tests.simulation.shapes import Shape, step
from zenflow.controller.objects import CLAIMS, CONFIG_MAPS, JOBFLOWS, JOBS
from zenflow.runtime.transport import Request

ONE = Shape("one", [step("a")])
TWO = Shape("two", [step("a"), step("b", "a")])
RESOURCES = {
    "configMapTemplates": [{"metadata": {"name": "config"}, "data": {"a": "b"}}],
    "volumeClaimTemplates": [
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        }
    ],
}
moments = pytest.mark.parametrize("moment", Moment)


def ttl(seconds: int) -> dict[str, object]:
    return {"executionPolicy": {"ttlSecondsAfterFinished": seconds}}


def is_gone(life: Life) -> bool:
    return life.get(JOBFLOWS, "one") is None


def due(life: Life, seconds: int) -> datetime:
    """When the flow, which has ended, is to be deleted."""
    return datetime.fromisoformat(life.status("one")["completionTime"]) + timedelta(seconds=seconds)


def ended(life: Life) -> bool:
    return "completionTime" in life.status("one")


# --- TTL ---


@pytest.mark.proves("ttl.exact", "ttl.default", "ttl.children-go-too", "ttl.not-before")
@pytest.mark.parametrize(("given", "seconds"), [(1, 1), (2, 2), (3600, 3600), (None, 86400)])
def test_a_flow_is_deleted_exactly_when_its_time_is_over(given: int | None, seconds: int) -> None:
    """Not a moment before; its children go with it."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps, resourceTemplates=RESOURCES, **({} if given is None else ttl(given)))
    life.until(lambda: ended(life))
    moment = due(life, seconds)
    life.until(lambda: is_gone(life))
    assert life.clock.now() == moment
    life.until_time(life.now + 60)
    assert life.names(*CHILDREN) == []


@pytest.mark.proves("ttl.zero-is-at-once")
def test_a_time_to_live_of_zero_deletes_at_the_end() -> None:
    """In the same second, but after the end was written."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps, **ttl(0))
    life.until(lambda: is_gone(life))
    assert life.now < 3
    state = life.history.end_state()["one"]
    assert state["phase"] == "Succeeded"


@pytest.mark.proves("ttl.preconditions")
def test_the_deletion_names_the_very_object_and_leaves_children_to_the_collector() -> None:
    """UID and resourceVersion, in the background."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps, **ttl(5))
    life.until(lambda: ended(life))
    flow = life.get(JOBFLOWS, "one")
    life.until(lambda: is_gone(life))
    [request] = [each for each in life.transport.sent if each.method == "DELETE"]
    options = json.loads(request.body)
    assert flow is not None
    named = {key: flow["metadata"][key] for key in ("uid", "resourceVersion")}
    assert (options["preconditions"], options["propagationPolicy"]) == (named, "Background")


@pytest.mark.proves("ttl.changed-after-the-end")
@pytest.mark.parametrize(("changed", "act_at"), [(20, 10), (200, 90), (10, 50)], ids=["sooner", "later", "long over"])
def test_a_changed_time_to_live_counts_from_the_same_end(changed: int, act_at: int) -> None:
    """Sooner, later, or at once where the new time is over already."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps, **ttl(100))
    life.at(act_at, lambda: life.patch("one", {"spec": ttl(changed)}))
    life.until(lambda: ended(life))
    moment, act = due(life, changed), life.clock.now() + timedelta(seconds=act_at - life.now)
    life.until(lambda: is_gone(life))
    assert life.clock.now() == max(moment, act)


@pytest.mark.proves("ttl.preconditions")
def test_whoever_wants_to_keep_a_flow_at_the_last_moment_is_heard() -> None:
    """The edit and the deletion cross: the deletion was decided on another version and does not count."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps, **ttl(5))

    def keep(request: Request) -> None:
        if request.method == "DELETE":
            life.transport.before_each = lambda request: None
            life.patch("one", {"spec": ttl(1000)})

    life.transport.before_each = keep
    life.until(lambda: ended(life))
    moment = due(life, 1000)
    life.until(lambda: is_gone(life))
    assert life.clock.now() == moment


@pytest.mark.proves("ttl.restart", "ttl.crash")
@moments
def test_a_crash_at_any_request_deletes_the_flow_neither_early_nor_never(moment: Moment) -> None:
    """Also in the middle of the deletion; no child is left behind."""

    def run(plan: Plan) -> Life:
        life = Life(ONE.script(), plan=plan)
        life.submit("one", ONE.steps, resourceTemplates=RESOURCES, **ttl(10))
        life.until(lambda: ended(life))
        over = due(life, 10)
        life.until(lambda: is_gone(life))
        assert life.clock.now() >= over, plan
        life.until_time(life.now + 60)
        return life

    for number in range(len(run(Plan()).transport.requests)):
        plan = Plan(crash_at=number, moment=moment)
        life = run(plan)
        assert life.names(*CHILDREN) == [], plan
        assert life.broken_promises() == [], plan


# --- resource templates ---


@pytest.mark.proves("resources.before-any-step", "resources.ours-already", "resources.crash")
@moments
def test_a_crash_at_any_request_makes_each_resource_once_and_before_any_job(moment: Moment) -> None:
    """An object that is there already and is the flow's is good, whoever made it; the end is that without a crash."""

    def run(plan: Plan) -> Life:
        life = Life(TWO.script(), plan=plan)
        life.submit("two", TWO.steps, resourceTemplates=RESOURCES)
        life.run()
        return life

    yardstick = run(Plan())
    for number in range(len(yardstick.transport.requests)):
        plan = Plan(crash_at=number, moment=moment)
        life = run(plan)
        assert life.history.end_state() == yardstick.history.end_state(), plan
        assert life.broken_promises() == [], plan
        for resource, name in ((CONFIG_MAPS, "config"), (CLAIMS, "data")):
            found, flow = life.get(resource, name), life.get(JOBFLOWS, "two")
            assert found is not None, plan
            assert flow is not None, plan
            assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [flow["metadata"]["uid"]]
            assert int(found["metadata"]["resourceVersion"]) < life.history.first_job_version, plan


@pytest.mark.proves("resources.conflict")
def test_a_foreign_object_fails_the_flow_and_stays_as_it_is() -> None:
    """What was made for the flow meanwhile is its own and goes with it."""
    life = Life(TWO.script())
    life.create(CONFIG_MAPS, "config", data={"mine": "yes"})
    before = life.get(CONFIG_MAPS, "config")
    life.submit("two", TWO.steps, resourceTemplates=RESOURCES)
    end = life.run()
    assert (end["two"]["phase"], end["two"]["jobs"]) == ("Failed", [])
    assert "ConfigMap config exists" in life.status("two")["message"]
    assert life.get(CONFIG_MAPS, "config") == before


@pytest.mark.proves("resources.being-deleted")
def test_an_object_that_goes_is_waited_for_for_ten_seconds_more_at_most() -> None:
    """It says so meanwhile, and makes its own when the other is gone."""
    life = Life(TWO.script())
    life.create(CONFIG_MAPS, "config", metadata={"finalizers": ["example.io/hold"]})
    life.delete(CONFIG_MAPS, "config")
    life.submit("two", TWO.steps, resourceTemplates=RESOURCES)
    life.until_time(300)
    assert (life.status("two")["phase"], life.names(JOBS)) == ("Pending", [])
    assert "ConfigMap config is being deleted" in life.status("two")["message"]
    life.patch("config", {"metadata": {"finalizers": None}}, CONFIG_MAPS)
    life.until(lambda: life.names(JOBS))
    assert life.now <= 310
    assert life.run()["two"]["phase"] == "Succeeded"
