"""The cluster that is attacked, the controller that serves it, and the neighbour who must not notice."""

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bench.measure import peak_memory
from tests.e2e.flows import flow, step
from tests.hostile.stage import Stage
from tests.support.program import Program
from tests.support.rawapi import RawApi
from tests.support.waiting import NotInTime, eventually

NEIGHBOUR = "neighbour"
FLOWS = f"/apis/workflow.zen.io/v1alpha1/namespaces/{NEIGHBOUR}/jobflows"
LENGTH = 5
SHIPPED_LIMIT = 512 * 2**20  # resources.limits.memory of the chart
SLOWEST = 2.0  # times what the chain takes alone


def chain(name: str) -> dict[str, object]:
    """Five steps, one after the other."""
    steps = [step(f"s{n}", *((f"s{n - 1}",) if n else ())) for n in range(LENGTH)]
    made = flow(name, *steps)
    made["metadata"]["namespace"] = NEIGHBOUR
    return made


@dataclass
class Arena:
    """`alone` are the seconds that a neighbour's chain takes while nobody attacks."""

    api: RawApi
    controller: Program
    metrics: tuple[str, int]
    probes: tuple[str, int]
    alone: list[float] = field(default_factory=list)
    memory_before: int = 0
    restarts: int = 0
    _chains: int = 0

    def warm_up(self) -> None:
        """Measure what is normal."""
        Stage(self.api, NEIGHBOUR).open()
        self.alone = [self.run_chain() for _ in range(4)][1:]
        self.memory_before = memory(self.controller.pid)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """A namespace for one attack; what is in it goes when it is over.

        A controller that an earlier attack has ended is started again, so that each attack is judged by itself.
        """
        if self.controller.process.poll() is not None:
            self.restarts += 1
            self.controller.start()
        stage = Stage(self.api, name, self.metrics, self.probes)
        stage.open()
        try:
            yield stage
        finally:
            stage.close()

    def run_chain(self, within: float = 60) -> float:
        """Seconds from a chain's creation to its end as its owner sees it. It must succeed."""
        self._chains += 1
        name = f"chain-{self._chains}"
        started = monotonic()
        self.api.request("POST", FLOWS, json.dumps(chain(name)).encode())
        status = eventually(lambda: self._ended(name), within=within, what=f"neighbour's {name} ends", every=0.03)
        took = monotonic() - started
        assert status["phase"] == "Succeeded", status
        self.api.exchange("DELETE", f"{FLOWS}/{name}")
        return took

    def assert_neighbour_keeps_pace(self) -> None:
        """A chain beside the attack takes at most twice what one takes alone, on this machine as busy as it is now.

        One that took longer is judged once more, beside chains that run after the attack: others use the machine too.
        """
        normal = statistics.median(self.alone)
        try:
            took = self.run_chain()
        except NotInTime:
            self.assert_alive()
            raise
        if took > SLOWEST * normal:
            again = self.run_chain()
            assert again <= SLOWEST * normal, f"took {took:.1f} s and {again:.1f} s, alone {self.alone} s"

    def assert_alive(self) -> None:
        """The very process that was started, within the memory that the shipped Deployment allows it."""
        status = self.controller.process.poll()
        assert status is None, f"the controller ended with {status}:\n{self.controller.output()[-3000:]}"
        size = memory(self.controller.pid)
        if size > SHIPPED_LIMIT:
            self.controller.kill()  # as the kernel would; the next attack finds a new one
            raise AssertionError(f"the controller holds {size / 2**20:.0f} MiB")

    def _ended(self, name: str) -> dict[str, str] | None:
        found: dict[str, str] = json.loads(self.api.request("GET", f"{FLOWS}/{name}")).get("status", {})
        return found if found.get("phase") in ("Succeeded", "Failed") else None


def memory(pid: int) -> int:
    """Bytes that a process has in memory now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


__all__ = ["Arena", "memory", "peak_memory"]
