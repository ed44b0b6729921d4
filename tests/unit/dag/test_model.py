"""Random flows in a random world, each from one seed: whatever happens, the rules hold and every flow ends."""

import pytest

from tests.unit.dag.model import World

SEEDS = 100


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_flow_keeps_the_rules_and_ends(seed: int) -> None:
    """I2, I3, I4, I5, I7 and I8 at every decision, through crashes, refusals, deleted Jobs and suspension."""
    World.of(seed).run()
