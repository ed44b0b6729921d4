"""The scheduler of the local cluster: there is one node, so a Pod is on it from the moment it is created.

An admission plug-in rather than a controller, which saves a request for each Pod. When it starts there is decided by
the kubelet, which has a number of slots.
"""

from zenflow.local.admission import AdmissionRequest, AdmissionResponse, Operation, Phase
from zenflow.local.workloads import PODS

NODE_NAME = "local"


def assign_node(request: AdmissionRequest) -> AdmissionResponse:
    """Set `spec.nodeName` of a new Pod that has none."""
    is_pod = (request.resource.group, request.resource.plural) == (PODS.group, PODS.plural)
    is_new = request.phase is Phase.MUTATING and request.operation is Operation.CREATE and not request.subresource
    if not is_pod or not is_new or request.object is None or request.object.get("spec", {}).get("nodeName"):
        return AdmissionResponse()
    spec = {**request.object.get("spec", {}), "nodeName": NODE_NAME}
    return AdmissionResponse(object={**request.object, "spec": spec})
