"""What is in the image, read from its archive."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import controller_image
from tests.support.program import ROOT

pytestmark = pytest.mark.install

ROOM = 160_000_000  # bytes on top of the base, unpacked: docs/install.md says how many there are
ENVIRONMENT = "opt/zenflow/"


class Image:
    """A docker-archive: a manifest, a configuration, and layers."""

    def __init__(self, path: Path) -> None:
        self._archive = tarfile.open(path)  # noqa: SIM115 - closed with the image
        (self.manifest,) = json.loads(self.read("manifest.json"))
        self.about: dict[str, Any] = json.loads(self.read(self.manifest["Config"]))["config"]

    def read(self, name: str) -> bytes:
        member = self._archive.extractfile(name)
        assert member
        return member.read()

    def layers(self) -> Iterator[tarfile.TarFile]:
        """On top of the base, which is the first."""
        for name in self.manifest["Layers"][1:]:
            with tarfile.open(fileobj=io.BytesIO(self.read(name))) as layer:
                yield layer

    def close(self) -> None:
        self._archive.close()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    found = Image(controller_image.ensure())
    yield found
    found.close()


@pytest.fixture(scope="module")
def files(image: Image) -> dict[str, tarfile.TarInfo]:
    return {member.name: member for layer in image.layers() for member in layer.getmembers()}


@pytest.mark.proves("install.image-user")
def test_it_runs_as_a_numeric_user_without_a_shell(image: Image) -> None:
    """kubelet can't tell a name from root; an entry point that is a list needs no shell."""
    assert image.about["User"] == "65532:65532"
    assert image.about["Entrypoint"] == ["/opt/zenflow/bin/zenflow"]


@pytest.mark.proves("install.image-labels")
def test_its_labels_say_what_it_is_and_made_of_what(image: Image) -> None:
    labels = image.about["Labels"]
    assert labels["org.opencontainers.image.version"] == controller_image.VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.base.name"]


@pytest.mark.proves("install.image-user")
def test_nothing_in_it_belongs_to_the_user_it_runs_as(files: dict[str, tarfile.TarInfo]) -> None:
    assert not [name for name, file in files.items() if file.uid or (file.isfile() and file.mode & 0o022)]


def test_what_only_builds_stays_behind(files: dict[str, tarfile.TarInfo]) -> None:
    packages = {part for name in files if "site-packages/" in name for part in [name.partition("site-packages/")[2]]}
    assert any(name.startswith("zenflow/") for name in packages)
    assert not [name for name in packages if name.startswith(("pip/", "setuptools/"))]
    assert not [name for name in files if name.startswith(("tools", "source", "wheels", "requirements"))]


def test_it_is_small(files: dict[str, tarfile.TarInfo]) -> None:
    assert sum(file.size for file in files.values()) < ROOM


@pytest.mark.proves("install.bill-of-materials")
def test_its_bill_of_materials_names_every_locked_package(image: Image) -> None:
    """And the base's own, which scanners look for."""
    (bill,) = (
        json.load(layer.extractfile(name))  # type: ignore[arg-type]
        for layer in image.layers()
        for name in layer.getnames()
        if name == "usr/share/sbom/zen-flow.cdx.json"
    )
    listed = {each["purl"] for each in bill["components"]}
    lines = (ROOT / "requirements" / "runtime.txt").read_text().splitlines()
    pins = {line.split(" ")[0].replace("==", "@") for line in lines if "==" in line and not line.startswith(" ")}
    assert {f"pkg:pypi/{pin}" for pin in pins} <= listed
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in listed)
    assert bill["metadata"]["component"]["version"] == controller_image.VERSION
