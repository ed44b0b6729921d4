"""Real kubectl as a person types it, bound to one kubeconfig."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class KubectlFailed(Exception):
    """kubectl ended with another status than 0. `stderr` is what it said."""

    def __init__(self, command: Sequence[str], status: int, stderr: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {status}: {stderr.strip()}")
        self.status = status
        self.stderr = stderr


@dataclass(frozen=True)
class Kubectl:
    kubeconfig: Path
    binary: str | Path = "kubectl"

    def run(self, *arguments: str, stdin: str | None = None, within: float = 120) -> str:
        """What it printed. Raises KubectlFailed."""
        command = self.command(*arguments)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=within, check=False)
        if done.returncode:
            raise KubectlFailed(command, done.returncode, done.stderr)
        return done.stdout

    def succeeds(self, *arguments: str, stdin: str | None = None) -> bool:
        try:
            self.run(*arguments, stdin=stdin)
        except KubectlFailed:
            return False
        return True

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`, decoded."""
        answer: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json"))
        return answer

    def apply(self, *objects: Mapping[str, Any]) -> str:
        """Server-side apply: a big flow would not fit twice, as client-side apply keeps it in an annotation."""
        return self._pipe(objects, "apply", "--server-side", "--filename", "-")

    def create(self, *objects: Mapping[str, Any]) -> str:
        return self._pipe(objects, "create", "--filename", "-")

    def command(self, *arguments: str) -> list[str]:
        """The command line, for those who start it themselves."""
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *arguments]

    def _pipe(self, objects: Sequence[Mapping[str, Any]], *arguments: str) -> str:
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self.run(*arguments, stdin=json.dumps(bundle))
