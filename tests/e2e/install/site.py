"""A cluster to install on: what a test needs to act as its administrator and to judge what flows did there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.e2e.install.helm import NAMESPACE, Helm
from tests.e2e.outcome import Outcome
from tests.e2e.target import TERMINAL
from tests.support.kubectl import Kubectl
from tests.support.recorder import Recorder
from tests.support.waiting import eventually

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SELECTOR = "--selector=app.kubernetes.io/name=zen-flow"


class Site:
    """A node-tier cluster that holds the controller's image and nothing of zen-flow yet."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self.kubectl: Kubectl = control_plane.kubectl()
        self.audit = control_plane.audit
        self.as_user = control_plane.kubectl
        self.helm = Helm(folder / "helm", control_plane.kubeconfig())
        self.recorder = Recorder(control_plane.kubeconfig("watcher"), folder)

    def make_namespace(self, name: str, labels: Mapping[str, str] = RESTRICTED) -> None:
        namespace = {"name": name, "labels": dict(labels)}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})

    def submit(self, *flows: Mapping[str, Any]) -> None:
        self.kubectl.create(*flows)

    def flow(self, name: str, namespace: str = "default") -> dict[str, Any]:
        return self.kubectl.get("jobflow", name, f"--namespace={namespace}")

    def finish(self, name: str, namespace: str = "default", *, within: float = 180) -> Outcome:
        """Wait for the end of a flow."""

        def ended() -> dict[str, Any] | None:
            flow = self.flow(name, namespace)
            return flow if flow.get("status", {}).get("phase") in TERMINAL else None

        flow = eventually(
            ended, within=within, what=f"{name} ends", every=0.5, else_show=lambda: self.story(name, namespace)
        )
        return Outcome(flow, self.recorder.record())

    def pods(self, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """The controller's Pods."""
        pods: list[dict[str, Any]] = self.kubectl.get("pods", f"--namespace={namespace}", SELECTOR)["items"]
        return pods

    def leader(self, namespace: str = NAMESPACE) -> str:
        """The name of the Pod that holds the Lease; empty while none does."""
        lease = self.kubectl.get("lease", "zen-flow", f"--namespace={namespace}")
        return str(lease["spec"].get("holderIdentity") or "").rpartition("_")[0]

    def story(self, name: str, namespace: str) -> str:
        """What an administrator would look at when a flow hangs."""
        questions = (
            ("get", "pods", "--all-namespaces", "--output=wide"),
            ("logs", f"--namespace={NAMESPACE}", SELECTOR, "--prefix", "--tail=20"),
        )
        answers = (self.kubectl.run(*each) if self.kubectl.succeeds(*each) else "" for each in questions)
        return "\n".join((json.dumps(self.flow(name, namespace).get("status", {}), indent=1), *answers))
