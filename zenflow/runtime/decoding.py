"""Where bytes become values: whatever a decoder raises ends here, as the one error `Undecodable`.

Others write these bytes: a tenant's object may be of any shape, size and depth. Nothing here recurses, so the depth of
an object costs nothing, and what is nested too deep to be decoded is left out: decisions read none of it.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from zenflow.runtime.errors import Undecodable

V = TypeVar("V")

# Levels of arrays and objects that are kept where not all can be decoded. Deeper than anything that is read, and than
# `api.validation.MAX_DEPTH`: a spec of which something was left out is refused for its depth, never run without it.
DEEPEST = 256
# What a decoder says may quote the object; a line of a log needs no more of it.
MAX_REASON = 200

# Strings, so that brackets within them don't count, and brackets. A string without an end takes all the rest, and is
# possessive, so that no input makes the search start over.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_OPEN, _CLOSE = b"[{", b"]}"


def decode(decoder: Callable[[bytes], V], body: bytes | msgspec.Raw, what: str) -> V:
    """What the decoder makes of JSON. Raises `Undecodable`, and nothing else, whatever the decoder raises.

    What is nested more than `DEEPEST` levels deep is null where the decoder can't go as deep as the whole.
    """
    try:
        try:
            return decoder(bytes(body))
        except RecursionError:
            return decoder(shallow(bytes(body)))
    except Undecodable:  # a decoder that knows what remains of it
        raise
    except Exception as error:  # a decoder reads nothing but its bytes: whatever it raises is about them
        reason = str(error)[:MAX_REASON] or type(error).__name__
        raise Undecodable(f"{what} is unreadable: {reason}") from error


def shallow(body: bytes, deepest: int = DEEPEST) -> bytes:
    """The JSON with null in place of each array and object that lies deeper than so many levels. Linear time."""
    parts, at = [], 0
    for start, end in containers(body, deepest + 1):
        parts += [body[at:start], b"null"]
        at = end
    return b"".join([*parts, body[at:]])


def containers(body: bytes, level: int) -> Iterator[tuple[int, int]]:
    """Where each array and object of one level begins and ends; the outermost is level 1. Looks at brackets alone."""
    depth = start = 0
    for token in _TOKEN.finditer(body):
        mark = body[token.start()]
        if mark in _OPEN:
            depth += 1
            if depth == level:
                start = token.start()
        elif mark in _CLOSE:
            if depth == level:
                yield start, token.end()
            depth -= 1
