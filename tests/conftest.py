"""The clusters that tests run on, through pytest-kubernetes.

A test asks for `k8s`, the fixture of that plugin. With its options (`--k8s-kubeconfig-override=FILE`,
`--k8s-provider=kind`, …) it runs on that cluster. Without them the project's own Kubernetes is started, once for a test
run: the control-plane tier with a fake node, or for tests marked `node` the tier whose node really runs containers. A
cluster that does not start fails every test that asks for it: none is skipped.
"""

import os
from collections.abc import Callable, Iterator

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]

from tests.cluster import build
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_node import FakeNode
from tests.cluster.node import Node
from tests.cluster.sandbox import Sandbox

pytest_plugins = ("tests.support.no_skips",)

ManagerFactory = Callable[[str | None], type[AClusterManager]]
CHOICES = ("k8s_kubeconfig_override", "k8s_kubeconfig", "k8s_provider")


@pytest.fixture
def k8s(request: pytest.FixtureRequest) -> AClusterManager:
    """The cluster for this test, by its marker."""
    tier = "node_cluster" if request.node.get_closest_marker("node") else "control_plane_cluster"
    manager: AClusterManager = request.getfixturevalue(tier)
    return manager


@pytest.fixture(scope="session")
def control_plane_cluster(request: pytest.FixtureRequest, given_cluster: AClusterManager | None) -> AClusterManager:
    """A cluster whose Pods may be fake: the one given, or our own."""
    return given_cluster or manager_of(request, request.getfixturevalue("control_plane"))


@pytest.fixture(scope="session")
def node_cluster(request: pytest.FixtureRequest, given_cluster: AClusterManager | None) -> AClusterManager:
    """A cluster that really runs containers: the one given, or our own."""
    return given_cluster or manager_of(request, request.getfixturevalue("node_tier"))


@pytest.fixture(scope="session")
def given_cluster(request: pytest.FixtureRequest, k8s_manager: ManagerFactory) -> Iterator[AClusterManager | None]:
    """The cluster that the command line names, if any. One that the plugin made is deleted at the end."""
    if not any(request.config.getoption(choice) for choice in CHOICES):
        yield None
        return
    manager = k8s_manager(None)(request.config.getoption("k8s_cluster_name"))
    manager.create()
    yield manager
    # The plugin would delete the kubeconfig of a cluster that it was only shown.
    if not (request.config.getoption("k8s_kubeconfig_override") or request.config.getoption("k8s_kubeconfig")):
        manager.delete()


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Our own control plane with a fake node, for tests that need its audit log or users too."""
    yield from started(request, node=False)


@pytest.fixture(scope="session")
def node_tier(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Our own control plane with a node that runs containers."""
    yield from started(request, node=True)


def started(request: pytest.FixtureRequest, *, node: bool) -> Iterator[ControlPlane]:
    binaries = build.ensure(build.CONTROL + build.NODE if node else build.CONTROL)
    failed_before = request.session.testsfailed
    sandbox = Sandbox(network=node)
    ready = False
    try:
        control_plane = ControlPlane(sandbox, binaries)
        control_plane.start()
        (Node if node else FakeNode)(control_plane).start()
        ready = True
        yield control_plane
    finally:
        logs = sandbox.close(keep_logs=not ready or request.session.testsfailed > failed_before)
        if logs:
            print(f"\nlogs of the cluster: {logs}")


def manager_of(request: pytest.FixtureRequest, control_plane: ControlPlane) -> AClusterManager:
    """Our own cluster as the plugin's external provider. The plugin calls kubectl by its bare name."""
    folder = str(control_plane.binaries["kubectl"].parent)
    if folder not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((folder, os.environ["PATH"]))
    external = request.getfixturevalue("k8s_manager")("external")
    manager: AClusterManager = external(kubeconfig=control_plane.kubeconfig())
    return manager
