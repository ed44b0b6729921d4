"""The kubeconfig of a served embedded cluster, as kubectl and client libraries read it."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

NAME = "zenflow-local"


def build(server: str, certificate: str, token: str) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context. `certificate` (PEM) is all that is trusted."""
    authority = base64.b64encode(certificate.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }


def write(path: Path, config: dict[str, Any]) -> None:
    """Replace the file in one step. Only its owner may read it, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file, sort_keys=False)
    draft.replace(path)
