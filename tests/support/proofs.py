"""A pytest plug-in that writes down which tests prove which statements, and where each of them runs.

    pytest --collect-only -p tests.support.proofs --proofs=FILE tests

A test says it with `@pytest.mark.proves("area.statement", …)`. Nothing is run; and as a skipped test is a failed one
(`no_skips`), what is collected has run wherever the tests have passed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

# Where a test runs that is not about one of the clusters of tests/e2e.
PLACES = {"unit": "unit", "simulation": "simulation", "loopback": "loopback", "conformance": "control_plane"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proofs", type=Path, help="write the proofs of all collected tests to this file, as JSON")


def pytest_collection_finish(session: pytest.Session) -> None:
    path = session.config.getoption("--proofs")
    if path:
        path.write_text(json.dumps(list(proofs(session))))


def proofs(session: pytest.Session) -> Iterator[dict[str, str]]:
    """One entry for each statement that a test proves, in each place where it runs."""
    for item in session.items:
        file = item.path.relative_to(session.config.rootpath).as_posix()
        test = f"{file}::{getattr(item, 'originalname', item.name)}"
        for mark in item.iter_markers("proves"):
            for statement in mark.args:
                yield {"statement": statement, "test": test, "place": place_of(item, file)}


def place_of(item: pytest.Item, file: str) -> str:
    """The cluster that a test of tests/e2e is given, by parameter or by marker; elsewhere the folder says it."""
    folder = file.split("/")[1]
    if folder in PLACES:
        return PLACES[folder]
    callspec = getattr(item, "callspec", None)
    if callspec and "target" in callspec.params:
        return str(callspec.params["target"])
    if item.get_closest_marker("install"):  # a node tier of its own
        return "node"
    marked = (tier for tier in ("node", "control_plane") if item.get_closest_marker(tier))
    return next(marked, "embedded")
