"""A JobFlow as something to look at: a tree for a terminal, lines for a log. Pure: no console, no clock, no I/O.

Every text that comes from the object passes `text.clean`, and rich never parses it as markup.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from zenflow.api.types import FlowPhase, JobFlow, JobFlowStatus, Progress, StepPhase, StepStatus, StepType
from zenflow.cli.text import clean, elapsed
from zenflow.cli.tree import Line
from zenflow.dag.steps import JOB_RETRY, SUSPENDED

MARKS = {
    StepPhase.PENDING: ("○", "dim"),
    StepPhase.RUNNING: ("●", "cyan"),
    StepPhase.SUCCEEDED: ("✔", "green"),
    StepPhase.FAILED: ("✖", "bold red"),
    StepPhase.SKIPPED: ("–", "dim"),
    StepPhase.PENDING_APPROVAL: ("?", "bold yellow"),
}
FLOW_STYLES = {
    FlowPhase.PENDING: "dim",
    FlowPhase.RUNNING: "cyan",
    FlowPhase.PAUSED: "yellow",
    FlowPhase.SUSPENDED: "yellow",
    FlowPhase.SUCCEEDED: "green",
    FlowPhase.FAILED: "bold red",
}
# What a person wants to see of a flow too big for the window, the most urgent first.
_URGENCY = (StepPhase.PENDING_APPROVAL, StepPhase.RUNNING, StepPhase.FAILED, StepPhase.PENDING)


def flow_view(flow: JobFlow, layout: Sequence[Line], now: datetime, height: int) -> RenderableType:
    """The flow's state with a progress bar, and below it its steps in at most `height` lines.

    `layout` is `tree.lay_out(flow.spec.steps)`, made once for the flow. Where the steps don't fit, those
    that run, wait for a person or have failed are shown, and a last line counts the others.
    """
    rows = Table.grid(padding=(0, 2), expand=False)
    rows.add_column(no_wrap=True)
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(overflow="ellipsis", no_wrap=True)
    states = step_states(flow)
    shown = _visible(layout, states, height)
    for line in shown:
        rows.add_row(*_step_row(flow, line, states[line.step], now))
    hidden = len(layout) - len(shown)
    footer = [Text(f"   and {hidden} more steps", style="dim")] if hidden else []
    return Group(_header(flow, now), rows, *footer)


def step_states(flow: JobFlow) -> tuple[StepStatus, ...]:
    """The status of each step in the order of the spec; Pending where the controller has not said yet."""
    known = {status.name: status for status in flow.status.steps}
    pending = StepPhase.PENDING
    return tuple(known.get(step.name) or StepStatus(name=step.name, phase=pending) for step in flow.spec.steps)


def changes(old: JobFlow | None, new: JobFlow) -> Iterator[str]:
    """What happened between two versions of a flow, a line each: `etl/extract Succeeded in 0.4s`."""
    name = new.metadata.name
    before = old.status if old else JobFlowStatus()
    if new.status.phase != before.phase and new.status.phase and not new.status.phase.is_terminal:
        said = "" if new.status.phase is FlowPhase.RUNNING else new.status.message  # its steps say the same
        yield f"{name} {new.status.phase}{_because(said)}"
    known = {status.name: status for status in before.steps}
    for status in new.status.steps:
        was = known.get(status.name)
        if _key(status) != _key(was or StepStatus(name=status.name, phase=StepPhase.PENDING)):
            took = _span(status.start_time, status.completion_time)
            yield f"{name}/{status.name} {status.phase}{took and f' in {took}'}{_because(note(status))}"


def outcome(flow: JobFlow) -> str:
    """The flow's end in one line: `etl Succeeded in 3s: 4 of 4 steps succeeded`; without an end, it was cancelled."""
    status = flow.status
    if status.phase is None or not status.phase.is_terminal:
        return f"{flow.metadata.name} cancelled: {_summary(flow)} steps"
    took = _span(status.start_time, status.completion_time)
    detail = clean(status.message) if status.message else f"{_summary(flow)} steps"
    return f"{flow.metadata.name} {status.phase}{took and f' in {took}'}: {detail}"


