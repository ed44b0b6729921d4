"""The JobFlow's admission for the embedded API server: what policies and webhook do on a real cluster.

Adapts `api.admission` to the hook of `local`, which knows nothing of JobFlows. Everybody on the local cluster
holds every right: it has one user.
"""

from collections.abc import Mapping
from typing import Any

from zenflow.api import admission
from zenflow.api.names import GROUP, PLURAL
from zenflow.local.apiserver.admission import AdmissionRequest, AdmissionResponse, Operation, Phase
from zenflow.runtime.errors import Cause

_ALLOWED = AdmissionResponse()


def admit_jobflow(request: AdmissionRequest) -> AdmissionResponse:
    """A plug-in for `ApiServer(admission=...)`: refuses bad flows with every problem, moves and stamps approvals.

    Asked before the schema is, so that a person reads our sentences rather than the schema's.
    """
    resource = request.resource
    if (resource.group, resource.plural) != (GROUP, PLURAL) or request.subresource or request.object is None:
        return _ALLOWED
    if request.operation is Operation.DELETE:
        return _ALLOWED
    decide = admission.admit if request.phase is Phase.MUTATING else admission.confirm
    verdict = decide(request.object, request.old_object, request.user, may=lambda right: True)
    if not verdict.is_allowed:
        return _refusal(verdict, request.name)
    if verdict.annotations is None:
        return _ALLOWED
    metadata = {**request.object["metadata"], "annotations": dict(verdict.annotations)}
    return AdmissionResponse(object={**request.object, "metadata": metadata})


def _refusal(verdict: admission.Verdict, name: str) -> AdmissionResponse:
    status: Mapping[str, Any] = verdict.status(name)
    causes = [
        Cause(cause["reason"], cause["message"], cause["field"])
        for cause in status.get("details", {}).get("causes", ())
    ]
    return AdmissionResponse(
        allowed=False, code=status["code"], reason=status["reason"], message=status["message"], causes=tuple(causes)
    )
