"""Attacks that would end a process or fill its memory, against the chart as it is shipped: limits, probes, replicas.

The kubelet is the judge: it restarts a container that ends, that is killed for its memory, or whose probe fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cluster.control_plane import free_ports
from tests.e2e.flows import flow, step
from tests.e2e.install.helm import NAMESPACE
from tests.e2e.install.site import Site
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.stage import Stage
from tests.support.program import Program
from tests.support.rawapi import RawApi
from tests.support.waiting import eventually

pytestmark = pytest.mark.install

LETHAL = [attack for attack in ATTACKS if attack.kills]


@dataclass(frozen=True)
class Siege:
    """The installed controller, and the ports by which its leader is reached from this machine."""

    site: Site
    api: RawApi
    metrics: tuple[str, int]
    probes: tuple[str, int]

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        stage = Stage(self.api, name, self.metrics, self.probes)
        stage.open()
        try:
            yield stage
        finally:
            stage.close()

    def restarts(self) -> dict[str, int]:
        """By the controller's Pods."""
        found = {}
        for pod in self.site.pods():
            statuses = pod["status"]["containerStatuses"]
            found[pod["metadata"]["name"]] = sum(each["restartCount"] for each in statuses)
        return found


@pytest.fixture(scope="module")
def siege(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    site.make_namespace(NAMESPACE)
    site.helm.install("--take-ownership")
    leader = eventually(site.leader, within=60, what="a leader")
    metrics, probes = free_ports(2)
    command = site.kubectl.command(
        "port-forward", f"--namespace={NAMESPACE}", f"pod/{leader}", f"{metrics}:8080", f"{probes}:8081"
    )
    forward = Program(command, tmp_path_factory.mktemp("siege") / "forward.log")
    forward.start()
    try:
        forward.wait_for_output(f"127.0.0.1:{probes}", within=30)
        yield Siege(site, RawApi(site.kubectl.kubeconfig), ("127.0.0.1", metrics), ("127.0.0.1", probes))
    finally:
        forward.end()
        site.helm.uninstall()
        site.kubectl.run("delete", "namespace", NAMESPACE)


@pytest.mark.parametrize("attack", LETHAL, ids=lambda attack: attack.name)
def test_an_attack_restarts_nothing(siege: Siege, attack: Attack) -> None:
    """Neither the leader nor the replica that waits; a neighbour's flow ends beside it."""
    before = siege.restarts()
    with siege.stage(attack.name) as stage:
        story = attack.deed(stage)
        next(story)
        name = f"beside-{attack.name}"
        siege.site.submit(flow(name, step("a"), step("b", "a")))
        assert siege.site.finish(name).phase == "Succeeded"
        next(story, None)
    assert siege.restarts() == before
