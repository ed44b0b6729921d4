"""What `zenflow run` is asked to do, checked as a whole before anything is done."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from zenflow.api import names
from zenflow.cli import approvals, checks
from zenflow.cli.files import BadFile, Source, read_one


class Refused(Exception):
    """It can't be done; nothing was. One sentence for each reason."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("; ".join(self.sentences))


@dataclass(frozen=True, slots=True)
class Item:
    """One object to create, and where it came from, for sentences about it."""

    place: str
    obj: dict[str, Any]

    @property
    def namespace(self) -> str:
        return str((self.obj.get("metadata") or {}).get("namespace") or "default")


@dataclass(frozen=True, slots=True)
class Plan:
    """The flows, with the approvals given on the command line, and what stands beside them in the files.

    `asks` says whether somebody must be asked about a Manual step on the way.
    """

    flows: tuple[Item, ...]
    others: tuple[Item, ...]
    asks: bool


def make(files: Sequence[Path], wanted: frozenset[str], *, can_ask: bool, stdin: BinaryIO) -> Plan:
    """Read and check everything. Raises Refused with all that is wrong.

    `wanted` are the approvals given, `can_ask` says whether a person is there to answer.
    """
    sources = _read(files, stdin)
    items = [Item(source.place(), dict(source.obj)) for source in sources]
    flows = [item for item in items if item.obj.get("kind") == names.KIND]
    if not flows:
        raise Refused([f"no JobFlow in {', '.join(map(str, files))}: write one, or name another file"])
    objects = [flow.obj for flow in flows]
    unanswered = [] if can_ask else list(_unanswered(objects, wanted))
    if problems := [*approvals.unknown(objects, wanted), *unanswered]:
        raise Refused(problems)
    return Plan(
        flows=tuple(Item(flow.place, approvals.approved(flow.obj, wanted)) for flow in flows),
        others=tuple(item for item in items if item.obj.get("kind") != names.KIND),
        asks=any(approvals.open_gates(flow, wanted) for flow in objects),
    )


def _read(files: Sequence[Path], stdin: BinaryIO) -> list[Source]:
    sources: list[Source] = []
    problems: list[str] = []
    for file in files:
        try:
            found = read_one(file, stdin)
        except BadFile as bad:
            problems.append(str(bad))
            continue
        sources += found
        problems += [sentence for source in found for sentence in _problems(source)]
    if problems:
        raise Refused(problems)
    return sources


def _problems(source: Source) -> Iterator[str]:
    if source.obj.get("kind") == names.KIND:
        for problem in checks.problems(source.obj):
            yield f"{source.place(problem.field)}: {problem}"


def _unanswered(flows: Iterable[dict[str, Any]], wanted: frozenset[str]) -> Iterator[str]:
    for flow in flows:
        for step in approvals.open_gates(flow, wanted):
            yield (
                f"step {step} of {approvals.name_of(flow)} waits for a person, and here is none to ask: "
                f"approve it beforehand with --approve {step}, or run on a terminal"
            )
