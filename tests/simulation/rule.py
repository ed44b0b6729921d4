"""A rule of a controller that survives: a run in which it matters, and the code without it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.simulation.shapes import Shape, step
from tests.simulation.world import Simulation

Patch = pytest.MonkeyPatch
ONE = Shape("one", [step("a")])


@dataclass(frozen=True)
class Rule:
    """`run` raises AssertionError where a promise to users is broken or a flow stands for ever.

    It passes on the code as it is; after `without`, which takes the rule out of the code, it must not. `number` is the
    rule's in the list of `test_rules`.
    """

    number: int
    name: str
    run: Callable[[], None]
    without: Callable[[Patch], None]


class Rules(list[Rule]):
    """The rules of one module, in its order."""

    def rule(self, number: int, without: Callable[[Patch], None]) -> Callable[[Callable[[], None]], Callable[[], None]]:
        """A decorator for the run in which the rule matters."""

        def register(run: Callable[[], None]) -> Callable[[], None]:
            self.append(Rule(number, f"{run.__name__}-{without.__name__}", run, without))
            return run

        return register


def promises_hold(simulation: Simulation) -> None:
    """No invariant was broken at any write."""
    assert simulation.history.violations == []
