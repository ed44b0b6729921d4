"""Where one attack takes place: a namespace of its own, and tenants with the rights that attackers have in life."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.hostile.tenant import Tenant
from tests.support.rawapi import RawApi
from tests.support.waiting import eventually

JOBFLOWS = "workflow.zen.io"
WRITE = ["get", "list", "watch", "create", "update", "patch", "delete"]
# Who may do what. olga's are the rights that the shipped approver role gives, and no others.
RIGHTS: Mapping[str, list[dict[str, Any]]] = {
    "bob": [{"apiGroups": [JOBFLOWS], "resources": ["jobflows"], "verbs": WRITE}],
    "alice": [
        {"apiGroups": [JOBFLOWS], "resources": ["jobflows"], "verbs": WRITE},
        {"apiGroups": [JOBFLOWS], "resources": ["jobflows/approval"], "verbs": ["update"]},
    ],
    "olga": [
        {"apiGroups": [JOBFLOWS], "resources": ["jobflows"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [JOBFLOWS], "resources": ["jobflows/approval"], "verbs": ["update"]},
    ],
    "mallory": [{"apiGroups": [JOBFLOWS], "resources": ["jobflows"], "verbs": ["create"]}],
    "jobber": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}],
    "podder": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
    "eventer": [{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}],
    "mapper": [{"apiGroups": [""], "resources": ["configmaps", "persistentvolumeclaims"], "verbs": ["create"]}],
    "steve": [{"apiGroups": [JOBFLOWS], "resources": ["jobflows/status"], "verbs": ["get", "update", "patch"]}],
    "rita": [{"apiGroups": [JOBFLOWS], "resources": ["jobflows"], "verbs": ["get", "list", "watch"]}],
}
TERMINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Stage:
    """`metrics` and `probes` are addresses of the controller's ports."""

    api: RawApi
    namespace: str
    metrics: tuple[str, int] = ("127.0.0.1", 0)
    probes: tuple[str, int] = ("127.0.0.1", 0)

    @property
    def admin(self) -> Tenant:
        return self.tenant("")

    def tenant(self, user: str) -> Tenant:
        return Tenant(self.api, self.namespace, user)

    def open(self) -> None:
        """Make the namespace and give out the rights; Pods can be made in it when this returns."""
        cluster = Tenant(self.api, self.namespace)
        self.api.request("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": self.namespace}}).encode())
        for user, rules in RIGHTS.items():
            cluster.create("roles", {"metadata": {"name": user}, "rules": rules}).stored()
            binding = {
                "metadata": {"name": user},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
                "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
            }
            cluster.create("rolebindings", binding).stored()
        eventually(self._has_service_account, within=30, what=f"service account of {self.namespace}", every=0.02)

    def close(self) -> None:
        """Ask for the end of all that is in it; does not wait."""
        self.api.exchange("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def status(self, flow: str) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get("jobflows", flow).get("status", {})
        return found

    def step(self, flow: str, step: str) -> dict[str, Any]:
        """The step's entry in the status; empty where there is none."""
        return next((each for each in self.status(flow).get("steps", ()) if each["name"] == step), {})

    def wait_for_phase(self, flow: str, *phases: str, within: float = 60) -> dict[str, Any]:
        """The status once the flow is in one of these phases."""

        def reached() -> dict[str, Any] | None:
            status = self.status(flow)
            return status if status.get("phase") in phases else None

        return eventually(
            reached, within=within, what=f"{flow} is {' or '.join(phases)}", else_show=lambda: str(self.status(flow))
        )

    def wait_for_step(self, flow: str, step: str, *phases: str, within: float = 60) -> dict[str, Any]:
        """The step's entry once it is in one of these phases."""

        def reached() -> dict[str, Any] | None:
            entry = self.step(flow, step)
            return entry if entry.get("phase") in phases else None

        return eventually(
            reached, within=within, what=f"{flow}/{step} is {phases}", else_show=lambda: str(self.status(flow))
        )

    def jobs(self, step: str) -> list[dict[str, Any]]:
        """The Jobs that bear the step's label."""
        return self.admin.list("jobs", f"workflow.zen.io/step={step}")

    def job(self, step: str) -> dict[str, Any]:
        """The only Job of a step, once it is there."""
        return eventually(lambda: next(iter(self.jobs(step)), None), within=60, what=f"the Job of {step}", every=0.05)

    def wait_for_pod(self, step: str) -> str:
        """The name of a Pod of a step, once there is one."""

        def found() -> str | None:
            pods = self.admin.list("pods", f"workflow.zen.io/step={step}")
            return pods[0]["metadata"]["name"] if pods else None

        return eventually(found, within=60, what=f"a Pod of {step}", every=0.05)

    def scrape(self) -> str:
        """The page of metrics."""
        host, port = self.metrics
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    def _has_service_account(self) -> bool:
        status, _ = self.api.exchange("GET", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default")
        return status == 200
