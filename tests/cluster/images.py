"""The images of the node tier, made from this machine's static busybox: nothing is pulled from anywhere.

An image archive as `docker save` writes it, with one layer shared by busybox and by the sandbox image of Pods.
"""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/usr/bin/busybox")  # Debian's busybox-static
PAUSE = "docker.io/zenflow-test/pause:1"
IMAGES = {"docker.io/library/busybox:latest": ["sh"], PAUSE: ["sleep", "100000000"]}
PASSWD = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"


def write_archive(path: Path) -> None:
    """Write an archive that `ctr images import` takes."""
    layer = busybox_layer()
    digest = hashlib.sha256(layer).hexdigest()
    with tarfile.open(path, "w") as archive:
        add(archive, f"{digest}/layer.tar", layer)
        manifest = []
        for name, command in IMAGES.items():
            config = image_config(digest, command)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            add(archive, config_name, config)
            manifest.append({"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]})
        add(archive, "manifest.json", json.dumps(manifest).encode())


def busybox_layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for name, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            layer.addfile(entry)
        layer.add(BUSYBOX, "bin/busybox")
        for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                layer.addfile(entry)
        add(layer, "etc/passwd", PASSWD)
    return buffer.getvalue()


def image_config(layer_digest: str, command: list[str]) -> bytes:
    return json.dumps(
        {
            "architecture": architecture(),
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": command},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
            "history": [],
        }
    ).encode()


def architecture() -> str:
    """This machine's, in Go's words."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
