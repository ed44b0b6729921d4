"""Counts requests from a kube-apiserver's audit log: the judge of how much an actor asks of the API server."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Call(NamedTuple):
    """What a request did, its object left out."""

    verb: str
    resource: str  # with its subresource: jobflows/status
    code: int


@dataclass(frozen=True)
class AuditLog:
    """The log of one API server, with its JSON lines written as requests are answered."""

    path: Path

    def position(self) -> int:
        """Where the log ends now: give it to `calls` to count only what comes later."""
        return self.path.stat().st_size if self.path.exists() else 0

    def calls(self, user: str, since: int = 0) -> Counter[Call]:
        """A user's requests to resources since a position, each counted once; a watch counts when it was accepted."""
        seen: dict[str, Call] = {}
        for entry in self._entries(since):
            if entry["user"]["username"] == user and "objectRef" in entry:
                seen.setdefault(entry["auditID"], call(entry))
        return Counter(seen.values())

    def _entries(self, since: int) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def call(entry: dict[str, Any]) -> Call:
    target = entry["objectRef"]
    subresource = target.get("subresource")
    resource = f"{target['resource']}/{subresource}" if subresource else target["resource"]
    return Call(entry["verb"], resource, entry.get("responseStatus", {}).get("code", 0))
