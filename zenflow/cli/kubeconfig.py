"""The kubeconfig of a local cluster, as kubectl and client libraries read it."""

import json
import os
from pathlib import Path
from typing import Any

NAME = "zenflow-local"


def build(server: str, token: str) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context; `server` is a URL."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": server}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }


def default_path() -> Path:
    """`$XDG_CACHE_HOME/zenflow/kubeconfig`, by default under `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "zenflow" / "kubeconfig"


def write(path: Path, config: dict[str, Any]) -> None:
    """Replace the file in one step; only its owner may read it, from its first byte on. JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    draft.replace(path)
