"""A controller that is told its namespaces works there and nowhere else. On a `zenflow local` of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import real_kubectl
from tests.e2e.flows import flow, step
from tests.e2e.target import CRDS, TERMINAL, ZENFLOW
from tests.support.kubectl import Kubectl
from tests.support.program import Program
from tests.support.waiting import eventually

WATCHED, UNWATCHED = ("team-a", "team-b"), "team-c"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("namespaces")
    kubeconfig = folder / "kubeconfig"
    local = Program((*ZENFLOW, "local", "--no-controller", "--kubeconfig", kubeconfig), folder / "local.log")
    controller = Program(controller_command(kubeconfig), folder / "controller.log")
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


def controller_command(kubeconfig: Path) -> tuple[str, ...]:
    namespaces = (f"--watch-namespace={name}" for name in WATCHED)
    return (*ZENFLOW, "controller", f"--kubeconfig={kubeconfig}", "--metrics-port=0", *namespaces)


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
