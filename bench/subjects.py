"""Who is measured: the floor and zenflow, each as a process of its own with a user of its own."""

import sys
from pathlib import Path

from bench.workloads import Workload, jobflow
from tests.cluster.control_plane import ControlPlane
from tests.support.program import ROOT, Program


class Floor(Program):
    """bench.floor; it creates its Jobs itself."""

    name = "floor"

    def __init__(self, control_plane: ControlPlane, workload: Workload, folder: Path) -> None:
        shape = (workload.name, str(workload.flows), str(workload.length))
        kubeconfig = control_plane.kubeconfig(self.name)
        super().__init__((sys.executable, "-m", "bench.floor", kubeconfig, *shape), folder / "floor.log")

    def start(self) -> None:
        super().start()
        self.wait_for_output("ready", within=30)

    def submit(self) -> None:
        self.tell("go")

    def is_finished(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.output())
        return "done" in self.output()


class Zenflow(Program):
    """`zenflow controller` on the CRD as it is shipped; the JobFlows are created by somebody else."""

    name = "zenflow"

    def __init__(self, control_plane: ControlPlane, workload: Workload, folder: Path) -> None:
        self._kubectl = control_plane.kubectl()
        self._flows = [jobflow(chain, workload.length) for chain in workload.chains()]
        command = (sys.executable, "-m", "zenflow", "controller")
        environment = {"KUBECONFIG": str(control_plane.kubeconfig(self.name))}
        super().__init__(command, folder / "zenflow.log", environment)

    def start(self) -> None:
        self._kubectl.run("apply", "--server-side", f"--filename={ROOT / 'crds'}")
        self._kubectl.run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
        super().start()
        self.wait_for_output("started", within=30)

    def submit(self) -> None:
        self._kubectl.create(*self._flows)

    def is_finished(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.output())
        phases = self._kubectl.run("get", "jobflows", "--output=jsonpath={.items[*].status.phase}").split()
        if "Failed" in phases:
            raise RuntimeError(self.output())
        return phases == ["Succeeded"] * len(self._flows)


Subject = type[Floor] | type[Zenflow]
SUBJECTS: tuple[Subject, ...] = (Floor, Zenflow)
