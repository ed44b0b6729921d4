"""Attacks that would end a process or fill its memory, against the chart as it is shipped: limits, probes, replicas.

The kubelet is the judge: it restarts a container that ends, that is killed for its memory, or whose probe fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.install.helm import NAMESPACE
from tests.e2e.install.site import Site
from tests.hostile.attack import Attack
from tests.hostile.attacks import ATTACKS
from tests.hostile.stage import Stage
from tests.support.rawapi import RawApi

pytestmark = pytest.mark.install

# Half a request on each of a hundred connections to each address, said again as soon as one is closed.
HOLD = """\
for address; do
  for n in $(seq 100); do
    (end=$(($(date +%s) + 150))
    while [ $(date +%s) -lt $end ]; do
      (printf 'GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n'; sleep 20) | nc $address 8080 >/dev/null 2>&1 || sleep 1
    done) &
  done
done
wait
"""
LETHAL = [attack for attack in ATTACKS if attack.kills]


@dataclass(frozen=True)
class Siege:
    """The installed controller, and the API server as administrator."""

    site: Site
    api: RawApi

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        stage = Stage(self.api, name)
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
def siege(site: Site) -> Iterator[Siege]:
    site.make_namespace(NAMESPACE)
    site.helm.install("--take-ownership")
    yield Siege(site, RawApi(site.kubectl.kubeconfig))
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


def test_a_pod_that_holds_a_hundred_connections_fails_no_probe(siege: Siege) -> None:
    """For longer than the two minutes after which the kubelet restarts a container whose probe gets no answer."""
    before = siege.restarts()
    addresses = [pod["status"]["podIP"] for pod in siege.site.pods()]
    holder = flow("holder", step("hold", work=Work(seconds=0), job={"backoffLimit": 0}))
    container = holder["spec"]["steps"][0]["template"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["sh", "-c", HOLD, "hold", *addresses]
    siege.site.submit(holder)
    assert siege.site.finish("holder", within=300).phase == "Succeeded"
    assert siege.restarts() == before
    assert all(status["ready"] for pod in siege.site.pods() for status in pod["status"]["containerStatuses"])
