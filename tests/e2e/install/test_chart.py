"""What the chart renders to, for each way to install it. Needs helm and no cluster."""

import json
from typing import Any

import pytest
import yaml

from tests.cluster.controller_image import NAME, VERSION
from tests.e2e.install.helm import CHART, NAMESPACE, Helm, HelmFailed
from tests.support.program import ROOT

pytestmark = pytest.mark.install

POLICIES = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
EVERYTHING = (
    "--set=admission=webhook,networkPolicy.enabled=true,metrics.serviceMonitor.enabled=true",
    "--set=metrics.rules.enabled=true,metrics.dashboard.enabled=true,otlpEndpoint=http://collector:4318",
    "--set=nodeSelector.a=b,priorityClassName=high,podLabels.c=d,podAnnotations.e=f,image.tag=v1",
)
NAMESPACED = (f"--values={CHART / 'values-namespaced.yaml'}", "--set=watchNamespaces={a,b}")


def render(helm: Helm, *options: str) -> list[dict[str, Any]]:
    rendered = helm.run("template", "zen-flow", str(CHART), f"--namespace={NAMESPACE}", *options)
    return [each for each in yaml.safe_load_all(rendered) if each]


def kinds(objects: list[dict[str, Any]]) -> set[str]:
    return {each["kind"] for each in objects}


@pytest.mark.parametrize("options", [(), EVERYTHING, NAMESPACED], ids=["defaults", "everything", "namespaced"])
def test_the_chart_is_clean(helm: Helm, options: tuple[str, ...]) -> None:
    helm.run("lint", "--strict", str(CHART), *options)
    assert render(helm, *options)


@pytest.mark.parametrize(
    ("options", "policies", "webhooks"),
    [
        ((POLICIES,), True, False),
        ((), False, True),
        (("--set=admission=webhook", POLICIES), False, True),
        (("--set=admission=none", POLICIES), False, False),
    ],
    ids=["a new server", "an old server", "webhook", "none"],
)
def test_admission_fits_the_server_and_the_value(
    helm: Helm, options: tuple[str, ...], policies: bool, webhooks: bool
) -> None:
    found = kinds(render(helm, *options))
    assert ("MutatingAdmissionPolicy" in found) is policies
    assert ("MutatingWebhookConfiguration" in found) is webhooks


def test_a_namespaced_installation_holds_nothing_cluster_wide(helm: Helm) -> None:
    assert all(each["metadata"].get("namespace") for each in render(helm, *NAMESPACED))


@pytest.mark.parametrize("wrong", ["replica=2", "replicas=two", "admission=perhaps", "watchNamespaces={Bad_Name}"])
def test_a_wrong_value_is_refused_by_its_name(helm: Helm, wrong: str) -> None:
    with pytest.raises(HelmFailed, match=wrong.partition("=")[0]):
        render(helm, f"--set={wrong}")


def test_every_value_is_described() -> None:
    """And every description is of a value that is there."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert described(schema) - {"global"} == valued(values)


def described(schema: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for name, each in schema.get("properties", {}).items():
        assert each.get("description", "").endswith("."), f"{prefix}{name} has no description"
        found |= {f"{prefix}{name}"} | described(each, f"{prefix}{name}.")
    return found


def valued(values: dict[str, Any], prefix: str = "") -> set[str]:
    """The paths of all values; what is inside of free-form ones is the user's."""
    free = ("resources", "metrics.dashboard.labels")
    found = set()
    for name, each in values.items():
        path = f"{prefix}{name}"
        found |= {path} | (valued(each, f"{path}.") if isinstance(each, dict) and path not in free else set())
    return found


def test_the_release_namespace_s_pod_security_is_met_by_every_pod(helm: Helm) -> None:
    """The test's Pod too. The API server judges the rest: tests/e2e/install/test_release.py."""
    pods = [each["spec"]["template"]["spec"] for each in render(helm) if each["kind"] == "Deployment"]
    pods += [each["spec"] for each in render(helm) if each["kind"] == "Pod"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsUser"] == 65532
        assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in pod["containers"])


def test_the_plain_manifests_are_the_chart_with_its_defaults(helm: Helm) -> None:
    """`make generate` was run: kubectl users get what Helm users get."""
    options = ("--no-hooks", "--set=crd.install=false,admission=none")
    marks = ("app.kubernetes.io/managed-by", "helm.sh/chart")
    written = list(yaml.safe_load_all((ROOT / "deploy" / "manifests" / "controller.yaml").read_text()))
    assert written == [without(each, marks) for each in render(helm, *options)]


def without(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: without(each, keys) for key, each in value.items() if key not in keys}
    return [without(each, keys) for each in value] if isinstance(value, list) else value


def test_the_chart_asks_for_the_image_of_its_own_version() -> None:
    """One number in the package, the chart and the image."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["version"] == about["appVersion"] == VERSION
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert NAME.endswith(f":{VERSION}")
