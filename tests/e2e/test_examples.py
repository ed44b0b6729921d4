"""Every file of examples/, applied as it stands where containers really run, ends as the table there says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.target import Target
from tests.support.program import ROOT
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"
ROW = re.compile(r"^\| (\[.*?) \| .* \| (?:Paused, then )?(Succeeded|Failed) \|$", re.MULTILINE)
NAMESPACE = "examples"
APPROVAL = "approve-migration"


def endings() -> Iterator[tuple[Path, str]]:
    """Each file of the table, and its phase at the end."""
    for files, phase in ROW.findall((EXAMPLES / "README.md").read_text()):
        for file in re.findall(r"\(([\w-]+\.yaml)\)", files):
            yield EXAMPLES / file, phase


ENDINGS = dict(endings())


def in_namespace(file: Path) -> dict[str, Any]:
    """The flow, away from what other tests do in `default`."""
    *_, flow = objects(file)
    return flow


def objects(file: Path) -> list[dict[str, Any]]:
    """What stands in the file, the flow last."""
    found: list[dict[str, Any]] = list(yaml.safe_load_all(file.read_text()))
    for each in found:
        each["metadata"]["namespace"] = NAMESPACE
    return found


@pytest.fixture(scope="session")
def applied(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """All of them at once: their waits overlap."""
    target.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    target.kubectl.apply(volume(tmp_path_factory.mktemp("volume")))
    target.submit(*(each for file in ENDINGS for each in objects(file)))
    return target


def volume(folder: Path) -> dict[str, Any]:
    """What a storage class would provide: no cluster of the tests has one."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "for-examples"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": NAMESPACE, "name": "data-volume"},
            "hostPath": {"path": str(folder)},
        },
    }


def test_the_table_has_every_example() -> None:
    assert sorted(ENDINGS) == sorted(EXAMPLES.glob("*.yaml"))


@pytest.mark.containers
@pytest.mark.parametrize("file", ENDINGS, ids=lambda file: file.stem)
def test_an_example_ends_as_its_table_says(applied: Target, file: Path) -> None:
    name = in_namespace(file)["metadata"]["name"]
    command = ("jobflow", name, f"--namespace={NAMESPACE}")

    def phase() -> str:
        return str(applied.kubectl.get(*command).get("status", {}).get("phase", ""))

    if name == "migration-with-approval":
        eventually(lambda: phase() == "Paused", within=120, what="it asks for approval")
        applied.kubectl.run("annotate", *command, f"approved.workflow.zen.io/{APPROVAL}=true")
    eventually(
        lambda: phase() in ("Succeeded", "Failed"),
        within=240,
        what=f"{name} ends on {applied.name}",
        every=0.5,
        else_show=lambda: applied.kubectl.run("describe", *command),
    )
    assert phase() == ENDINGS[file]
