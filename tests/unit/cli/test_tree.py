"""How a graph becomes lines."""

import time

import pytest

from zenflow.api.types import Step
from zenflow.cli.tree import lay_out


def drawn(**dependencies: str) -> list[str]:
    """The drawing of steps given as name="what it waits for"."""
    steps = [Step(name=name, dependencies=tuple(needed.split())) for name, needed in dependencies.items()]
    return [
        f"{line.prefix}{steps[line.step].name}" + (f" < {','.join(line.after)}" if line.after else "")
        for line in lay_out(steps)
    ]


def test_a_chain_is_a_flat_list() -> None:
    """Steps that follow one another stand below each other, without branches."""
    assert drawn(a="", b="a", c="b") == ["a", "b", "c"]


def test_a_merge_stands_beside_its_branches() -> None:
    """What waits for both branches stands under the step that both come from, and says what it waits for."""
    assert drawn(a="", left="a", right="a", merge="left right", end="merge") == [
        "a",
        "├─ left",
        "├─ right",
        "└─ merge < left,right",
        "   end",
    ]


def test_several_starts() -> None:
    """Independent chains are branches; what they meet in is one too."""
    assert drawn(a="", b="", a2="a", b2="b", merge="a2 b2") == ["├─ a", "│  a2", "├─ b", "│  b2", "└─ merge < a2,b2"]


def test_a_shortcut_is_told() -> None:
    """A step with a second dependency further up names both, since its place shows neither alone."""
    assert drawn(a="", b="a", c="a b") == ["a", "├─ b", "└─ c < a,b"]


@pytest.mark.parametrize(
    "steps",
    [
        [Step(name=f"s{i}", dependencies=(f"s{i - 1}",) if i else ()) for i in range(2000)],
        [Step(name=f"s{i}", dependencies=(f"s{(i - 1) // 2}",) if i else ()) for i in range(2000)],
        [
            Step(name=f"s{i}-{j}", dependencies=tuple(f"s{i - 1}-{k}" for k in range(50)) if i else ())
            for i in range(40)
            for j in range(50)
        ],
    ],
    ids=["chain", "binary tree", "layers"],
)
def test_2000_steps(steps: list[Step]) -> None:
    """The largest flows are drawn completely, at once, without recursion, and not too wide."""
    started = time.perf_counter()
    lines = lay_out(steps)
    assert sorted(line.step for line in lines) == list(range(2000))
    assert max(len(line.prefix) for line in lines) <= 30
    assert time.perf_counter() - started < 2
