"""Whose item is next."""

from zenflow.runtime.turns import Turns


def test_batches_are_served_in_turn() -> None:
    """A small one is done after as many items of the wide one as there are before it."""
    turns: Turns[str] = Turns()
    turns.add(f"wide-{number}" for number in range(1000))
    turns.add(["small-0", "small-1"])
    turns.add(["single"])
    assert [turns.get() for _ in range(6)] == ["wide-0", "small-0", "single", "wide-1", "small-1", "wide-2"]


def test_an_owner_works_on_its_own_batch() -> None:
    """Until it is empty, whoever's turn it is."""
    turns: Turns[str] = Turns()
    turns.add(["other-0", "other-1"])
    mine = turns.add(["mine-0", "mine-1"])
    assert [turns.take(mine) for _ in range(3)] == ["mine-0", "mine-1", None]
    assert [turns.get(), turns.get()] == ["other-0", "other-1"]


def test_an_empty_batch_is_nobodys_turn() -> None:
    turns: Turns[str] = Turns()
    empty = turns.add([])
    turns.add(["one"])
    assert (turns.take(empty), turns.get()) == (None, "one")
