"""A controller that is told its namespaces works there and nowhere else. On a `zenflow local` of its own."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import free_ports
from tests.e2e.conftest import real_kubectl
from tests.e2e.flows import flow, step
from tests.e2e.target import CRDS, TERMINAL, ZENFLOW
from tests.support.kubectl import Kubectl
from tests.support.program import Program
from tests.support.waiting import eventually

WATCHED, UNWATCHED = ("team-a", "team-b"), "team-c"


@pytest.fixture(scope="module")
def port() -> int:
    """Of the controller's metrics."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("namespaces")
    kubeconfig = folder / "kubeconfig"
    local = Program((*ZENFLOW, "local", "--no-controller", "--kubeconfig", kubeconfig), folder / "local.log")
    controller = Program(controller_command(kubeconfig, port), folder / "controller.log")
    kubectl = Kubectl(kubeconfig, real_kubectl())
    local.start()
    try:
        eventually(
            lambda: kubeconfig.exists() and kubectl.succeeds("get", "--raw=/readyz"), within=30, what="it is ready"
        )
        kubectl.run("apply", "--server-side", f"--filename={CRDS}")
        for name in (*WATCHED, UNWATCHED):
            kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        controller.start()
        yield kubectl
        assert controller.stop() == 0
    finally:
        controller.end()
        local.end()


def controller_command(kubeconfig: Path, port: int) -> tuple[str, ...]:
    namespaces = (f"--watch-namespace={name}" for name in WATCHED)
    return (*ZENFLOW, "controller", f"--kubeconfig={kubeconfig}", f"--metrics-port={port}", *namespaces)


def status(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("jobflow", "one", f"--namespace={namespace}").get("status", {})
    return found


def test_each_watched_namespace_is_worked_and_no_other(kubectl: Kubectl) -> None:
    """The flow elsewhere is the oldest: when those made later have ended, nobody has looked at it."""
    for namespace in (UNWATCHED, *WATCHED):
        manifest = flow("one", step("first"), step("second", "first"))
        kubectl.create({**manifest, "metadata": {"name": "one", "namespace": namespace}})
    for namespace in WATCHED:
        eventually(
            lambda namespace=namespace: status(kubectl, namespace).get("phase") in TERMINAL,
            within=60,
            what=f"the flow in {namespace} ends",
        )
        assert status(kubectl, namespace)["phase"] == "Succeeded"
    assert not status(kubectl, UNWATCHED)


def test_all_of_them_are_one_in_the_metrics(kubectl: Kubectl, port: int) -> None:
    """A resource has one cache, so one series; two alike would make the whole scrape worthless."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series))
    assert 'zenflow_cache_synced{resource="jobs"}' in series
