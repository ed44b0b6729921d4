"""An installation with Roles only: two namespaces are worked, every other is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.flows import flow, step
from tests.e2e.install.helm import CHART
from tests.e2e.install.site import Site
from tests.e2e.outcome import assert_always
from tests.e2e.scenarios import SCENARIOS, Scenario
from tests.support.program import ROOT

pytestmark = pytest.mark.install

HOME = "team-system"
WATCHED = ("team-a", "team-b")
PLACES = tuple((scenario, WATCHED[number % 2]) for number, scenario in enumerate(SCENARIOS))
OPTIONS = (f"--values={CHART / 'values-namespaced.yaml'}", f"--set=watchNamespaces={{{','.join(WATCHED)}}},replicas=1")


@pytest.fixture(scope="module")
def installed(site: Site) -> Iterator[Site]:
    """What is cluster-wide was applied before, by an administrator."""
    site.kubectl.run("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'deploy' / 'crds'}")
    site.make_namespace(HOME)
    for namespace in WATCHED:
        site.make_namespace(namespace, {})
    site.helm.install(*OPTIONS, namespace=HOME)
    site.submit(*(placed(scenario.flow, namespace) for scenario, namespace in PLACES))
    yield site
    site.helm.uninstall(HOME)
    site.kubectl.run("delete", "namespace", HOME, *WATCHED)


def placed(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@pytest.mark.parametrize(("scenario", "namespace"), PLACES, ids=[scenario.name for scenario, _ in PLACES])
@pytest.mark.proves("install.namespaced")
def test_a_flow_ends_as_it_must(installed: Site, scenario: Scenario, namespace: str) -> None:
    """The main job, in one or the other of the two."""
    outcome = installed.finish(scenario.name, namespace)
    scenario.check(outcome)
    assert_always(outcome)


@pytest.mark.proves("install.namespaced")
def test_a_flow_elsewhere_is_left_alone(installed: Site) -> None:
    """When a flow that was made later has ended, it has not even been looked at."""
    installed.submit(flow("elsewhere", step("one")))
    installed.submit(placed(flow("later", step("one")), WATCHED[0]))
    assert installed.finish("later", WATCHED[0]).phase == "Succeeded"
    assert "status" not in installed.flow("elsewhere")
    installed.kubectl.run("delete", "jobflow", "elsewhere")


@pytest.mark.proves("security.namespaced-rights")
def test_nothing_of_the_release_is_cluster_wide(installed: Site) -> None:
    manifest = installed.helm.run("get", "manifest", "zen-flow", f"--namespace={HOME}")
    objects = [each for each in yaml.safe_load_all(manifest) if each]
    assert objects
    assert all(each["metadata"].get("namespace") in (HOME, *WATCHED) for each in objects)


@pytest.mark.proves("security.namespaced-rights")
def test_the_controller_has_no_right_elsewhere(installed: Site) -> None:
    who = f"--as=system:serviceaccount:{HOME}:zen-flow"
    may = ("auth", "can-i", "list", "jobflows", who)
    assert installed.kubectl.succeeds(*may, f"--namespace={WATCHED[0]}")
    assert not installed.kubectl.succeeds(*may, "--namespace=default")
    assert not installed.kubectl.succeeds(*may, "--all-namespaces")
