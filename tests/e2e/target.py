"""One cluster under test with the controller on it: what a test of the main job needs to drive and to judge."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import free_ports
from tests.e2e import policies
from tests.e2e.outcome import Outcome
from tests.support.kubectl import Kubectl
from tests.support.program import ROOT, Program
from tests.support.rawapi import RawApi
from tests.support.recorder import Recorder
from tests.support.waiting import eventually

ZENFLOW = (sys.executable, "-m", "zenflow")
CRDS = ROOT / "deploy" / "crds"
TERMINAL = ("Succeeded", "Failed")


class Target:
    """`name` says what runs containers. The controller is a process of its own, so that it can be killed."""

    def __init__(self, name: str, kubectl: Kubectl, controller_kubeconfig: Path, folder: Path) -> None:
        self.name = name
        self.kubectl = kubectl
        self.folder = folder
        self._api = RawApi(kubectl.kubeconfig)
        self.recorder = Recorder(kubectl.kubeconfig, folder)
        (self.metrics_port,) = free_ports(1)
        flags = (
            f"--kubeconfig={controller_kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--metrics-port={self.metrics_port}",
        )
        self.controller = Program((*ZENFLOW, "controller", *flags), folder / "controller.log")

    def start(self) -> None:
        """Install the CRD and the admission policies, and start the witness and the controller."""
        self.kubectl.run("apply", "--server-side", f"--filename={CRDS}")
        self.kubectl.run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
        if self.name != "embedded":  # there the same is built in
            policies.install(self.kubectl)
        self.recorder.start()
        self.controller.start()

    def stop(self) -> None:
        status = self.controller.stop()
        self.recorder.stop()
        assert status == 0, f"the controller ended with {status} on SIGTERM:\n{self.controller.output()[-3000:]}"

    def submit(self, *flows: Mapping[str, Any]) -> None:
        self.kubectl.create(*flows)

    def flow(self, name: str, namespace: str = "default") -> dict[str, Any]:
        """As the API server has it, asked without kubectl: the tests look often, and a process each time is dear."""
        path = f"/apis/workflow.zen.io/v1alpha1/namespaces/{namespace}/jobflows/{name}"
        found: dict[str, Any] = json.loads(self._api.request("GET", path))
        return found

    def now(self) -> datetime:
        """The API server's clock, in whole seconds."""
        probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock", "namespace": "default"}}
        dry = ("create", "--dry-run=server", "--filename=-", "--output=json")
        made = json.loads(self.kubectl.run(*dry, stdin=json.dumps(probe)))
        return datetime.fromisoformat(made["metadata"]["creationTimestamp"])

    def finish(self, name: str, *, within: float = 300, uid: str = "", namespace: str = "default") -> Outcome:
        """Wait for the end of a flow. With `uid` only that object counts, not another of the same name."""

        def ended() -> dict[str, Any] | None:
            self.assert_controller_lives()
            flow = self.flow(name, namespace)
            is_it = uid in ("", flow["metadata"]["uid"])
            return flow if is_it and flow.get("status", {}).get("phase") in TERMINAL else None

        flow = eventually(
            ended,
            within=within,
            what=f"{name} ends on {self.name}",
            every=0.5,
            else_show=lambda: self.story(name, namespace),
        )
        return Outcome(flow, self.recorder.record())

    def wait_for_step(self, name: str, step: str, *phases: str, namespace: str = "default") -> dict[str, Any]:
        """The flow once that step is in one of these phases."""

        def reached() -> dict[str, Any] | None:
            self.assert_controller_lives()
            flow = self.flow(name, namespace)
            steps = flow.get("status", {}).get("steps", ())
            return flow if any(each["name"] == step and each["phase"] in phases for each in steps) else None

        what = f"{name}/{step} is {' or '.join(phases)} on {self.name}"
        return eventually(reached, within=120, what=what, every=0.2, else_show=lambda: self.story(name, namespace))

    def assert_controller_lives(self) -> None:
        status = self.controller.process.poll()
        assert status is None, f"the controller ended with {status}:\n{self.controller.output()[-3000:]}"

    def story(self, name: str, namespace: str = "default") -> str:
        """What a person would look at when a flow hangs."""
        where = f"--namespace={namespace}"
        parts = (
            json.dumps(self.flow(name, namespace).get("status", {}), indent=1),
            self.kubectl.run("get", "jobs,pods", f"--selector=jobflow={name}", "--output=wide", where),
            self.controller.output()[-3000:],
        )
        return "\n".join(parts)
