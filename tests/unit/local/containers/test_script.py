"""Outcomes as data: which one is played, and when it ends."""

import pytest

from tests.support.clock import VirtualClock
from tests.support.workloads import pod
from zenflow.local.containers.script import Outcome, Rule, ScriptExecutor, by_rules
from zenflow.local.node.executor import RunId, StartError

RUN = RunId("p", "main", 0)


def playing(outcome: Outcome) -> tuple[ScriptExecutor, VirtualClock]:
    """An executor that has started one container."""
    clock = VirtualClock()
    executor = ScriptExecutor(by_rules(otherwise=outcome), clock)
    executor.start(RUN, pod("p"), pod("p").spec.containers[0])
    return executor, clock


@pytest.mark.parametrize(
    ("labels", "container", "attempt", "code"),
    [
        ({"app": "a"}, "main", 0, 1),
        ({"app": "a"}, "main", 1, 2),
        ({"app": "a"}, "main", 9, 2),
        ({"app": "b"}, "main", 0, 3),
        ({}, "main", 0, 4),
    ],
)
def test_the_first_rule_that_matches_decides(labels: dict[str, str], container: str, attempt: int, code: int) -> None:
    """By labels and container; one outcome for each start, the last for all further ones."""
    script = by_rules(
        Rule({"app": "a"}, (Outcome(exit_code=1), Outcome(exit_code=2)), "main"),
        Rule({"app": "b"}, (Outcome(exit_code=3),)),
        otherwise=Outcome(exit_code=4),
    )
    made = pod(labels=labels)
    assert script(made, made.spec.containers[0], attempt).exit_code == code


def test_a_run_ends_when_its_time_has_come() -> None:
    """And says beforehand when that is."""
    executor, clock = playing(Outcome(seconds=5, exit_code=3, message="m"))
    assert (executor.next_due(), executor.exits()) == (5.0, [])
    clock.advance(5)
    assert [(e.run, e.code, e.message) for e in executor.exits()] == [(RUN, 3, "m")]
    assert executor.exits() == []


@pytest.mark.parametrize(
    ("obeys", "force", "codes"), [(True, False, [143]), (False, False, []), (False, True, [137]), (True, True, [137])]
)
def test_stopping_ends_who_obeys_and_force_ends_all(obeys: bool, force: bool, codes: list[int]) -> None:
    """Exit codes are 128 and the signal; the end that was planned does not come too."""
    executor, clock = playing(Outcome(seconds=None if not obeys else 60, obeys=obeys))
    executor.stop(RUN, force=force)
    assert [e.code for e in executor.exits()] == codes
    clock.advance(100)
    assert executor.exits() == []


def test_a_start_may_fail() -> None:
    """As one with a command that does not exist."""
    with pytest.raises(StartError, match="no such command"):
        playing(Outcome(start_error="no such command"))
