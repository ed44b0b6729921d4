"""Shapes of text in a JobFlow: the pattern, and what to tell a person whose text does not have it.

The patterns mean the same to Python, to pydantic (Rust) and to the API server (RE2), so `types` checks them,
`crd` puts them into CEL rules, and every wall says the same remedy.
"""

import re
from dataclasses import dataclass

from zenflow.api import durations


@dataclass(frozen=True, slots=True)
class Format:
    """A pattern over the whole text, the characters it may have, and the remedy for a text that is otherwise."""

    pattern: str
    remedy: str
    limit: int = 253

    def matches(self, text: str) -> bool:
        return len(text) <= self.limit and re.fullmatch(self.pattern, text) is not None


_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

STEP_NAME = Format(
    f"^{_LABEL}$",
    'must be at most 63 lower-case letters, digits and "-", with a letter or digit at both ends',
)
CONTAINER_NAME = Format(
    f"^({_LABEL})?$",
    'must be the name of a container: at most 63 lower-case letters, digits and "-"',
)
OBJECT_NAME = Format(
    f"^{_SUBDOMAIN}$",
    'must be lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
)
FLOW_NAME = Format(
    OBJECT_NAME.pattern,
    'must be at most 63 lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
    limit=63,
)
NAME_PREFIX = Format(
    "^[a-z0-9][-a-z0-9.]*$",
    'must begin with a letter or digit and be lower-case letters, digits, "-" and "."',
)
NAMESPACE = Format(STEP_NAME.pattern, STEP_NAME.remedy)
DURATION = Format(
    durations.PATTERN,
    'must be a duration: a number and a unit (ms, s, m, h), such as "10s" or "1m30s"',
)
WHEN = Format(
    "(?i)^(|always|true|never|false)$",
    'use "always" or "true" to run the step, "never" or "false" to skip it',
)
# Tab and newline are the only control characters: the others would reach a terminal. Marks that reorder text, and line
# separators that only some programs obey, would show a reader something else than was written. They stand here as
# themselves: the three dialects write their escapes differently.
TEXT = Format(
    r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f" + "\u2028-\u202e\u2066-\u2069]*$",
    "must not contain control characters or marks that reorder text; remove them",
)

BY_PATTERN = {shape.pattern: shape for shape in (STEP_NAME, CONTAINER_NAME, OBJECT_NAME, DURATION, WHEN, TEXT)}
