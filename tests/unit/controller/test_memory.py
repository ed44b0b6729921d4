"""What only the process knows: notes that go with their flow."""

from zenflow.controller.memory import Memory


def test_notes_go_with_their_flow() -> None:
    """Ten thousand ended flows cost nothing."""
    memory = Memory()
    memory.of("one").refused_times["a"] = 3
    assert memory.of("one").refused_times == {"a": 3}
    memory.forget("one")
    assert memory.of("one").refused_times == {}
