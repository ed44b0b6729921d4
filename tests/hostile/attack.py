"""What an attack is, and the list of all of them.

An attack is a generator: what comes before its `yield` puts it in place; then a neighbour's flow runs beside it; what
comes after it judges what became of the attacker's own objects. One that only has to touch nobody else ends there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.hostile.stage import Stage

Deed = Callable[[Stage], Iterator[None]]


@dataclass(frozen=True)
class Attack:
    """`kills`: it is one that would end a process or fill its memory, so it is run in the shipped limits too."""

    name: str
    deed: Deed
    kills: bool = False


@dataclass
class Attacks:
    """The attacks of one kind, by name."""

    kind: str
    all: list[Attack] = field(default_factory=list)

    def add(self, name: str, deed: Deed, *, kills: bool = False) -> None:
        self.all.append(Attack(f"{self.kind}-{name}", deed, kills))

    def attack(self, name: str, *, kills: bool = False) -> Callable[[Deed], Deed]:
        """A decorator for a deed that is one attack."""

        def register(deed: Deed) -> Deed:
            self.add(name, deed, kills=kills)
            return deed

        return register
