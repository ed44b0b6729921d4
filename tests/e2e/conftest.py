"""The clusters that the main job runs on; every test here runs on each of them.

embedded: `zenflow local`, commands as processes. control_plane: a real Kubernetes whose Pods end as their annotations
say. node: a real Kubernetes that runs busybox. With a cluster named on the command line, that one takes the place of
both.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]

from tests.cluster import build
from tests.conftest import CHOICES
from tests.e2e.target import ZENFLOW, Target
from tests.support.kubectl import Kubectl
from tests.support.program import Program
from tests.support.waiting import eventually

EMBEDDED, CONTROL_PLANE, NODE, GIVEN = "embedded", "control_plane", "node", "given"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "containers: runs only where commands of containers really run")
    config.addinivalue_line(
        "markers", "served: about the API server alone, so not on the node tier, which has the same"
    )
    config.addinivalue_line("markers", "real: runs only where there is a scheduler, a quota or Pod Security")
    config.addinivalue_line("markers", "embedded: runs on the embedded cluster")
    config.addinivalue_line("markers", "install: installs the image and the chart on a cluster of its own")
    config.addinivalue_line("markers", "audited: runs only where the API server's audit log can be read: our own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" not in metafunc.fixturenames:
        return
    given = any(metafunc.config.getoption(choice) for choice in CHOICES)
    names = [EMBEDDED, GIVEN] if given else [EMBEDDED, CONTROL_PLANE, NODE]
    if metafunc.definition.get_closest_marker("containers"):
        names = [name for name in names if name != CONTROL_PLANE]
    if metafunc.definition.get_closest_marker("served"):
        names = [name for name in names if name != NODE]
    if metafunc.definition.get_closest_marker("real"):
        names = [name for name in names if name != EMBEDDED]
    if metafunc.definition.get_closest_marker("audited"):
        names = [CONTROL_PLANE]
    marks = {
        EMBEDDED: [pytest.mark.embedded],
        CONTROL_PLANE: [pytest.mark.control_plane],
        NODE: [pytest.mark.node],
    }
    params = [pytest.param(name, marks=marks.get(name, [])) for name in names]
    metafunc.parametrize("target", params, indirect=True, scope="session")


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A cluster with the CRD, the controller and the witness, for all tests that run on it."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    kubectl, controller = request.getfixturevalue(f"{name}_access")
    started = Target(name, kubectl, controller, folder)
    try:
        started.start()
        yield started
        started.stop()
    finally:
        started.controller.end()
        started.recorder.stop()


Access = tuple[Kubectl, Path]  # as a user, and the kubeconfig of the controller


@pytest.fixture(scope="session")
def embedded_access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    folder = tmp_path_factory.mktemp("local")
    kubeconfig = folder / "kubeconfig"
    command = (*ZENFLOW, "local", "--no-controller", "--kubeconfig", kubeconfig, "--workdir", folder / "work")
    local = Program(command, folder / "local.log")
    local.start()
    kubectl = Kubectl(kubeconfig, real_kubectl())
    eventually(
        lambda: kubeconfig.exists() and kubectl.succeeds("get", "--raw=/readyz"),
        within=30,
        what="zenflow local is ready",
        else_show=local.output,
    )
    yield kubectl, kubeconfig
    assert local.process.poll() is None, f"zenflow local ended by itself:\n{local.output()}"
    assert local.stop() == 0


@pytest.fixture(scope="session")
def control_plane_access(request: pytest.FixtureRequest) -> Access:
    control_plane = request.getfixturevalue("control_plane")
    return control_plane.kubectl(), control_plane.kubeconfig("zenflow")


@pytest.fixture(scope="session")
def node_access(request: pytest.FixtureRequest) -> Access:
    control_plane = request.getfixturevalue("node_tier")
    return control_plane.kubectl(), control_plane.kubeconfig("zenflow")


@pytest.fixture(scope="session")
def given_access(given_cluster: AClusterManager) -> Access:
    kubeconfig = Path(given_cluster.kubeconfig)
    return Kubectl(kubeconfig, real_kubectl()), kubeconfig


def real_kubectl() -> Path:
    """The one of this machine, else the one that tests/cluster builds."""
    found = shutil.which("kubectl")
    return Path(found) if found else build.ensure(build.CONTROL)["kubectl"]
