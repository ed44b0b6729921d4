"""`admission: webhook`: the controller's own replicas do at admission what the API server's policies do elsewhere."""

from collections.abc import Iterator

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.install.helm import NAMESPACE, Helm
from tests.e2e.install.site import Site
from tests.e2e.install.test_rights import CONTROLLER, granted
from tests.support.kubectl import Kubectl, KubectlFailed
from tests.support.program import ROOT
from tests.support.waiting import eventually

pytestmark = pytest.mark.install

PIPELINE = ROOT / "examples" / "linear-pipeline.yaml"
ASK = {"name": "ask", "type": "Manual", "message": "Go on?"}
APPROVE = ("annotate", "jobflow", "asks-webhook", "workflow.zen.io/approved/ask=true")


@pytest.fixture(scope="module")
def since(site: Site) -> int:
    """Before this installation: one that is being uninstalled loses its rights before its life."""
    return site.audit.position()


@pytest.fixture(scope="module")
def installed(site: Site, since: int) -> Iterator[Site]:
    site.make_namespace(NAMESPACE)
    site.helm.install("--set=admission=webhook,replicas=2", "--take-ownership")
    # The node learns where a Service leads a moment after its Pods are ready; until then admission fails closed.
    eventually(lambda: is_answered(site), within=30, what="the API server reaches the webhook")
    yield site
    site.helm.uninstall()
    site.kubectl.run("delete", "namespace", NAMESPACE)


def is_answered(site: Site) -> bool:
    return site.kubectl.succeeds("create", f"--filename={PIPELINE}", "--dry-run=server")


@pytest.mark.proves("install.webhook")
def test_a_cycle_is_refused_with_its_path(installed: Site) -> None:
    """What no policy can find."""
    with pytest.raises(KubectlFailed, match="a -> b -> a"):
        installed.submit(flow("round", step("a", "b"), step("b", "a")))


@pytest.mark.proves("install.webhook")
def test_only_an_approver_approves(installed: Site) -> None:
    """bob may edit flows and is refused; alice has the chart's role for approvers, and is named."""
    bind(installed.kubectl, "zen-flow-edit", "bob")
    bind(installed.kubectl, "zen-flow-view", "bob")
    bind(installed.kubectl, "zen-flow-approver", "alice")
    installed.submit(flow("asks-webhook", ASK, step("after", "ask")))
    eventually(
        lambda: installed.flow("asks-webhook").get("status", {}).get("phase") == "Paused", within=60, what="it asks"
    )
    with pytest.raises(KubectlFailed, match="may not approve"):
        installed.as_user("bob").run(*APPROVE)
    installed.as_user("alice").run(*APPROVE)
    outcome = installed.finish("asks-webhook")
    assert outcome.phase == "Succeeded"
    assert outcome.step("ask")["approvedBy"] == "alice"


@pytest.mark.proves("security.exact-rights")
def test_the_webhook_has_the_rights_that_it_uses_and_uses_those_it_has(installed: Site, since: int, helm: Helm) -> None:
    """Beside those that every installation has: test_rights."""
    calls = installed.audit.calls(CONTROLLER, since)
    extra = granted(helm, "--set=admission=webhook") - granted(helm)
    assert extra <= {(call.verb, call.resource) for call in calls if call.code < 400}
    assert not {call for call in calls if call.code == 403}


def bind(kubectl: Kubectl, role: str, user: str) -> None:
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    kubectl.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{role}-{user}", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }
    )