def note(status: StepStatus, now: datetime | None = None) -> str:
    """Why a step is in its phase, as far as its phase does not say it by itself."""
    if status.next_retry_time:
        wait = f" in {elapsed(status.next_retry_time - now)}" if now else ""
        return f"retry {status.retry_count + 1}{wait}" + (f": {clean(status.message)}" if status.message else "")
    if status.phase is StepPhase.RUNNING:
        retry = f"retry {status.retry_count}" if status.retry_count else ""
        held = clean(status.message or status.reason or "") if stands_still(status) else ""
        return ": ".join(filter(None, (retry, held)))
    if status.message:
        return clean(status.message)
    return clean(status.reason or "")


def stands_still(status: StepStatus) -> bool:
    """Whether something is in the way of a step that could go on; a wait for its retry has a time of its own."""
    is_open = status.phase in (StepPhase.PENDING, StepPhase.RUNNING)
    return is_open and status.reason not in (None, "", "Backoff", SUSPENDED)


def waiting(flow: JobFlow) -> tuple[StepStatus, ...]:
    """The Manual steps that wait for somebody's approval."""
    return tuple(status for status in flow.status.steps if status.phase is StepPhase.PENDING_APPROVAL)


def question(flow: JobFlow, step: str, message: str) -> str:
    """What a person is asked about a Manual step, with the keys that answer."""
    return f"Approve {step} of {flow.metadata.name}?{f' {clean(message)}' if message else ''}  [y] yes  [n] no"


def _header(flow: JobFlow, now: datetime) -> RenderableType:
    status = flow.status
    phase = status.phase or FlowPhase.PENDING
    progress = status.progress or Progress(total_steps=len(flow.spec.steps))
    colour = "red" if phase is FlowPhase.FAILED else "green"
    bar = ProgressBar(
        total=max(progress.total_steps, 1),
        completed=progress.completed_steps,
        width=24,
        complete_style=colour,
        finished_style=colour,
    )
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(clean(flow.metadata.name), style="bold"),
        Text(phase, style=FLOW_STYLES[phase]),
        bar,
        _summary(flow),
        Text(_span(status.start_time, status.completion_time or now), style="dim"),
    )
    # The tree says how a flow is doing that goes on; its sentence is for what needs a reason.
    is_well = phase in (FlowPhase.RUNNING, FlowPhase.PAUSED, FlowPhase.SUCCEEDED)
    quiet = (is_well and not any(map(stands_still, status.steps))) or not status.message
    return head if quiet else Group(head, Text(f"   {clean(status.message or '')}", style=FLOW_STYLES[phase]))


def _step_row(flow: JobFlow, line: Line, status: StepStatus, now: datetime) -> tuple[Text, Text, Text]:
    mark, style = MARKS[status.phase]
    step = flow.spec.steps[line.step]
    name = Text.assemble((line.prefix, "dim"), (mark, style), " ", clean(step.name))
    remark = note(status, now) or (
        f"after {', '.join(line.after)}" if line.after and status.phase is StepPhase.PENDING else ""
    )
    if not remark and step.type is StepType.MANUAL and status.phase is StepPhase.SUCCEEDED and status.approved_by:
        remark = f"approved by {clean(status.approved_by)}"
    bold = status.phase in (StepPhase.FAILED, StepPhase.PENDING_APPROVAL)
    return (
        name,
        Text(_span(status.start_time, status.completion_time or now), style="dim"),
        Text(remark, style=style if bold else "dim"),
    )


def _visible(layout: Sequence[Line], states: Sequence[StepStatus], height: int) -> list[Line]:
    if len(layout) <= height:
        return list(layout)
    urgency = {phase: rank for rank, phase in enumerate(_URGENCY)}
    ranked = sorted(layout, key=lambda line: urgency.get(states[line.step].phase, len(urgency)))
    chosen = {line.step for line in ranked[: max(height - 1, 1)]}
    return [line for line in layout if line.step in chosen]


def _key(status: StepStatus) -> tuple[object, ...]:
    """What makes a line of its own when it changes: of a Job that retries by itself each try does."""
    held = status.reason if stands_still(status) else None
    return status.phase, status.next_retry_time, status.retry_count, held, status.message if held == JOB_RETRY else None


def _span(start: datetime | None, end: datetime | None) -> str:
    return elapsed(end - start) if start and end else ""


def _because(text: str | None) -> str:
    return f": {clean(text)}" if text else ""


def _summary(flow: JobFlow) -> str:
    progress = flow.status.progress
    return clean(progress.summary) if progress and progress.summary else f"0/{len(flow.spec.steps)}"
