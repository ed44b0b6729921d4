"""`zenflow controller`: the controller of a real cluster, from flags to the exit status."""

import sys
from pathlib import Path

from zenflow.controller import service
from zenflow.controller.settings import Settings
from zenflow.runtime import logs
from zenflow.runtime.errors import Unconfigured
from zenflow.runtime.transport import KubeTransport

FAILED = 1
UNUSABLE = 2


def run(settings: Settings, *, kubeconfig: Path | None, context: str | None, log_format: str, log_level: str) -> int:
    """Work until a signal; 0 after a clean stop, 1 when a part died or the Lease was lost, 2 where it cannot start."""
    try:
        logs.configure("console" if log_format == "console" else "json", log_level)
        path = str(kubeconfig) if kubeconfig else None
        return service.run(settings, lambda: KubeTransport.from_config(path, context))
    except (Unconfigured, ValueError, OSError) as error:
        print(f"zenflow controller: {error}", file=sys.stderr)
        return UNUSABLE
