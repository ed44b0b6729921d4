"""Who is measured: the floor and zenflow, each as a process of its own with a user of its own."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.floor import CONNECTIONS
from bench.workloads import NAMESPACE, Workload, jobflow
from tests.cluster.control_plane import ControlPlane
from tests.support.program import ROOT, Program
from tests.support.rawapi import RawApi

CRDS = ROOT / "deploy" / "crds"
JOBFLOWS = f"/apis/workflow.zen.io/v1alpha1/namespaces/{NAMESPACE}/jobflows"


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
        self._users = RawApi(control_plane.kubeconfig())
        self._flows = [jobflow(chain, workload.length) for chain in workload.chains()]
        command = (sys.executable, "-m", "zenflow", "controller", "--bind-address=127.0.0.1", "--metrics-port=0")
        environment = {"KUBECONFIG": str(control_plane.kubeconfig(self.name))}
        super().__init__(command, folder / "zenflow.log", environment)

    def start(self) -> None:
        self._kubectl.run("apply", "--server-side", f"--filename={CRDS}")
        self._kubectl.run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
        super().start()
        self.wait_for_output("lease acquired", within=30)

    def submit(self) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for _ in pool.map(self._create, self._flows):
                pass

    def _create(self, flow: dict[str, Any]) -> None:
        self._users.request("POST", JOBFLOWS, json.dumps(flow).encode())

    def is_finished(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.output())
        flows = json.loads(self._users.request("GET", JOBFLOWS))["items"]
        phases = [flow.get("status", {}).get("phase") for flow in flows]
        if "Failed" in phases:
            raise RuntimeError(self.output())
        return phases == ["Succeeded"] * len(self._flows)


Subject = type[Floor] | type[Zenflow]
SUBJECTS: tuple[Subject, ...] = (Floor, Zenflow)
