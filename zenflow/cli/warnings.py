"""What the cluster and the controller log, as sentences for the person who runs a flow."""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from zenflow.cli.text import clean


def go_to(warn: Callable[[str], None]) -> None:
    """From now on, warnings and errors of every part go to `warn`, and what is less than that goes nowhere."""
    structlog.configure(
        processors=[_sentence],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: _Voice(warn),
        cache_logger_on_first_use=False,
    )


class _Voice:
    """What structlog calls with the finished sentence, whatever its level."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warning = self.error = self.critical = warn


def _sentence(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    said = str(event.pop("event", ""))
    event.pop("exc_info", None)
    facts = ", ".join(f"{key} {value}" for key, value in event.items())
    return clean(f"{said}: {facts}" if facts else said)
