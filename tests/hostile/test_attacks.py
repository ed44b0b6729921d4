"""What tenants may write touches their own flows at most: each attack beside a neighbour's chain of five steps.

The law: whatever a tenant can write (a flow, a Job, a Pod, an Event, a ConfigMap, a label, a size, a byte on a port)
decides about that tenant's own flow at most, costs others nothing that grows, and never ends the process.
"""

import pytest

from tests.hostile.arena import SHIPPED_LIMIT, Arena, memory, peak_memory
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.support.waiting import eventually

pytestmark = pytest.mark.control_plane


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_touches_nobody_else(arena: Arena, attack: Attack) -> None:
    with arena.stage(attack.name) as stage:
        story = attack.deed(stage)
        next(story)
        arena.assert_neighbour_keeps_pace()
        next(story, None)
        arena.assert_alive()


def test_nothing_was_restarted_and_memory_ends_where_it_began(arena: Arena) -> None:
    """Once the attackers' namespaces are gone; what the interpreter keeps for reuse is a part of it."""
    arena.assert_alive()
    assert arena.restarts == 0
    highest = arena.memory_before * 1.5
    eventually(
        lambda: memory(arena.controller.pid) < highest,
        within=120,
        what=f"at most {highest / 2**20:.0f} MiB",
        else_show=lambda: f"{memory(arena.controller.pid) / 2**20:.0f} MiB",
    )
    assert peak_memory(arena.controller.pid) < SHIPPED_LIMIT
