"""The main job, scenario by scenario: a flow, and what must have become of it. Written once, run on every cluster."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.outcome import Outcome

# Never earlier than the formula says: both times are cut to whole seconds, as are the waits below. Later as far as a
# busy machine needs it.
LATE = 30.0


@dataclass(frozen=True)
class Scenario:
    """`proves` are the statements (tests/e2e/statements) that the check shows to hold."""

    flow: dict[str, Any]
    check: Callable[[Outcome], None]
    proves: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.flow["metadata"]["name"])


def table(scenarios: Iterable[Scenario]) -> list[Any]:
    """The scenarios as parameters of a test."""
    return [pytest.param(each, id=each.name, marks=pytest.mark.proves(*each.proves)) for each in scenarios]


def check_linear(outcome: Outcome) -> None:
    assert outcome.phase == "Succeeded"
    assert outcome.progress["summary"] == "3/3"


def check_parallel(outcome: Outcome) -> None:
    """The branches run at the same time: each is created before any of them has ended."""
    assert outcome.phase == "Succeeded"
    branches = [outcome.jobs(name)[0] for name in ("task-a", "task-b", "task-c")]
    assert max(job.created_at for job in branches) < min(job.ended_at or 0 for job in branches)


def check_diamond(outcome: Outcome) -> None:
    """A failing branch fails the flow, lets the other branch run to its end, and what joins them never runs."""
    assert outcome.phase == "Failed"
    assert outcome.phases() == {"top": "Succeeded", "left": "Failed", "right": "Succeeded", "bottom": "Skipped"}
    assert outcome.step("bottom")["reason"] in ("DependencyFailed", "FlowFailed")
    assert outcome.step("left")["exitCode"] == 7
    assert len(outcome.jobs("left")) == 1


def check_waits(*expected: float) -> Callable[[Outcome], None]:
    def check(outcome: Outcome) -> None:
        assert outcome.phase == "Succeeded"
        assert outcome.step("flaky")["retryCount"] == len(expected)
        waits = outcome.waits("flaky")
        assert len(waits) == len(expected)
        for wait, wanted in zip(waits, expected, strict=True):
            assert wanted <= wait <= wanted + LATE, f"waited {waits}, the formula says {expected}"

    return check


def check_exhausted(outcome: Outcome) -> None:
    """The limit counts retries after the first attempt: limit 2 makes three Jobs, then the step has failed."""
    assert outcome.phase == "Failed"
    assert len(outcome.jobs("hopeless")) == 3
    assert outcome.step("hopeless")["phase"] == "Failed"


def check_continued(outcome: Outcome) -> None:
    assert outcome.phase == "Succeeded"
    assert outcome.phases() == {"optional": "Failed", "next": "Succeeded"}
    assert outcome.progress["failedSteps"] == 1


def check_when(outcome: Outcome) -> None:
    """A step skipped by its own condition lets its dependents run."""
    assert outcome.phase == "Succeeded"
    assert outcome.phases() == {"on": "Succeeded", "off": "Skipped", "after-off": "Succeeded"}


def check_parallel_job(outcome: Outcome) -> None:
    """Three completions, two at a time, are one attempt; the next step waits for all three."""
    assert outcome.phase == "Succeeded"
    (job,) = outcome.jobs("many")
    assert job.active_most == 2
    assert job.succeeded == 3


def flaky(kind: str, factor: float, expected: tuple[float, float]) -> Scenario:
    name = kind.lower()
    backoff = {"type": kind, "duration": "2s", "factor": factor}
    retrying = step("flaky", work=Work(codes=(1, 1, 0)), retryPolicy={"limit": 3, "backoff": backoff})
    return Scenario(flow(f"retry-{name}", retrying), check_waits(*expected), (f"retries.{name}",))


SCENARIOS = (
    Scenario(
        flow("linear", step("one"), step("two", "one"), step("three", "two")), check_linear, ("order.dependencies",)
    ),
    Scenario(
        flow(
            "parallel",
            *(step(name, work=Work(seconds=3)) for name in ("task-a", "task-b", "task-c")),
            step("merge", "task-a", "task-b", "task-c"),
        ),
        check_parallel,
        ("order.parallel",),
    ),
    Scenario(
        flow(
            "diamond",
            step("top"),
            step("left", "top", work=Work(codes=(7,)), job={"backoffLimit": 0}),
            step("right", "top", work=Work(seconds=4)),
            step("bottom", "left", "right"),
        ),
        check_diamond,
        ("order.dependencies", "order.running-jobs-end", "retries.none-without-policy"),
    ),
    flaky("Exponential", 3, (2, 6)),
    flaky("Linear", 1, (2, 4)),
    flaky("Fixed", 1, (2, 2)),
    Scenario(
        flow(
            "retry-exhausted",
            step(
                "hopeless",
                work=Work(codes=(1,)),
                retryPolicy={"limit": 2, "backoff": {"type": "Fixed", "duration": "1s"}},
            ),
        ),
        check_exhausted,
        ("retries.limit", "retries.each-is-a-job"),
    ),
    Scenario(
        flow(
            "continue-on-failure",
            step("optional", work=Work(codes=(1,)), continueOnFailure=True, job={"backoffLimit": 0}),
            step("next", "optional"),
        ),
        check_continued,
        ("order.continue-on-failure",),
    ),
    Scenario(
        flow(
            "when",
            step("on", when="Always"),
            step("off", when="never"),
            step("after-off", "off"),
        ),
        check_when,
        ("order.when-runs", "order.when-skips"),
    ),
    Scenario(
        flow(
            "parallel-job",
            step("many", work=Work(seconds=2), job={"completions": 3, "parallelism": 2}),
            step("last", "many"),
        ),
        check_parallel_job,
        ("retries.outcome-by-conditions",),
    ),
)
