"""Where a run is shown: a live view on a terminal, plain lines elsewhere, almost nothing when asked to be quiet.

What is shown comes from `render`; here is only how it gets on to the stream.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TextIO
from zlib import crc32

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from zenflow.api.types import JobFlow
from zenflow.cli import render
from zenflow.cli.tree import Line, lay_out

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")


class Screen(Protocol):
    """What a run tells while it goes on. Called by one thread."""

    def changed(self, old: JobFlow | None, new: JobFlow) -> None:
        """A flow has changed."""
        ...

    def log(self, source: str, line: str) -> None:
        """A container has printed a line, already cleaned."""
        ...

    def say(self, sentence: str) -> None:
        """Something that a person must know."""
        ...

    def warn(self, sentence: str) -> None:
        """Something that a person may want to know."""
        ...

    def refresh(self, flows: Sequence[JobFlow], now: datetime, question: str = "") -> None:
        """Time has passed; `question` is what the person is being asked."""
        ...

    def close(self, flows: Sequence[JobFlow], now: datetime) -> None:
        """Show how it ended and leave the terminal as it was."""
        ...


class Plain:
    """A line for each thing that happens, at once; for logs, pipes and terminals that can't be redrawn."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet

    def changed(self, old: JobFlow | None, new: JobFlow) -> None:
        for change in render.changes(old, new):
            self._print(change)

    def log(self, source: str, line: str) -> None:
        self._print(f"{source} | {line}")

    def say(self, sentence: str) -> None:
        print(sentence, file=self._stream, flush=True)

    def warn(self, sentence: str) -> None:
        self._print(f"warning: {sentence}")

    def refresh(self, flows: Sequence[JobFlow], now: datetime, question: str = "") -> None:
        """Nothing: a line that is out stays as it is."""

    def close(self, flows: Sequence[JobFlow], now: datetime) -> None:
        for flow in flows:
            self.say(render.outcome(flow))

    def _print(self, line: str) -> None:
        if not self._quiet:
            print(line, file=self._stream, flush=True)


class LiveView:
    """The flows as trees at the bottom of the terminal, redrawn in place; logs scroll by above them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._layouts: dict[str, tuple[Line, ...]] = {}  # by UID: a flow's steps don't change

    def changed(self, old: JobFlow | None, new: JobFlow) -> None:
        """Nothing: the next refresh shows it."""

    def log(self, source: str, line: str) -> None:
        colour = _COLOURS[crc32(source.encode()) % len(_COLOURS)]
        self._print(Text.assemble((f"{source} | ", colour), line))

    def say(self, sentence: str) -> None:
        self._print(Text(sentence, style="yellow"))

    def warn(self, sentence: str) -> None:
        self._print(Text(f"warning: {sentence}", style="dim yellow"))

    def refresh(self, flows: Sequence[JobFlow], now: datetime, question: str = "") -> None:
        asked = [Text(question, style="bold yellow")] if question else []
        room = (self._console.height - 1 - 2 * len(asked)) // max(len(flows), 1) - 2
        self._live.start()  # the first time; nothing is drawn for a run that is refused
        self._live.update(Group(*self._views(flows, now, max(room, 1)), *asked), refresh=True)

    def close(self, flows: Sequence[JobFlow], now: datetime) -> None:
        self._live.stop()
        self._console.print(Group(*self._views(flows, now, height=60)))
        for flow in flows:
            self._print(Text(render.outcome(flow)))

    def _views(self, flows: Sequence[JobFlow], now: datetime, height: int) -> list[RenderableType]:
        for flow in flows:
            if flow.metadata.uid not in self._layouts:
                self._layouts[flow.metadata.uid] = lay_out(flow.spec.steps)
        return [render.flow_view(flow, self._layouts[flow.metadata.uid], now, height) for flow in flows]

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def choose(stream: TextIO, *, quiet: bool) -> Screen:
    """The screen that suits a stream. rich reads NO_COLOR and TERM."""
    console = Console(file=stream, highlight=False)
    if quiet or not stream.isatty() or console.is_dumb_terminal:
        return Plain(stream, quiet=quiet)
    return LiveView(console)


def fail(sentence: str) -> None:
    """One clear sentence on standard error."""
    print(f"zenflow: {sentence}", file=sys.stderr, flush=True)
