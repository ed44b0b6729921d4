"""The arena: a control plane with the shipped policies and the controller for all namespaces as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane, free_ports
from tests.cluster.controller_image import DOCKERFILE
from tests.e2e import policies
from tests.e2e.target import CRDS, ZENFLOW
from tests.hostile.arena import Arena
from tests.support.program import Program
from tests.support.rawapi import RawApi


@pytest.fixture(scope="session")
def arena(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    kubectl = control_plane.kubectl()
    kubectl.run("apply", "--server-side", f"--filename={CRDS}")
    kubectl.run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
    policies.install(kubectl)
    (port,) = free_ports(1)
    controller = Program(command(control_plane, port), folder / "controller.log", allocation())
    controller.start()
    try:
        controller.wait_for_output("lease acquired", within=60)
        address = ("127.0.0.1", port)
        arena = Arena(RawApi(control_plane.kubeconfig()), controller, metrics=address, probes=address)
        arena.warm_up()
        yield arena
        assert controller.stop() == 0
    finally:
        controller.end()


def command(control_plane: ControlPlane, port: int) -> tuple[str | Path, ...]:
    flags = ("--bind-address=127.0.0.1", f"--metrics-port={port}")
    return (*ZENFLOW, "controller", f"--kubeconfig={control_plane.kubeconfig('zenflow')}", *flags)


def allocation() -> dict[str, str]:
    """How the image sets the allocator: what an attack leaves behind depends on it."""
    [line] = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("ENV MALLOC")]
    return dict(setting.split("=") for setting in line.split()[1:])
