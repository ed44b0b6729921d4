"""Helm as a person types it, bound to one kubeconfig."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import build
from tests.support.program import ROOT

CHART = ROOT / "charts" / "zen-flow"
NAMESPACE = "zen-flow-system"
RELEASE = "zen-flow"


class HelmFailed(Exception):
    """helm ended with another status than 0; the message is what it said."""


@dataclass(frozen=True)
class Helm:
    """`home` is where it keeps what it remembers. Without a kubeconfig it can render and lint."""

    home: Path
    kubeconfig: Path | None = None

    def run(self, *arguments: str, within: float = 300) -> str:
        """What it printed. Raises HelmFailed."""
        binary = build.ensure(build.HELM)["helm"]
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig or self.home / "none")}
        command: Sequence[str] = (str(binary), *arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=within, env=environment, check=False, cwd=ROOT
        )
        if done.returncode:
            raise HelmFailed(f"helm {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        return done.stdout

    def install(self, *options: str, chart: Path = CHART, namespace: str = NAMESPACE) -> str:
        """Returns when every replica is ready."""
        waiting = ("--wait", "--timeout=240s")
        return self.run("install", RELEASE, str(chart), f"--namespace={namespace}", *waiting, *options)

    def upgrade(self, *options: str, chart: Path = CHART, namespace: str = NAMESPACE) -> str:
        """Returns when every replica of the new revision is ready."""
        waiting = ("--wait", "--timeout=240s")
        return self.run("upgrade", RELEASE, str(chart), f"--namespace={namespace}", *waiting, *options)

    def uninstall(self, namespace: str = NAMESPACE) -> str:
        return self.run("uninstall", RELEASE, f"--namespace={namespace}", "--wait", "--timeout=60s")
