"""How log lines look: JSON for machines, colors and columns for people.

Events are constant words with facts bound to them; whoever logs decides what, this room only how and where.
"""

import logging
import sys
from typing import Any, Literal, TextIO

import msgspec
import structlog

from zenflow.text import as_message

Format = Literal["json", "console"]
_LONGEST_TRACEBACK = 16 * 1024


def configure(format_: Format = "json", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up structlog for the whole process, and send the standard library's warnings the same way.

    `level` is debug, info, warning or error; lines go to standard error unless told otherwise. ValueError for
    another level.
    """
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f'"{level}" is no log level: debug, info, warning, error')
    facts: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _bounded,
    ]
    renderers = _renderers(format_, out)
    structlog.configure(
        processors=[*facts, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    _catch_standard_library(out, threshold, facts, renderers)


def _catch_standard_library(out: TextIO, threshold: int, facts: list[Any], renderers: list[Any]) -> None:
    """urllib3 and others report through the standard library; below a warning nobody needs it."""
    handler = logging.StreamHandler(out)
    origin = structlog.stdlib.add_logger_name
    unpack = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*facts, origin], processors=[unpack, *renderers])
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def _renderers(format_: Format, out: TextIO) -> list[Any]:
    if format_ == "console":
        return [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    return [
        structlog.processors.format_exc_info,
        _short_traceback,
        structlog.processors.JSONRenderer(serializer=_as_json),
    ]


def _bounded(_logger: Any, _method: str, line: Any) -> Any:
    """Facts that are text on one line and short: an error's message may hold what others wrote, and as much of it."""
    texts = {key: str(value) for key, value in line.items() if isinstance(value, str | Exception) and key != "exc_info"}
    return {**line, **{key: as_message(text) for key, text in texts.items()}}


def _short_traceback(_logger: Any, _method: str, line: Any) -> Any:
    """Its end names the error. Halves of surrogate pairs have no UTF-8, so no JSON either."""
    if "exception" in line:
        line["exception"] = line["exception"][-_LONGEST_TRACEBACK:].encode(errors="replace").decode()
    return line


def _as_json(line: Any, **_: Any) -> str:
    """Facts that JSON has no form for become their text; the loggers' own options are for the standard library."""
    return msgspec.json.encode(line, enc_hook=str).decode()
