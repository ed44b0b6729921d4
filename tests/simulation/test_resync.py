"""A wake-up that was lost costs time, and a look that finds nothing costs no request."""

from tests.simulation.life import Life
from tests.simulation.shapes import Shape, step
from zenflow.controller.resync import INTERVAL

ONE = Shape("one", [step("a")])
ASKED = [{"name": "a", "type": "Manual"}]


def lose_wake_ups(life: Life) -> None:
    """As if no handler had been called for all that has happened so far."""
    app = life.replica.app
    for reflector in app.reflectors * 3:
        reflector.step()
    while (key := app.queue.try_get()) is not None:
        app.queue.done(key)
    for record in app.resync._flows.values():
        app.queue.cancel_delay(record.metadata.key)


def test_a_flow_whose_wake_up_was_lost_goes_on_within_half_an_hour() -> None:
    """And not before: nothing else would ever look at it again."""
    life = Life(ONE.script())
    life.submit("one", ONE.steps)
    life.until(lambda: life.status("one").get("phase") == "Running")
    while life._cluster.step() or (due := life._cluster.next_due()) is not None:
        if not life._cluster.step() and due is not None:
            life.clock.advance(max(due - life.clock.monotonic(), 0.0))
    lose_wake_ups(life)
    life.until_time(life.now + INTERVAL)
    assert life.status("one")["phase"] == "Running"
    life.replica.app.resync.step()
    life.until_time(life.now + INTERVAL)
    assert life.status("one")["phase"] == "Succeeded"


def test_a_look_at_a_flow_that_waits_makes_no_request() -> None:
    """Idle flows cost nothing."""
    life = Life(ONE.script())
    life.submit("asked", ASKED)
    life.until(lambda: life.status("asked").get("phase") == "Paused")
    before, looks = len(life.transport.requests), life.replica.reconciles
    for _ in range(4):
        life.replica.app.resync.step()
        life.until_time(life.now + INTERVAL)
    assert life.replica.reconciles == looks + 4
    made = [request for request in life.transport.sent[before:] if request.param("watch") != "true"]
    assert made == []
