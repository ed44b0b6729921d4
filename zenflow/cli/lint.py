"""`zenflow lint`: everything that is wrong with flows, before a cluster says so.

Files in, lines and an exit status out. The same checks and words as admission's, fields that nobody reads, and what an
API server would have against the Jobs; talks to no cluster.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zenflow.api.names import GROUP, KIND, SINGULAR
from zenflow.api.problems import Problem, Reason, quote
from zenflow.cli import checks
from zenflow.cli.files import BadFile, Source, read_one
from zenflow.cli.server_checks import Server
from zenflow.cli.text import clean
from zenflow.runtime.errors import RuntimeFault, Unconfigured
from zenflow.runtime.transport import KubeTransport, namespace_of

GOOD, BAD = 0, 2


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: one line a problem, and how many flows and files were looked at."""

    lines: tuple[str, ...]
    flows: int
    files: int

    @property
    def status(self) -> int:
        """The exit status: 0 all are good, 2 something is wrong."""
        return BAD if self.lines else GOOD

    @property
    def summary(self) -> str:
        looked_at = f"{_count(self.flows, 'flow')} in {_count(self.files, 'file')}"
        return f"{looked_at}: {_count(len(self.lines), 'problem') if self.lines else 'all good'}"


def lint(files: Iterable[Path], stdin: BinaryIO, server: Server | None = None) -> Report:
    """Every problem of every file; one that can't be read is a problem like any other and hides no other file."""
    lines: list[str] = []
    flows = seen = 0
    for file in files:
        seen += 1
        try:
            sources = read_one(file, stdin)
        except BadFile as bad:
            lines.append(str(bad))
            continue
        flows += sum(map(_is_flow, sources))
        lines += _problems(file, sources, server)
    return Report(tuple(lines), flows, seen)


def run(files: Iterable[Path], *, server: Server | None = None, show: Callable[[str], None] = print) -> int:
    """Lint and show; returns the exit status."""
    try:
        report = lint(files, sys.stdin.buffer, server)
    except RuntimeFault as fault:
        show(clean(f"the cluster gives no verdict: {fault}; try again, or lint without --server"))
        return BAD
    for line in (*report.lines, report.summary):
        show(clean(line))
    return report.status


def connect(kubeconfig: Path | None, context: str | None, namespace: str) -> Server:
    """The cluster that a kubeconfig names. Exits with a sentence where there is none."""
    path = str(kubeconfig) if kubeconfig else None
    try:
        transport = KubeTransport.from_config(path, context)
    except (Unconfigured, OSError) as error:
        print(f"zenflow lint: {error}", file=sys.stderr)
        raise SystemExit(BAD) from None
    return Server(transport, namespace or namespace_of(path, context))


def _problems(file: Path, sources: tuple[Source, ...], server: Server | None) -> Iterator[str]:
    flows = tuple(filter(_is_flow, sources))
    if not flows:
        yield f"{file}: has no {KIND} in it; add one, or leave the file out"
    first: dict[tuple[str, str], Source] = {}
    for flow in flows:
        problems = (*checks.problems(flow.obj), *_again(flow, first))
        if server is not None and flow.obj.get("kind") == KIND:
            problems += tuple(server.problems(flow.obj, problems))
        for problem in sorted(problems, key=lambda found: flow.document.line_of(found.field)):
            yield f"{flow.place(problem.field)}: {_label(flow)}{problem}"


def _is_flow(source: Source) -> bool:
    """Whether it is, or was meant to be, a JobFlow: other kinds may stand beside it."""
    version, kind = source.obj.get("apiVersion"), source.obj.get("kind")
    return kind == KIND or kind is None or str(version).startswith(f"{GROUP}/")


def _again(flow: Source, first: dict[tuple[str, str], Source]) -> Iterator[Problem]:
    """Two flows of one name in one file: applying the second would overwrite the first."""
    name = _metadata(flow, "name")
    earlier = first.setdefault((_metadata(flow, "namespace"), name), flow)
    if name and earlier is not flow:
        message = f"{earlier.place()} is a flow of this name"
        yield Problem("metadata.name", quote(name), message, "rename one of them", Reason.DUPLICATE)


def _label(flow: Source) -> str:
    name = _metadata(flow, "name") or _metadata(flow, "generateName")
    return f"{SINGULAR}/{quote(name)[1:-1]}: " if name else ""


def _metadata(flow: Source, key: str) -> str:
    metadata = flow.obj.get("metadata")
    found = metadata.get(key) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
