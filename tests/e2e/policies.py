"""The admission policies on a real API server: installed as the manual says, in force before a test rests on them."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.bad_flows import BAD_FLOWS
from tests.support.kubectl import Kubectl, KubectlFailed
from tests.support.program import ROOT
from tests.support.waiting import eventually

MANIFEST = ROOT / "deploy" / "manifests" / "admission-policies.yaml"
PROBE = next(bad for bad in BAD_FLOWS if bad.name == "unknown-dependency")


def install(kubectl: Kubectl) -> None:
    """Apply them; a new policy takes some seconds to be seen by the API server."""
    kubectl.run("apply", "--server-side", f"--filename={MANIFEST}")
    eventually(lambda: _are_in_force(kubectl), within=60, what="the policies are in force")


def takes(kubectl: Kubectl, obj: Mapping[str, Any]) -> bool:
    """Whether the API server would store the flow."""
    try:
        kubectl.run("create", "--dry-run=server", "--validate=false", "--filename=-", stdin=json.dumps(obj))
    except KubectlFailed:
        return False
    return True


def guided(step: str) -> dict[str, Any]:
    """A flow that comes with the guide's annotation for a step, and has a Manual step `gate`."""
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "guided", "annotations": {f"workflow.zen.io/approved/{step}": "true"}},
        "spec": {"steps": [{"name": "gate", "type": "Manual"}]},
    }


def _are_in_force(kubectl: Kubectl) -> bool:
    """The guide's annotation is moved, one for no step is refused, and so is a bad spec, in the policy's words."""
    obj = {**PROBE.obj, "metadata": {**PROBE.obj["metadata"], "namespace": "default"}}
    try:
        kubectl.run("create", "--dry-run=server", "--validate=false", "--filename=-", stdin=json.dumps(obj))
    except KubectlFailed as refused:
        return PROBE.server in refused.stderr and takes(kubectl, guided("gate")) and not takes(kubectl, guided("other"))
    return False
