"""Gaps between statements and proofs are found, and misspelt ones too."""

from pathlib import Path

import pytest

from tests.support.statements import Proof, Statement, gaps, load


def test_a_statement_without_proof_on_a_tier_is_a_gap() -> None:
    statement = Statement("retries.wait", "It waits.", "guide", ("embedded", "node"))
    found = list(gaps([statement], [Proof("retries.wait", "t.py::test_it", "embedded")]))
    assert found == ["retries.wait is not proven on node"]


def test_a_proof_of_nothing_is_a_gap() -> None:
    """A misspelt marker proves nothing, and says so."""
    assert len(list(gaps([], [Proof("retries.wiat", "t.py::test_it", "embedded")]))) == 1


def test_a_statement_in_the_file_of_another_area_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ttl.yaml").write_text("[{id: retries.wait, says: It waits., source: guide}]")
    with pytest.raises(ValueError, match="another area"):
        load(tmp_path)
