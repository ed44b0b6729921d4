"""What only the process knows: who has entered a concurrency group, and notes that go with their flow."""

from zenflow.controller.memory import Memory

GROUP = "data/nightly"


def test_the_first_through_the_gate_is_alone_in_its_group() -> None:
    """Two workers may decide at once from snapshots in which neither flow had started."""
    memory = Memory()
    assert memory.enter(GROUP, "one", alone=True)
    assert not memory.enter(GROUP, "two", alone=True)
    assert memory.has_entered(GROUP, "one")
    assert not memory.has_entered(GROUP, "two")


def test_entering_twice_is_entering_once() -> None:
    """A reconcile that failed after the gate comes back to it."""
    memory = Memory()
    assert memory.enter(GROUP, "one", alone=True)
    assert memory.enter(GROUP, "one", alone=True)


def test_a_flow_that_need_not_be_alone_enters_beside_others() -> None:
    """The newcomer's policy decides."""
    memory = Memory()
    assert memory.enter(GROUP, "one", alone=True)
    assert memory.enter(GROUP, "two", alone=False)


def test_the_gate_opens_when_the_flow_has_ended() -> None:
    """And only for its own group."""
    memory = Memory()
    memory.enter(GROUP, "one", alone=True)
    memory.forget("one")
    assert memory.enter(GROUP, "two", alone=True)


def test_notes_go_with_their_flow() -> None:
    """Ten thousand ended flows cost nothing."""
    memory = Memory()
    memory.of("one").refused_times["a"] = 3
    assert memory.of("one").refused_times == {"a": 3}
    memory.forget("one")
    assert memory.of("one").refused_times == {}
