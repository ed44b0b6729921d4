"""The examples: each is good, each is small, and the guide's first one is verbatim."""

from io import BytesIO
from pathlib import Path

import pytest

from tests.support.program import ROOT
from zenflow.cli.lint import lint

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    """A moved folder must not turn the others into tests of nothing."""
    assert ROOT / "examples/simple-pipeline.yaml" in EXAMPLES


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_lint_has_nothing_to_say(file: Path) -> None:
    """They are what people start from."""
    assert lint([file], BytesIO()).lines == ()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_only_busybox_is_run(file: Path) -> None:
    """So that each runs on any cluster, and as plain processes."""
    images = {line.split()[-1] for line in file.read_text().splitlines() if line.strip().startswith("image:")}
    assert images == {"busybox:latest"}


def test_each_is_in_the_table() -> None:
    """With what it shows and how it ends."""
    table = (ROOT / "examples/README.md").read_text()
    assert [file.name for file in EXAMPLES if f"({file.name})" not in table] == []
