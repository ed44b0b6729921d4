"""`zenflow graph`: the steps of flows, drawn as a tree or as a mermaid diagram."""

import sys
from collections.abc import Iterator
from pathlib import Path

from zenflow.api.types import Step, StepType
from zenflow.cli import plan, screen
from zenflow.cli.tree import lay_out


def run(file: Path, *, mermaid: bool) -> int:
    """Draw every flow of a file; the exit status of the command."""
    try:
        work = plan.make([file], frozenset(), can_ask=True, stdin=sys.stdin.buffer)
    except plan.Refused as refused:
        for sentence in refused.sentences:
            screen.fail(sentence)
        return 2
    for flow in work.flows:
        steps = tuple(Step.model_validate(step) for step in flow.obj["spec"]["steps"])
        print("\n".join(_diagram(steps) if mermaid else _tree(flow.obj["metadata"], steps)))
    return 0


def _tree(metadata: dict[str, str], steps: tuple[Step, ...]) -> Iterator[str]:
    yield metadata.get("name") or metadata.get("generateName", "")
    for line in lay_out(steps):
        step = steps[line.step]
        manual = "  (Manual)" if step.type is StepType.MANUAL else ""
        after = f"  after {', '.join(line.after)}" if line.after else ""
        yield f"{line.prefix}{step.name}{manual}{after}"


def _diagram(steps: tuple[Step, ...]) -> Iterator[str]:
    yield "flowchart LR"
    # Ids are numbers: a step called `end` or `graph` would be a word of mermaid's own.
    number = {step.name: f"s{index}" for index, step in enumerate(steps)}
    for step in steps:
        opened, closed = ("{{", "}}") if step.type is StepType.MANUAL else ("[", "]")
        yield f"  {number[step.name]}{opened}{step.name}{closed}"
    for step in steps:
        yield from (f"  {number[needed]} --> {number[step.name]}" for needed in step.dependencies)
