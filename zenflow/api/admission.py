"""What may be stored, decided when somebody writes a JobFlow. AdmissionReview in, AdmissionReview out; no HTTP.

The controller's webhook calls `review`; the embedded API server's admission hook calls `admit`. On a server with the
policies of `policies` most of this has already been decided there; cycles only here.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from zenflow.api import approvals, children, editing, validation
from zenflow.api.editing import May, Object, Right
from zenflow.api.job_schema import JobSchema
from zenflow.api.names import GROUP, KIND, PLURAL
from zenflow.api.problems import Problem, summarize


class MalformedReview(ValueError):
    """What came is no admission.k8s.io/v1 AdmissionReview with a request."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a write. Refused if there are problems or `forbidden` says why the user may not.

    `annotations`, if not None, take the place of those in the object.
    """

    annotations: Mapping[str, str] | None = None
    problems: tuple[Problem, ...] = ()
    forbidden: str = ""
    resource: str = f"{PLURAL}.{GROUP}"

    @property
    def is_allowed(self) -> bool:
        return not self.problems and not self.forbidden

    def status(self, name: str) -> dict[str, Any]:
        """The refusal as the API server would word it: a meta/v1 Status with code, reason, message and causes."""
        if self.forbidden:
            message = f'{self.resource} "{name}" is forbidden: {self.forbidden}'
            return {"code": 403, "reason": "Forbidden", "message": message}
        causes = [{"reason": p.reason.cause, "message": p.detail, "field": p.field} for p in self.problems]
        return {
            "code": 422,
            "reason": "Invalid",
            "message": f'{KIND}.{GROUP} "{name}" is invalid: {summarize(self.problems)}',
            "details": {"name": name, "group": GROUP, "kind": KIND, "causes": causes},
        }


def admit(
    obj: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    user: str,
    *,
    may: May,
    jobs: JobSchema | None = None,
) -> Verdict:
    """Decide a create (`old` is None) or an update by `user`, and move and stamp its approvals.

    With `jobs`, templates are checked by that schema. `may` is asked only when something takes a right of its own:
    an answer given or taken back, an edit, a rivalry. An update that leaves the spec as it is is not checked again, so
    that a flow stored before a rule existed can still be annotated and deleted.
    """
    found = _annotations(obj)
    given, before = _answers(obj, old, user)
    annotations = approvals.admitted(given, before, user)
    answers = approvals.given(annotations, before)
    forbidden = ""
    if answers or approvals.withdrawn(annotations, before):
        forbidden = approvals.refusal(user, _namespace(obj), editing.name_of(obj), may)
    forbidden = forbidden or editing.refusal(obj, old, user, may)
    if forbidden:
        return Verdict(forbidden=forbidden)
    mutated = obj if annotations == found else _annotated(obj, annotations)
    problems = _problems(obj, old, jobs)
    if not problems:
        problems = tuple(approvals.check(answers, mutated))
    return Verdict(annotations if mutated is not obj else None, problems)


def confirm(
    obj: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    user: str,
    *,
    may: May,
    jobs: JobSchema | None = None,
) -> Verdict:
    """The same decision about the object as it will be stored: after everybody's mutations nothing is moved."""
    verdict = admit(obj, old, user, may=may, jobs=jobs)
    forged = tuple(approvals.forged(_annotations(obj), _answers(obj, old, user)[1], user))
    return Verdict(None, (*verdict.problems, *forged), verdict.forbidden)


def review(
    body: Mapping[str, Any],
    *,
    mutating: bool,
    may: Callable[[Mapping[str, Any], Right], bool],
    jobs: JobSchema | None = None,
) -> dict[str, Any]:
    """Answer an AdmissionReview of the mutating or the validating webhook, of a flow, a Job or a Pod.

    Raises MalformedReview.

    `may` gets the request (`userInfo`, `namespace`, `name`) and asks the API server. Deletes and subresources
    are allowed unseen.
    """
    request = body.get("request")
    if not isinstance(request, Mapping) or not isinstance(request.get("uid"), str):
        raise MalformedReview("an AdmissionReview has a request with a uid")
    for field in ("object", "oldObject", "userInfo"):
        if not isinstance(request.get(field), Mapping | None):
            raise MalformedReview(f"the {field} of an AdmissionReview's request is an object")
    obj = request.get("object")
    verdict = Verdict()
    if isinstance(obj, Mapping) and request.get("operation") in ("CREATE", "UPDATE") and not request.get("subResource"):
        user, old = str((request.get("userInfo") or {}).get("username") or ""), request.get("oldObject")
        may_requester = partial(may, request)
        resource = _resource(request)
        if resource in children.KINDS:
            verdict = Verdict(forbidden=children.refusal(obj, old, user, resource, may_requester), resource=resource)
        else:
            decide = admit if mutating else confirm
            verdict = decide(obj, old, user, may=may_requester, jobs=jobs)
    response = {"uid": request["uid"], "allowed": verdict.is_allowed}
    if not verdict.is_allowed:
        response["status"] = verdict.status(editing.name_of(obj))
    elif verdict.annotations is not None:
        response |= {"patchType": "JSONPatch", "patch": _patch(verdict.annotations)}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _resource(request: Mapping[str, Any]) -> str:
    resource = request.get("resource")
    return str(resource.get("resource") or "") if isinstance(resource, Mapping) else ""


def _problems(obj: Mapping[str, Any], old: Mapping[str, Any] | None, jobs: JobSchema | None) -> tuple[Problem, ...]:
    if old is not None and obj.get("spec") == old.get("spec"):
        return ()
    # As it starts, a flow's templates are checked; after that they are what runs, and can't change any more.
    has_started = old is not None and bool((old.get("status") or {}).get("startTime"))
    problems = validation.check(obj, None if has_started else jobs)
    if problems or old is None or validation.check(old):
        return problems
    return validation.check_update(obj, old)


def _annotations(obj: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The annotations that are text; anything else is a problem of its own."""
    metadata = (obj or {}).get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, Mapping) else {}


def _annotated(obj: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "annotations": dict(annotations)}}


def _answers(obj: Object, old: Object | None, user: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The annotations of a write and of what was there, as far as its answers still stand."""
    given, before = _annotations(obj), _annotations(old)
    if not approvals.edited(obj, old):
        return given, before
    return approvals.without_stale(given, before, user), approvals.without_answers(before)


def _namespace(obj: Object) -> str:
    metadata = obj.get("metadata")
    return str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""


def _patch(annotations: Mapping[str, str]) -> str:
    # "add" replaces a member that is there; a verdict with annotations comes from an object that has some.
    operations = [{"op": "add", "path": "/metadata/annotations", "value": dict(annotations)}]
    return base64.b64encode(json.dumps(operations).encode()).decode()
