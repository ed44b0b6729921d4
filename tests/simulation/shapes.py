"""The flows that the first campaigns run, with the outcomes of their containers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.clock import VirtualClock
from zenflow.api.names import LABEL_ATTEMPT, LABEL_STEP
from zenflow.local.containers.script import Outcome, Rule, Script, by_rules

Steps = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A flow and how its containers end; `seconds` is how long each of them runs."""

    name: str
    steps: Steps
    failures: tuple[tuple[str, int], ...] = ()  # (step, attempt) that fail

    def script(self) -> Callable[[VirtualClock], Script]:
        """What its containers do."""
        failed = Outcome(seconds=2.0, exit_code=1, message="no luck")
        rules = [Rule({LABEL_STEP: step, LABEL_ATTEMPT: str(attempt)}, (failed,)) for step, attempt in self.failures]
        return lambda clock: by_rules(*rules, otherwise=Outcome(seconds=2.0))


def step(name: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    """A Job step whose command does not matter: the script says how it ends."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]}
    template = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    return {"name": name, "dependencies": list(dependencies), "template": template, **more}


CHAIN = Shape("chain", [step("a"), step("b", "a"), step("c", "b"), step("d", "c")])

DIAMOND = Shape(
    "diamond",
    [
        step("top"),
        step("left", "top", retryPolicy={"limit": 2, "backoff": {"type": "Fixed", "duration": "10s"}}),
        step("right", "top", continueOnFailure=True),
        step("bottom", "left", "right"),
    ],
    failures=(("left", 1), ("right", 1)),
)

WIDE = Shape("wide", [*(step(f"w{n}") for n in range(6)), step("join", *(f"w{n}" for n in range(6)))])

SHAPES = (CHAIN, DIAMOND, WIDE)
