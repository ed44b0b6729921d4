"""Users of a cluster under test, with the rights of examples/rbac/approvers.yaml: alice may approve, bob may not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.e2e.target import Target
from tests.support.kubectl import Kubectl, KubectlFailed
from tests.support.program import ROOT

ROLES = ROOT / "examples" / "rbac" / "approvers.yaml"
# What the examples leave out: bob may write /status, which must not help him; carol and dave may approve one flow, dave
# may also make flows; olga and a ServiceAccount may approve and not edit; mallory may make flows and nothing else.
MORE_RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: status-writer, namespace: default}
rules:
- {apiGroups: [workflow.zen.io], resources: [jobflows/status], verbs: [get, update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: status-writer, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: status-writer}
subjects: [{kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: approver-of-one, namespace: default}
rules:
- {apiGroups: [workflow.zen.io], resources: [jobflows], verbs: [get, patch]}
- {apiGroups: [workflow.zen.io], resources: [jobflows/approval], verbs: [update], resourceNames: [carols]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: approver-of-one, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: approver-of-one}
subjects:
- {kind: User, name: carol, apiGroup: rbac.authorization.k8s.io}
- {kind: User, name: dave, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: creator, namespace: default}
rules:
- {apiGroups: [workflow.zen.io], resources: [jobflows], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: creators, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: creator}
subjects:
- {kind: User, name: mallory, apiGroup: rbac.authorization.k8s.io}
- {kind: User, name: dave, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: only-approvers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: jobflow-approver}
subjects:
- {kind: User, name: olga, apiGroup: rbac.authorization.k8s.io}
- {kind: ServiceAccount, name: approver-bot, namespace: default}
- {kind: ServiceAccount, name: approver-bot, namespace: kube-system}
"""


@dataclass(frozen=True)
class Impersonating(Kubectl):
    """kubectl with `--as`: any name becomes a user."""

    user: str = ""

    def command(self, *arguments: str) -> list[str]:
        return [*super().command(*arguments), f"--as={self.user}"]


@dataclass(frozen=True)
class People:
    """kubectl of each person. Our own control plane knows alice and bob by tokens of their own."""

    admin: Kubectl
    has_rbac: bool
    control_plane: ControlPlane | None = None

    def __getitem__(self, user: str) -> Kubectl:
        if self.control_plane and user in ("alice", "bob"):
            return self.control_plane.kubectl(user)
        return self.impersonating(user)

    def impersonating(self, user: str) -> Kubectl:
        return Impersonating(self.admin.kubeconfig, self.admin.binary, user)

    def annotations(self, flow: str) -> dict[str, str]:
        found: dict[str, str] = self.admin.get("jobflow", flow)["metadata"].get("annotations", {})
        return found

    def forbids(self, user: str, sentence: str, *command: str, stdin: Mapping[str, Any] | None = None) -> None:
        """The command is Forbidden, in these words; a cluster without RBAC lets it through."""
        text = json.dumps(stdin) if stdin else None
        if not self.has_rbac:
            self[user].run(*command, stdin=text)
            return
        with pytest.raises(KubectlFailed) as refused:
            self[user].run(*command, stdin=text)
        assert "orbidden" in refused.value.stderr
        assert sentence in refused.value.stderr

    def refuses(self, user: str, flow: str, *command: str, stdin: Mapping[str, Any] | None = None) -> None:
        """The command fails for want of the right to approve, says so, and leaves the flow as it was.

        A cluster without RBAC lets everybody approve: there it goes through, under the user's name.
        """
        text = json.dumps(stdin) if stdin else None
        if not self.has_rbac:
            self[user].run(*command, stdin=text)
            assert user in self.annotations(flow).values()
            return
        before = self.annotations(flow)
        try:
            said = self[user].run(*command, stdin=text)
        except KubectlFailed as failed:
            said = failed.stderr
            assert f"{user} may not approve steps of JobFlow {flow}" in said
            assert "it takes the right to update jobflows/approval in workflow.zen.io" in said
        else:
            raise AssertionError(f"{user} was not refused: {said}")
        assert self.annotations(flow) == before


def people_of(target: Target, control_plane: ControlPlane | None) -> People:
    """With their rights, where there are any."""
    has_rbac = target.name != "embedded"
    if has_rbac:
        target.kubectl.run("apply", f"--filename={ROLES}")
        target.kubectl.apply(*yaml.safe_load_all(MORE_RIGHTS))
    return People(target.kubectl, has_rbac, control_plane)
