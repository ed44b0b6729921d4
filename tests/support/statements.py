"""What the User Guide and the semantics say, statement by statement, and the page that shows what proves each of them.

python -m tests.support.statements      writes docs/conformance.md from tests/e2e/statements and the tests' markers
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.program import ROOT

FOLDER = ROOT / "tests" / "e2e" / "statements"
PAGE = ROOT / "docs" / "conformance.md"
DEFAULT_TIERS = ("embedded", "control_plane")
PLACES = {
    "embedded": "embedded",
    "control_plane": "kube-apiserver",
    "node": "node",
    "simulation": "virtual clock",
    "loopback": "loopback",
    "unit": "unit",
}
HEAD = """\
# Conformance

Each statement of the User Guide and of the semantics, the tests that prove it, and where they run. A skipped test is a
failed one, so where the tests pass all of this has been seen. Written by `make generate`; a test fails when it is stale
or a statement lacks a proof.

- **embedded**: `zenflow local`, commands as processes of this machine
- **kube-apiserver**: a real control plane with its own Job controller and garbage collector, Pods played by kwok
- **node**: the same with a kubelet and containerd that really run containers
- **virtual clock**: the whole composition in one thread, times exact to the second, with crashes
- **unit**, **loopback**: one part by itself
"""


@dataclass(frozen=True)
class Statement:
    """One sentence that must hold. `tiers` are the clusters on which it has to be seen to."""

    id: str
    says: str
    source: str
    tiers: tuple[str, ...] = DEFAULT_TIERS

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True, order=True)
class Proof:
    """That a test proves a statement in one place."""

    statement: str
    test: str
    place: str


def load(folder: Path = FOLDER) -> tuple[Statement, ...]:
    """All statements in the order of their files. ValueError for one that stands twice or in another area's file."""
    found: dict[str, Statement] = {}
    for path in sorted(folder.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()):
            statement = Statement(**{**entry, "tiers": tuple(entry.get("tiers", DEFAULT_TIERS))})
            if statement.id in found or statement.area != path.stem:
                raise ValueError(f"{path.name}: {statement.id} stands twice, or in the file of another area")
            found[statement.id] = statement
    return tuple(found.values())


def collect() -> tuple[Proof, ...]:
    """What the tests of this checkout prove, as their markers say; runs none of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proofs.json"
        flags = ("--collect-only", "--quiet", "-p", "tests.support.proofs", f"--proofs={path}")
        command = (sys.executable, "-m", "pytest", *flags, "tests")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the tests can't be collected:\n{done.stdout[-3000:]}")
        return tuple(sorted({Proof(**entry) for entry in json.loads(path.read_text())}))


def gaps(statements: Sequence[Statement], proofs: Sequence[Proof]) -> Iterator[str]:
    """One sentence for each statement without proof where it needs one, and for each proof of no statement."""
    places = defaultdict(set)
    for proof in proofs:
        places[proof.statement].add(proof.place)
    for statement in statements:
        missing = [tier for tier in statement.tiers if tier not in places[statement.id]]
        if missing:
            yield f"{statement.id} is not proven on {', '.join(missing)}"
    for unknown in sorted(places.keys() - {statement.id for statement in statements}):
        yield f"a test proves {unknown}, which no file of {FOLDER.name} states"


def render(statements: Sequence[Statement], proofs: Sequence[Proof]) -> str:
    """The page: a table for each area."""
    by_statement: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for proof in proofs:
        by_statement[proof.statement][proof.test].add(proof.place)
    parts = [HEAD]
    for area in dict.fromkeys(statement.area for statement in statements):
        rows = [row(each, by_statement[each.id]) for each in statements if each.area == area]
        title = area.replace("-", " ").capitalize()
        parts.append(
            "\n".join((f"## {title}", "", "| statement | source | proven by | on |", "| --- " * 4 + "|", *rows))
        )
    return "\n".join(parts)


def row(statement: Statement, tests: Mapping[str, set[str]]) -> str:
    names = "<br>".join(f"[{short(test)}](../{test.partition('::')[0]})" for test in tests)
    places = {place for found in tests.values() for place in found}
    where = ", ".join(title for place, title in PLACES.items() if place in places)
    return f"| {statement.says.rstrip('.')} | {statement.source} | {names} | {where} |"


def short(test: str) -> str:
    """`tests/e2e/test_main_job.py::test_it` as `test_main_job: it`."""
    file, _, name = test.partition("::")
    return f"{Path(file).stem}: {name.removeprefix('test_')}"


def main() -> None:
    statements, proofs = load(), collect()
    PAGE.write_text(render(statements, proofs))
    print("\n".join(gaps(statements, proofs)) or "every statement is proven", file=sys.stderr)


if __name__ == "__main__":
    main()
