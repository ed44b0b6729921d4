"""The controller's image, built from the project's own Dockerfile by Debian's buildah, without a container engine.

The base is a Debian made by debootstrap, of the release and with the Python of the Dockerfile's default base, which
can't be pulled here. Wheels are downloaded outside, by the pip of the test run and as it is configured, with hashes
checked; nothing inside the build asks the network. Three layers of cache under `.cache/cluster/image`, each keyed by
what goes in: the base, the dependencies on it, the archive with the source.

    python -m tests.cluster.controller_image      prints the path of the archive
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.cluster import build
from tests.cluster.build import locked
from tests.cluster.sandbox import run
from tests.support.program import ROOT

SUITE, PYTHON = "trixie", "3.13"
PACKAGES = "python3,python3-venv,ca-certificates"
DOCKERFILE = ROOT / "Dockerfile"
LOCKS = (ROOT / "requirements" / "runtime.txt", ROOT / "requirements" / "build.txt")
SOURCES = (DOCKERFILE, *(ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE", "tools/sbom.py")))
FOLDER = build.CACHE / "image"
KEPT = 3  # archives of earlier states
# What the chart asks for by default.
VERSION = "0.1.0"
NAME = f"docker.io/library/zen-flow:{VERSION}"


def ensure() -> Path:
    """The image as an archive that `ctr images import` takes, built when something that goes in has changed."""
    archive = FOLDER / f"zen-flow-{archive_key()}.tar"
    if not archive.exists():
        with locked(FOLDER / "lock"):
            if not archive.exists():
                build_archive(archive)
    return archive


def build_archive(archive: Path) -> None:
    base = f"localhost/zenflow-base:{base_key()}"
    dependencies = f"localhost/zenflow-dependencies:{dependencies_key()}"
    if not exists(base):
        make_base(base)
    if not exists(dependencies):
        wheels = download_wheels()
        make(dependencies, base, "--target=dependencies", f"--build-context=wheels={wheels}")
    make(NAME, base, f"--build-context=dependencies=container-image://{dependencies}")
    tidy({base, dependencies, NAME})
    unfinished = archive.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    buildah("push", "--quiet", NAME, f"docker-archive:{unfinished}:{NAME}")
    unfinished.rename(archive)


def make(tag: str, base: str, *options: str) -> None:
    """One `docker build`, without an engine."""
    arguments = (f"--build-arg=BASE={base}", "--build-arg=PIP_NO_INDEX=1", *options, f"--tag={tag}", str(ROOT))
    buildah("bud", "--isolation=chroot", "--layers=false", *arguments)


def make_base(tag: str) -> None:
    container = buildah("from", "scratch").strip()
    root = buildah("mount", container).strip()
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root)
    for left_over in (
        *Path(root, "var/cache/apt/archives").glob("*.deb"),
        *Path(root, "var/lib/apt/lists").glob("*_*"),
    ):
        left_over.unlink()
    buildah("commit", "--quiet", "--rm", container, tag)


def download_wheels() -> Path:
    """Every file that the locks name for the image's Python, none with another hash."""
    wheels = FOLDER / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    for lock in LOCKS:
        options = ("--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}", f"--dest={wheels}")
        run(sys.executable, "-m", "pip", "download", "--quiet", *options, "--requirement", lock)
    return wheels


def tidy(wanted: set[str]) -> None:
    """What nobody will ask for goes: an image takes as much room as it has bytes. Other checkouts may share them."""
    archives = sorted(FOLDER.glob("zen-flow-*.tar"), key=lambda archive: archive.stat().st_mtime)
    for old in archives[:-KEPT]:
        old.unlink()
    known = set(buildah("images", "--format={{.Name}}:{{.Tag}}", "--filter=dangling=false").split())
    for tag in known - wanted:
        buildah("rmi", tag)
    buildah("rmi", "--prune")


def exists(tag: str) -> bool:
    return subprocess.run(buildah_command("images", "--quiet", tag), capture_output=True, check=False).returncode == 0


def buildah(*arguments: str) -> str:
    return run(*buildah_command(*arguments))


def buildah_command(*arguments: str) -> tuple[str, ...]:
    return command_with(driver(), *arguments)


@cache
def driver() -> str:
    """overlay, or where the folder's file system can't be laid under another vfs, which copies every layer whole."""
    probe = subprocess.run(command_with("overlay", "info"), capture_output=True, check=False)
    return "vfs" if probe.returncode else "overlay"


def command_with(storage: str, *arguments: str) -> tuple[str, ...]:
    places = ("--root", str(FOLDER / storage), "--runroot", str(FOLDER / f"{storage}-run"))
    return ("buildah", *places, "--storage-driver", storage, *arguments)


def base_key() -> str:
    return digest(SUITE, PACKAGES)


def dependencies_key() -> str:
    steps = DOCKERFILE.read_text().partition(" AS application")[0]
    return digest(base_key(), steps, content=LOCKS)


def archive_key() -> str:
    names = (str(path.relative_to(ROOT)) for path in sources())
    return digest(dependencies_key(), *names, content=sources())


def sources() -> list[Path]:
    """What the image is made of beside its dependencies."""
    package = (path for path in (ROOT / "zenflow").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [*SOURCES, *sorted(package)]


def digest(*facts: str, content: Iterable[Path] = ()) -> str:
    total = hashlib.sha256(repr(facts).encode())
    for path in content:
        total.update(path.read_bytes())
    return total.hexdigest()[:12]


if __name__ == "__main__":
    print(ensure())
