"""One key at a time through barrier and reconciler, whatever the reconciler does."""

from collections import deque
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from structlog.contextvars import get_contextvars
from structlog.testing import CapturingLogger

from tests.support.clock import VirtualClock
from tests.support.things import key, things_informer
from tests.support.transport import event
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Key
from zenflow.runtime.errors import Conflict, Forbidden, TooManyRequests, Unreachable
from zenflow.runtime.loop import SAFETY_WAIT, Loop, Result
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.queue import WorkQueue

A, B = key("a"), key("b")


class Log:
    """Takes what structlog would: level, event and facts of each line, those bound around it included."""

    def __init__(self) -> None:
        self.inner = CapturingLogger()
        self.bound: list[dict[str, object]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        self.bound.append(get_contextvars())
        method: Callable[..., None] = getattr(self.inner, level)
        return method

    @property
    def levels(self) -> list[str]:
        return [call.method_name for call in self.inner.calls]


class Stage:
    """A loop over a reconciler that does what it is told: give a result or raise."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.registry = CollectorRegistry()
        self.queue = WorkQueue(self.clock)
        self.barrier = Barrier()
        self.log = Log()
        self.reconciled: list[str] = []
        self.outcomes: deque[Result | BaseException] = deque()
        self.loop = Loop(
            "things",
            self.queue,
            self,
            self.barrier,
            clock=self.clock,
            metrics=Metrics(self.registry),
            log=self.log,
            subject="thing",
            new_id=lambda: f"id-{len(self.reconciled)}",
        )

    def reconcile(self, item: Key) -> Result:
        self.reconciled.append(item.name)
        outcome = self.outcomes.popleft() if self.outcomes else Result()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def run(self) -> None:
        """Until nothing is ready."""
        while self.loop.step():
            pass

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, {"controller": "things", **labels}) or 0.0


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_without_a_key_a_step_does_nothing(stage: Stage) -> None:
    """And does not wait, so that a simulator can drive it."""
    assert stage.loop.step() is False


def test_each_key_is_reconciled_once(stage: Stage) -> None:
    """In the order of the queue; then all is quiet."""
    stage.queue.add(A)
    stage.queue.add(B)
    stage.run()
    assert stage.reconciled == ["a", "b"]
    assert stage.queue.next_due() is None


def test_a_reconcile_comes_back_when_it_asked_to(stage: Stage) -> None:
    """A timer of the flow."""
    stage.outcomes.append(Result(requeue_after=30))
    stage.queue.add(A)
    stage.run()
    stage.clock.advance(29)
    stage.run()
    assert stage.reconciled == ["a"]
    stage.clock.advance(1)
    stage.run()
    assert stage.reconciled == ["a", "a"]


def test_the_last_wish_counts(stage: Stage) -> None:
    """Woken early, the reconcile computes its timer anew; the older one would wake it for nothing."""
    stage.outcomes.extend([Result(requeue_after=10), Result(requeue_after=50)])
    stage.queue.add(A)
    stage.run()
    stage.queue.add(A)
    stage.run()
    stage.clock.advance(49)
    stage.run()
    assert len(stage.reconciled) == 2
    stage.clock.advance(1)
    stage.run()
    assert len(stage.reconciled) == 3


@pytest.mark.parametrize(
    ("error", "level", "result"),
    [
        (Unreachable("reset"), "warning", "error"),
        (Forbidden(403, "Forbidden", "no right"), "warning", "error"),
        (ZeroDivisionError("a bug"), "error", "error"),
        (Conflict(409, "Conflict", "changed"), "debug", "requeue"),
    ],
)
def test_a_failure_is_logged_once_counted_and_tried_again(
    stage: Stage, error: Exception, level: str, result: str
) -> None:
    """A bug is an error with its traceback, a refusal a warning, a conflict everyday life."""
    stage.outcomes.append(error)
    stage.queue.add(A)
    stage.run()
    assert stage.log.levels == [level]
    assert stage.count("controller_runtime_reconcile_total", result=result) == 1
    assert stage.count("controller_runtime_reconcile_errors_total") == (1 if result == "error" else 0)
    assert stage.count("controller_runtime_reconcile_panics_total") == (
        1 if isinstance(error, ZeroDivisionError) else 0
    )
    stage.clock.advance(0.005)
    stage.run()
    assert stage.reconciled == ["a", "a"]


@pytest.mark.proves("observability.reconcile-id")
def test_each_reconcile_binds_what_it_is_about_and_an_id_of_its_own(stage: Stage) -> None:
    """The lines of one reconcile can be found by it; nothing of it is left for the next."""
    stage.outcomes.extend([RuntimeError("once"), RuntimeError("twice")])
    stage.queue.add(A)
    stage.queue.add(B)
    stage.run()
    assert stage.log.bound == [
        {"controller": "things", "thing": str(A), "reconcileID": "id-0"},
        {"controller": "things", "thing": str(B), "reconcileID": "id-1"},
    ]
    assert get_contextvars() == {}


def test_what_a_reconcile_leaves_for_later_at_leisure_gives_way_to_other_keys(stage: Stage) -> None:
    """It is due first and comes last."""
    stage.outcomes.append(Result(requeue_after=1, at_leisure=True))
    stage.queue.add(A)
    stage.run()
    stage.clock.advance(1.5)
    stage.queue.add(B)
    stage.run()
    assert stage.reconciled == ["a", "b", "a"]


def test_a_failing_key_slows_no_other(stage: Stage) -> None:
    """One bad flow: its failures wait ever longer, the others go at once."""
    stage.outcomes.extend([RuntimeError("poison")] * 20)
    stage.queue.add(A)
    for _ in range(20):
        stage.clock.advance(60)
        stage.run()
    stage.queue.add(B)
    stage.outcomes.clear()
    stage.run()
    assert stage.reconciled[-1] == "b"
    assert stage.queue.failures(B) == 0


def test_after_a_success_failures_are_forgotten(stage: Stage) -> None:
    """The next one waits 5 ms again."""
    stage.outcomes.extend([RuntimeError("once"), RuntimeError("twice"), Result()])
    stage.queue.add(A)
    for _ in range(3):
        stage.run()
        stage.clock.advance(1)
    assert stage.queue.failures(A) == 0


def test_the_wait_the_server_asks_for_is_kept(stage: Stage) -> None:
    """429 with Retry-After: neither sooner nor by our own formula."""
    stage.outcomes.append(TooManyRequests(429, "TooManyRequests", "slow down", retry_after=20))
    stage.queue.add(A)
    stage.run()
    stage.clock.advance(19)
    stage.run()
    assert len(stage.reconciled) == 1
    stage.clock.advance(1)
    stage.run()
    assert len(stage.reconciled) == 2


def test_a_key_whose_writes_are_not_seen_yet_is_not_reconciled(stage: Stage) -> None:
    """It would decide on a world without them."""
    informer = things_informer()
    informer.replace([], "10")
    stage.barrier.expect(A, informer, "11")
    stage.queue.add(A)
    stage.run()
    assert stage.reconciled == []
    informer.feed(event("BOOKMARK", {"metadata": {"resourceVersion": "11"}}))
    stage.run()
    assert stage.reconciled == ["a"]


def test_a_waiting_key_looks_again_even_if_no_event_wakes_it(stage: Stage) -> None:
    """A safety net of a second, not a hot loop."""
    informer = things_informer()
    informer.replace([], "10")
    stage.barrier.expect(A, informer, "11")
    stage.queue.add(A)
    stage.run()
    assert stage.queue.next_due() == stage.clock.monotonic() + SAFETY_WAIT


@pytest.mark.parametrize("at_leisure", [True, False])
def test_a_waiting_key_is_as_urgent_afterwards_as_it_was(stage: Stage, at_leisure: bool) -> None:
    """What gave way before gives way again; what did not must not begin to."""
    informer = things_informer()
    informer.replace([], "10")
    stage.barrier.expect(A, informer, "11")
    stage.queue.add_after(A, 0.0, at_leisure=at_leisure)
    stage.run()
    informer.feed(event("BOOKMARK", {"metadata": {"resourceVersion": "11"}}))
    stage.queue.add(B)
    stage.run()
    assert stage.reconciled == (["b", "a"] if at_leisure else ["a", "b"])


def test_the_end_of_the_process_is_nobodys_failure(stage: Stage) -> None:
    """KeyboardInterrupt, SystemExit and a simulated crash pass through; nothing is logged or counted."""
    stage.outcomes.append(KeyboardInterrupt())
    stage.queue.add(A)
    with pytest.raises(KeyboardInterrupt):
        stage.loop.step()
    assert stage.log.levels == []


def test_a_reconciler_that_asks_for_itself_again_and_again_is_held_back_and_told_of(stage: Stage) -> None:
    """In a metric, and in one line that names the object; another one is not slowed."""
    stage.outcomes.extend([Result(requeue_after=0.0)] * 1000)
    stage.queue.add(A)
    stage.run()
    assert len(stage.reconciled) == 6
    assert stage.log.levels == ["warning"]
    assert stage.log.bound[-1]["thing"] == str(A)
    stage.outcomes.clear()
    stage.queue.add(B)
    stage.run()
    assert stage.reconciled[-1] == "b"
