"""Paths of a container, replaced by where they really are on this machine.

A process of this machine has no mounts of its own (portably: neither on macOS nor without privileges), so wherever a
mountPath or the terminationMessagePath stands in command, args or env, the real place is put in its stead. What a
program names by itself, in a script inside a volume for example, is not seen here.
"""

import re
from collections.abc import Mapping

# Where a path may begin: not inside of another or of a word, but after `${VAR:-`, `file://` and an option like `-C`.
_BEGINS = r"(?:(?<![\w./}~-])|(?<=:-)|(?<=://)|(?<=\s-[A-Za-z])|(?<=^-[A-Za-z]))"


class Rewriter:
    """Replaces container paths by real ones in text. The longest match wins."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = {path.rstrip("/"): real for path, real in places.items() if path.rstrip("/")}
        longest_first = sorted(self._places, key=len, reverse=True)
        # A path begins where no other path or word goes on, and ends where its last segment ends.
        alternatives = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"{_BEGINS}(?:{alternatives})(?![\w.-])") if longest_first else None

    def rewrite(self, text: str) -> str:
        """`cat /data/in` with `/data` at `/tmp/x` becomes `cat /tmp/x/in`; `/database` and `/var/data` stay."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._places[match.group()], text)

    def mentions(self, path: str, text: str) -> bool:
        """Whether this path would be replaced in the text."""
        stripped = path.rstrip("/")
        return self._pattern is not None and any(
            match.group() == stripped or match.group().startswith(f"{stripped}/")
            for match in self._pattern.finditer(text)
        )
