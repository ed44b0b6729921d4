"""Builds the parts of a real Kubernetes from their locked Go modules, once for each state of a lock file.

Binaries go to `.cache/cluster/<module>-<hash>/`, hashed over go.mod, go.sum and the build flags; a folder that is there
is complete. `ZENFLOW_CLUSTER_CACHE` names another cache, so that several checkouts can share one.

    python -m tests.cluster.build [control|node|helm|all]      prints each folder as it is there
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("ZENFLOW_CLUSTER_CACHE", HERE.parents[1] / ".cache" / "cluster"))
VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Build:
    """One `go build`: the packages of one Go module, under the names their binaries get."""

    module: str  # folder under tests/cluster; "" is tests/cluster itself
    binaries: tuple[tuple[str, str], ...]  # name, package
    tags: str = ""

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(repr((self.binaries, self.tags)).encode())
        for lock in ("go.mod", "go.sum"):
            digest.update((HERE / self.module / lock).read_bytes())
        return CACHE / f"{self.module or 'kubernetes'}-{digest.hexdigest()[:12]}"

    def is_built(self) -> bool:
        return self.folder.is_dir()


def kubernetes(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"k8s.io/kubernetes/cmd/{name}") for name in names)


def containerd(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"github.com/containerd/containerd/v2/cmd/{name}") for name in names)


CONTROL = (
    Build(
        "",
        (
            ("etcd", "go.etcd.io/etcd/server/v3"),
            *kubernetes("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
        ),
    ),
    Build("kwok", (("kwok", "sigs.k8s.io/kwok/cmd/kwok"),)),
)
NODE = (
    Build("", kubernetes("kubelet", "kube-proxy")),
    Build(
        "containerd",
        containerd("containerd", "containerd-shim-runc-v2", "ctr"),
        tags="no_btrfs no_devmapper no_zfs",
    ),
)
PROMETHEUS = (
    Build(
        "prometheus",
        tuple((name, f"github.com/prometheus/prometheus/cmd/{name}") for name in ("prometheus", "promtool")),
        # Targets are static here; the SDKs of two dozen clouds would be half of the build.
        tags="remove_all_sd",
    ),
)
HELM = (Build("helm", (("helm", "helm.sh/helm/v4/cmd/helm"),)),)
PARTS = {"control": CONTROL, "node": CONTROL + NODE, "helm": HELM, "all": CONTROL + NODE + PROMETHEUS + HELM}


def ensure(builds: Sequence[Build]) -> dict[str, Path]:
    """Build what is missing and return where each binary is, by name. Cold this takes 15 minutes, warm no time.

    Raises RuntimeError with the compiler's words when a build fails.
    """
    for build in builds:
        if not build.is_built():
            with locked(build.folder.with_suffix(".lock")):
                if not build.is_built():
                    compile_all(build)
    return {name: build.folder / name for build in builds for name, _ in build.binaries}


def compile_all(build: Build) -> None:
    """Build beside the final folder and rename at the end: an interrupted build leaves nothing half done."""
    unfinished = build.folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    flags = ("-trimpath", "-ldflags", linker_flags(build), "-tags", build.tags)
    for name, package in build.binaries:
        command = ("go", "build", *flags, "-o", str(unfinished / name), package)
        environment = {**os.environ, "CGO_ENABLED": "0"}
        folder = HERE / build.module
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    unfinished.rename(build.folder)


def linker_flags(build: Build) -> str:
    """Without its version Kubernetes reports v0.0.0, which kubelet and helm complain about."""
    found = re.search(
        r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (HERE / build.module / "go.mod").read_text(), re.M
    )
    if not found:
        return "-s -w"
    version, major, minor = found.groups()
    facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(("-s -w", *(f"-X {VERSION}.{name}={value}" for name, value in facts.items())))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Two test runs at once build each thing once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    for each in PARTS[(*sys.argv[1:], "node")[0]]:
        ensure((each,))
        print(each.folder, flush=True)
