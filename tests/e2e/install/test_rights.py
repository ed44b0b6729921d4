"""The controller has the rights that it uses, and uses the rights that it has: its Roles against the audit log."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.cluster.audit import Call
from tests.e2e.flows import Work, flow, step
from tests.e2e.install.helm import NAMESPACE, Helm
from tests.e2e.install.site import Site
from tests.support.waiting import eventually
from zenflow.api import names

pytestmark = pytest.mark.install

CONTROLLER = f"system:serviceaccount:{NAMESPACE}:zen-flow"
Right = tuple[str, str]  # verb, resource with its subresource
# Needed, and never a request of its own.
BY_ADMISSION = {("update", "jobflows/finalizers"), ("create", "jobflows/children")}
TAKEN = {"metadata": {"name": "taken"}, "data": {"whose": "ours"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}


@pytest.fixture(scope="module")
def calls(site: Site) -> Iterator[Counter[Call]]:
    """What an installed controller asked for while flows gave it one of everything to do."""
    since = site.audit.position()
    site.make_namespace(NAMESPACE)
    site.helm.install("--set=replicas=1", "--take-ownership")
    site.kubectl.apply(config_map("taken"), claim("taken"))
    site.submit(*busy_flows())
    take_the_name_of_a_job(site)
    wait_twice(site)
    await_news_of_the_stuck(site)
    for each in busy_flows():
        name = each["metadata"]["name"]
        if name not in ("rights-gone", "rights-stuck"):
            site.finish(name)
    site.finish("rights-robbed")
    eventually(
        lambda: not site.kubectl.succeeds("get", "jobflow", "rights-gone"), within=60, what="the flow is cleaned up"
    )
    yield site.audit.calls(CONTROLLER, since)
    site.helm.uninstall()
    site.kubectl.run("delete", "namespace", NAMESPACE)


def busy_flows() -> list[dict[str, Any]]:
    """A failure, a time limit, clean-up at once, resources made and found taken, a Job that gets no Pod."""
    ours = {"configMapTemplates": [{"metadata": {"name": "rights"}, "data": {"a": "b"}}]}
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "rights"}, "spec": CLAIM}]}
    taken = {"configMapTemplates": [TAKEN], "volumeClaimTemplates": [{"metadata": {"name": "taken"}, "spec": CLAIM}]}
    return [
        flow("rights-failing", step("fails", work=Work(codes=(3,)), job={"backoffLimit": 0})),
        flow("rights-late", step("late", work=Work(seconds=60), timeoutSeconds=2)),
        flow("rights-made", step("one"), resourceTemplates={**ours, **claims}),
        flow("rights-taken", step("one"), resourceTemplates=taken),
        flow("rights-gone", step("one"), executionPolicy={"ttlSecondsAfterFinished": 0}),
        flow("rights-stuck", nobody_s(step("stuck")), executionPolicy={"activeDeadlineSeconds": 90}),
    ]


def wait_twice(site: Site) -> None:
    """The same news a second time: the Event that tells of it is counted up."""
    alone = {"executionPolicy": {"concurrencyGroup": "rights"}}
    site.submit(flow("rights-holder", {"name": "ask", "type": "Manual", "message": "?"}, **alone))
    await_phase(site, "rights-holder", "Paused")
    site.submit(flow("rights-waiter", step("one"), **alone))
    await_phase(site, "rights-waiter", "Pending")
    for suspended, phase in (("true", "Suspended"), ("false", "Pending")):
        patch = f'--patch={{"spec":{{"suspend":{suspended}}}}}'
        site.kubectl.run("patch", "jobflow", "rights-waiter", "--type=merge", patch)
        await_phase(site, "rights-waiter", phase)
    site.kubectl.run("delete", "jobflow", "rights-holder")
    site.finish("rights-waiter")


def await_phase(site: Site, name: str, phase: str) -> None:
    eventually(lambda: site.flow(name).get("status", {}).get("phase") == phase, within=60, what=f"{name} is {phase}")


def nobody_s(stuck: dict[str, Any]) -> dict[str, Any]:
    """Has no Pod, for its ServiceAccount is missing: half a minute later the controller asks for its Job's Events."""
    stuck["template"]["spec"]["template"]["spec"]["serviceAccountName"] = "missing"
    return stuck


def await_news_of_the_stuck(site: Site) -> None:
    def told() -> bool:
        steps = site.flow("rights-stuck").get("status", {}).get("steps", [])
        return any("missing" in each.get("message", "") for each in steps)

    eventually(told, within=80, what="the step says why it has no Pod")
    site.kubectl.run("delete", "jobflow", "rights-stuck")


def take_the_name_of_a_job(site: Site) -> None:
    """A foreign Job where the controller will want to make one: it has to look whose that is."""
    robbed = flow("rights-robbed", step("one"), suspend=True)
    site.submit(robbed)
    uid = site.flow("rights-robbed")["metadata"]["uid"]
    name = names.job_name("rights-robbed", uid, "one", 1)
    foreign = {**robbed["spec"]["steps"][0]["template"], "metadata": {"name": name}}
    site.kubectl.create({**foreign, "spec": {**foreign["spec"], "suspend": True}})
    site.kubectl.run("patch", "jobflow", "rights-robbed", "--type=merge", '--patch={"spec":{"suspend":false}}')


@pytest.mark.proves("security.exact-rights")
def test_no_right_is_missing(calls: Counter[Call]) -> None:
    assert not {call for call in calls if call.code == 403}


@pytest.mark.proves("security.exact-rights")
def test_no_right_is_unused(calls: Counter[Call], helm: Helm) -> None:
    used = {(call.verb, call.resource) for call in calls}
    assert granted(helm) - used - BY_ADMISSION == set()


@pytest.mark.proves("security.no-wildcard-no-secrets")
def test_no_rule_holds_a_wildcard_or_secrets(helm: Helm) -> None:
    """Whatever is switched on, of the controller and of people."""
    for admission in ("policies", "webhook"):
        for rule in rules(helm, f"--set=admission={admission}"):
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert "secrets" not in rule["resources"]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


@pytest.mark.proves("security.lease-by-name")
def test_the_lease_is_known_by_its_name(helm: Helm) -> None:
    """Only a create has no name that a rule could see."""
    verbs = {
        verb: rule.get("resourceNames")
        for rule in rules(helm)
        if "leases" in rule["resources"]
        for verb in rule["verbs"]
    }
    assert verbs == {"create": None, "get": ["zen-flow"], "update": ["zen-flow"]}


def granted(helm: Helm, *options: str) -> set[Right]:
    """To the controller."""
    return {
        (verb, resource)
        for rule in rules(helm, "--set=rbac.userRoles=false", *options)
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def rules(helm: Helm, *options: str) -> list[dict[str, Any]]:
    """All rules of the chart's Roles and ClusterRoles, those of the test Pod aside."""
    policies = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
    rendered = helm.run(
        "template", "zen-flow", "charts/zen-flow", f"--namespace={NAMESPACE}", "--no-hooks", policies, *options
    )
    roles = (each for each in yaml.safe_load_all(rendered) if each and each["kind"] in ("Role", "ClusterRole"))
    return [rule for role in roles for rule in role["rules"]]


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": CLAIM,
    }
