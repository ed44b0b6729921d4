"""The kubeconfig of a served embedded cluster."""

import base64
import stat
from pathlib import Path

import yaml

from zenflow.local.http import kubeconfig

CONFIG = kubeconfig.build("https://127.0.0.1:6443", "-----BEGIN CERTIFICATE-----", "secret")


def test_it_trusts_the_certificate_and_carries_the_token() -> None:
    """Everything hangs on the current context."""
    assert CONFIG["current-context"] == CONFIG["contexts"][0]["name"]
    cluster, user = CONFIG["clusters"][0]["cluster"], CONFIG["users"][0]["user"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"-----BEGIN CERTIFICATE-----"
    assert (cluster["server"], user["token"]) == ("https://127.0.0.1:6443", "secret")


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    """Also where a file that all could read was there before; nothing else is left behind."""
    path = tmp_path / "new" / "kubeconfig"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    kubeconfig.write(path, CONFIG)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert yaml.safe_load(path.read_text()) == CONFIG
    assert [file.name for file in path.parent.iterdir()] == ["kubeconfig"]
