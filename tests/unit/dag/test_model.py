"""Random flows in a random world, each from one seed: whatever happens, the rules hold and every flow ends."""

from collections import Counter
from functools import cache

import pytest

from tests.unit.dag.model import World
from zenflow.dag.snapshot import Outcome

SEEDS = range(40)


@cache
def driven(seed: int) -> World:
    world = World.of(seed)
    world.run()
    return world


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_flow_keeps_the_rules_and_ends(seed: int) -> None:
    """I2, I3, I4, I5, I7 and I8 at every decision, through crashes, refusals, deleted Jobs and suspension."""
    driven(seed)


def test_the_worlds_are_worth_driving_through() -> None:
    """A model in which every flow fails early would keep any rule: each of these must come up again and again."""
    met: Counter[str] = Counter()
    for scene in (driven(seed).scene for seed in SEEDS):
        met[f"flow {scene.flow.status.phase}"] += 1
        met.update(f"{step.phase.value}/{step.reason}" for step in scene.flow.status.steps)
        limits = {step.name: step.retry_policy.limit for step in scene.flow.spec.steps if step.retry_policy}
        for name, attempts in scene.attempts.items():
            met["retry"] += len(attempts) - 1
            is_last = len(attempts) == 1 + limits.get(name, 0)
            met["limit used up"] += is_last and attempts[-1].outcome is Outcome.FAILED
    expected = {
        "flow Succeeded": 10,
        "flow Failed": 10,
        "retry": 50,
        "limit used up": 20,
        "Succeeded/None": 50,
        "Succeeded/Approved": 5,
        "Succeeded/FailureIgnored": 3,
        "Succeeded/FailureCounted": 3,
        "Failed/JobFailed": 10,
        "Failed/JobDeleted": 3,
        "Failed/TimedOut": 5,
        "Failed/BackoffLimitExceeded": 3,
        "Skipped/WhenFalse": 5,
        "Skipped/DependencyFailed": 10,
    }
    assert {name: met[name] for name, least in expected.items() if met[name] < least} == {}
