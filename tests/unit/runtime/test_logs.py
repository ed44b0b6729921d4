"""Lines that machines and people can read."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from zenflow.runtime.logs import configure


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """The configuration is the process's."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


def test_a_json_line_carries_event_level_time_and_facts() -> None:
    """One object a line; facts without a JSON form become text."""
    out = io.StringIO()
    configure("json", "info", out)
    structlog.get_logger().info("job created", job="x", attempt=2, error=ValueError("why"))
    line = json.loads(out.getvalue())
    assert {"event": "job created", "level": "info", "job": "x", "attempt": 2, "error": "why"}.items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_a_traceback_stays_in_its_line() -> None:
    """So that collectors keep it together."""
    out = io.StringIO()
    configure("json", "info", out)
    structlog.get_logger().error("reconcile failed", exc_info=ZeroDivisionError("a bug"))
    (line,) = out.getvalue().splitlines()
    assert "ZeroDivisionError: a bug" in json.loads(line)["exception"]


def test_a_fact_of_any_size_and_kind_is_one_short_line() -> None:
    """An error's text may hold what somebody else wrote, a megabyte of it, or halves of surrogate pairs."""
    out = io.StringIO()
    configure("json", "info", out)
    words = "\x1b[2J\ud800\nINFO all is well\u202e" + "x" * 2**20
    structlog.get_logger().error("failed", error=ValueError(words), said=words, exc_info=ValueError(words))
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert line["error"] == line["said"]
    assert len(line["said"].encode()) <= 1024
    assert not set("\x1b\n\u202e") & set(line["said"])
    assert len(line["exception"]) <= 16 * 1024


@pytest.mark.parametrize(("level", "seen"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_what_is_below_the_level_is_not_written(level: str, seen: int) -> None:
    """Each level hides those below it."""
    out = io.StringIO()
    configure("json", level, out)
    log = structlog.get_logger()
    log.debug("d")
    log.info("i")
    log.warning("w")
    assert len(out.getvalue().splitlines()) == seen


@pytest.mark.proves("observability.json-logs")
def test_what_a_library_says_becomes_a_line_like_any_other() -> None:
    """urllib3 knows only the standard library's logging; a collector must not meet a line that is no JSON."""
    out = io.StringIO()
    configure("json", "info", out)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after %s", "reset")
    logging.getLogger("urllib3.connectionpool").info("nobody needs this")
    (line,) = map(json.loads, out.getvalue().splitlines())
    facts = {"event": "Retrying after reset", "level": "warning", "logger": "urllib3.connectionpool"}
    assert facts.items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_a_console_line_is_for_people() -> None:
    """Without colors where the output is no terminal."""
    out = io.StringIO()
    configure("console", "info", out)
    structlog.get_logger().info("job created", job="x")
    assert "job created" in out.getvalue()
    assert "job=x" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_an_unknown_level_is_refused() -> None:
    """With the choices."""
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        configure("json", "loud")
