"""How log lines look: JSON for machines, colors and columns for people.

Events are constant words with facts bound to them; whoever logs decides what, this room only how and where.
"""

import logging
import sys
from typing import Any, Literal, TextIO

import msgspec
import structlog

Format = Literal["json", "console"]


def configure(format_: Format = "json", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up structlog for the whole process, and send the standard library's warnings the same way.

    `level` is debug, info, warning or error; lines go to standard error unless told otherwise. ValueError for
    another level.
    """
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f'"{level}" is no log level: debug, info, warning, error')
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(format_, out),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    # urllib3 and the kubernetes package report through the standard library; below a warning nobody needs it.
    logging.basicConfig(stream=out, level=max(threshold, logging.WARNING), force=True)


def _renderers(format_: Format, out: TextIO) -> list[Any]:
    if format_ == "console":
        return [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_as_json)]


def _as_json(line: Any, **_: Any) -> str:
    """Facts that JSON has no form for become their text; the loggers' own options are for the standard library."""
    return msgspec.json.encode(line, enc_hook=str).decode()
