"""The guide's first three sections, typed as they stand, on a cluster that has never seen zen-flow."""

from collections.abc import Iterator

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.install.helm import NAMESPACE
from tests.e2e.install.site import Site
from tests.support.program import ROOT
from tests.support.waiting import eventually

pytestmark = pytest.mark.install

PIPELINE = ROOT / "examples" / "simple-pipeline.yaml"


@pytest.fixture(scope="module")
def installed(site: Site) -> Iterator[Site]:
    for folder in ("deploy/crds/", "deploy/manifests/"):
        site.kubectl.run("apply", "-f", str(ROOT / folder))
    site.kubectl.run("rollout", "status", "deployment/zen-flow", f"--namespace={NAMESPACE}", "--timeout=120s")
    yield site
    site.kubectl.run("delete", "-f", str(ROOT / "deploy" / "manifests"))


@pytest.mark.proves("install.two-commands")
def test_the_two_commands_and_the_quick_start_work_as_they_stand(installed: Site) -> None:
    kubectl = installed.kubectl
    kubectl.run("apply", "-f", str(PIPELINE))
    installed.finish("simple-pipeline")
    header, row = kubectl.run("get", "jobflow", "simple-pipeline").splitlines()
    assert header.split() == ["NAME", "PHASE", "PROGRESS", "AGE"]
    assert row.split()[:3] == ["simple-pipeline", "Succeeded", "2/2"]
    assert "Succeeded" in kubectl.run("describe", "jobflow", "simple-pipeline")


@pytest.mark.proves("install.guide-approval")
def test_the_guide_s_command_approves(installed: Site) -> None:
    """With a key that the API server refuses by itself: the policies are installed, and at work."""
    installed.submit(flow("asks", {"name": "ask", "type": "Manual", "message": "Go on?"}, step("after", "ask")))
    eventually(lambda: phase(installed, "asks") == "Paused", within=60, what="the flow asks")
    installed.kubectl.run("annotate", "jobflow", "asks", "workflow.zen.io/approved/ask=true")
    outcome = installed.finish("asks")
    assert outcome.phase == "Succeeded"
    assert outcome.step("ask")["approvedBy"] == "admin"


@pytest.mark.proves("security.restricted")
def test_the_namespace_enforces_pod_security_restricted(installed: Site) -> None:
    """What the namespace admits is what `restricted` admits: a Pod without a word about its rights is refused."""
    namespace = installed.kubectl.get("namespace", NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    careless = ("run", "careless", "--image=busybox", f"--namespace={NAMESPACE}", "--dry-run=server")
    assert not installed.kubectl.succeeds(*careless)


def phase(site: Site, name: str) -> str:
    return str(site.flow(name).get("status", {}).get("phase"))
