"""The admission policies on a real API server: installed as the manual says, in force before a test rests on them."""

import json

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


def _are_in_force(kubectl: Kubectl) -> bool:
    obj = {**PROBE.obj, "metadata": {**PROBE.obj["metadata"], "namespace": "default"}}
    try:
        kubectl.run("create", "--dry-run=server", "--validate=false", "--filename=-", stdin=json.dumps(obj))
    except KubectlFailed as refused:
        return PROBE.server in refused.stderr
    return False
