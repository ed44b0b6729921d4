"""The file that gives kubectl its way into the local cluster."""

import json
import stat
from pathlib import Path

from zenflow.cli import kubeconfig


def test_only_the_owner_may_read_the_token(tmp_path: Path) -> None:
    """The file is made with mode 0600 even over one that everybody could read, and no draft is left."""
    path = tmp_path / "new" / "config"
    kubeconfig.write(path, kubeconfig.build("http://127.0.0.1:1", "old"))
    path.chmod(0o644)
    kubeconfig.write(path, kubeconfig.build("http://127.0.0.1:2", "secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["users"][0]["user"] == {"token": "secret"}
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]


def test_the_current_context_leads_to_server_and_token() -> None:
    """Names agree, so that `kubectl` works without another flag."""
    config = kubeconfig.build("http://127.0.0.1:8080", "t")
    context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
    assert {c["name"]: c["cluster"]["server"] for c in config["clusters"]}[
        context["cluster"]
    ] == "http://127.0.0.1:8080"
    assert {u["name"]: u["user"]["token"] for u in config["users"]}[context["user"]] == "t"
