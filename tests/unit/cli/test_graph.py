"""Drawing the steps of a file."""

from pathlib import Path

import pytest

from zenflow.cli import graph

ROOT = Path(__file__).parents[3]


def test_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    """The flow's name, then its steps as a tree; Manual steps are marked."""
    assert graph.run(ROOT / "examples" / "migration-with-approval.yaml", mermaid=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "migration-with-approval",
        "backup-db",
        "approve-migration  (Manual)",
        "migrate-schema",
    ]


def test_a_mermaid_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    """Nodes have numbers for ids, so that a step may be called as a word of the language."""
    assert graph.run(ROOT / "examples" / "diamond.yaml", mermaid=True) == 0
    first, *nodes = capsys.readouterr().out.splitlines()
    assert first == "flowchart LR"
    assert nodes[:4] == ["  s0[prepare]", "  s1[left]", "  s2[right]", "  s3[finish]"]
    assert nodes[4:] == ["  s0 --> s1", "  s0 --> s2", "  s1 --> s3", "  s2 --> s3"]


def test_a_bad_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same sentences as elsewhere, and exit status 2."""
    assert graph.run(tmp_path, mermaid=False) == 2
    assert "is a directory" in capsys.readouterr().err
