"""A release's life: installed, upgraded and robbed of its leader with flows under way, tested, uninstalled.

No version has been released yet. The previous one is the same chart under an older number, whose definition of JobFlows
lacks the short name, installed with one replica and fewer workers.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.install.helm import CHART, NAMESPACE
from tests.e2e.install.site import Site
from tests.e2e.outcome import assert_always
from tests.support.waiting import eventually

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def installed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The previous version, in a namespace that enforces Pod Security `restricted`."""
    site.kubectl.run("delete", "crd", "jobflows.workflow.zen.io", "--ignore-not-found")
    site.make_namespace(NAMESPACE)
    site.helm.install("--set=replicas=1,workers=8", chart=previous(tmp_path_factory.mktemp("chart")))
    yield site
    site.kubectl.run("delete", "namespace", NAMESPACE)


@pytest.mark.proves("install.upgrade")
def test_an_upgrade_with_flows_under_way_loses_and_doubles_nothing(installed: Site) -> None:
    assert not installed.kubectl.succeeds("get", "jf")
    names = submit_chains(installed, "upgraded")
    wait_until_under_way(installed, names)
    installed.helm.upgrade("--set=replicas=3")
    assert installed.kubectl.succeeds("get", "jf"), "the definition was not upgraded with the chart"
    assert len(ready(installed)) == 3
    assert_whole(installed, names)


@pytest.mark.proves("install.leader-deleted")
def test_the_leader_deleted_with_flows_under_way_loses_and_doubles_nothing(installed: Site) -> None:
    """Another of the three replicas goes on, and the Lease says which."""
    names = submit_chains(installed, "robbed")
    wait_until_under_way(installed, names)
    first = installed.leader()
    assert first in ready(installed)
    installed.kubectl.run("delete", "pod", first, f"--namespace={NAMESPACE}", "--wait=false")
    eventually(lambda: installed.leader() not in ("", first), within=60, what="another leader")
    assert_whole(installed, names)


@pytest.mark.proves("install.helm-test")
def test_the_release_tests_itself(installed: Site) -> None:
    """`helm test` runs a flow in the release's own namespace, which is restricted, and leaves nothing behind."""
    said = installed.helm.run("test", "zen-flow", f"--namespace={NAMESPACE}", "--logs", "--timeout=120s")
    assert "Succeeded" in said
    left = installed.kubectl.get("pods,serviceaccounts,roles,rolebindings,jobflows", f"--namespace={NAMESPACE}")
    assert not [item for item in left["items"] if item["metadata"]["name"] == "zen-flow-test"]


@pytest.mark.proves("install.uninstall")
def test_uninstalling_leaves_flows_and_their_definition(installed: Site) -> None:
    before = {item["metadata"]["uid"] for item in installed.kubectl.get("jobflows")["items"]}
    assert before
    installed.helm.uninstall()
    eventually(lambda: not installed.pods(), within=60, what="the controller is gone")
    assert {item["metadata"]["uid"] for item in installed.kubectl.get("jobflows")["items"]} == before


def previous(folder: Path) -> Path:
    """A copy of the chart with an older number, and without the short name."""
    chart = folder / "zen-flow"
    shutil.copytree(CHART, chart)
    change(chart / "Chart.yaml", "\nversion: 0.1.0", "\nversion: 0.0.9")
    change(chart / "files" / "workflow.zen.io_jobflows.yaml", "    shortNames:\n    - jf\n", "")
    return chart


def change(file: Path, this: str, into: str) -> None:
    text = file.read_text()
    assert this in text
    file.write_text(text.replace(this, into))


def submit_chains(site: Site, prefix: str) -> list[str]:
    """Flows that are somewhere in the middle at any moment of the next ten seconds."""
    names = [f"{prefix}-{number}" for number in range(3)]
    for name in names:
        first = step("s-0", work=Work(seconds=2))
        rest = (step(f"s-{number}", f"s-{number - 1}", work=Work(seconds=1)) for number in range(1, 5))
        site.submit(flow(name, first, *rest))
    return names


def wait_until_under_way(site: Site, names: list[str]) -> None:
    def started() -> bool:
        record = site.recorder.record()
        return all(record.attempts(site.flow(name)["metadata"]["uid"]) for name in names)

    eventually(started, within=60, what="a Job of each flow")


def assert_whole(site: Site, names: list[str]) -> None:
    for name in names:
        outcome = site.finish(name)
        assert outcome.phase == "Succeeded"
        assert outcome.progress["summary"] == "5/5"
        assert_always(outcome)


def ready(site: Site) -> list[str]:
    """Names of the controller's Pods that are ready and not on their way out."""
    return [
        pod["metadata"]["name"]
        for pod in site.pods()
        if "deletionTimestamp" not in pod["metadata"]
        and any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
    ]
