"""The admission webhook of the controller process: `api.admission` over HTTP bodies.

For servers without MutatingAdmissionPolicy, and for the one thing no policy can find: a cycle. The
controller's own writes go to /status, which admission lets pass unseen.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from zenflow.api import admission
from zenflow.api.editing import Right
from zenflow.controller.job_schemas import JobSchemas
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import Undecodable

ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)


def reviewer(client: Client, schemas: JobSchemas, *, mutating: bool) -> Callable[[bytes], bytes]:
    """From an AdmissionReview's bytes to the answer's. Raises ValueError for a body that is none.

    Until the schema of Jobs is known, templates are left to the controller.
    """

    def review(body: bytes) -> bytes:
        try:
            decoded = decode(_decode, body, "AdmissionReview")
        except Undecodable as error:
            raise ValueError(str(error)) from error
        answer = admission.review(decoded, mutating=mutating, may=partial(may, client), jobs=schemas.known)
        return msgspec.json.encode(answer)

    return review


def may(client: Client, request: Mapping[str, Any], right: Right) -> bool:
    """Whether RBAC lets the requester do this. Raises RuntimeFault."""
    user = request.get("userInfo")
    user = user if isinstance(user, Mapping) else {}
    # At a create RBAC knows no name: a right for one flow is not for one that is made under its name.
    is_named = right.of_one and request.get("operation") != "CREATE"
    spec = {
        "user": user.get("username"),
        "uid": user.get("uid"),
        "groups": user.get("groups"),
        "extra": user.get("extra"),
        "resourceAttributes": {
            "group": right.group,
            "resource": right.resource,
            "subresource": right.subresource,
            "verb": right.verb,
            "namespace": request.get("namespace"),
            "name": request.get("name") if is_named else "",
        },
    }
    body = {"apiVersion": ACCESS_REVIEWS.api_version, "kind": ACCESS_REVIEWS.kind, "spec": spec}
    answer = decode(_decode, client.create(ACCESS_REVIEWS, msgspec.json.encode(body)), ACCESS_REVIEWS.kind)
    status = answer.get("status")
    return isinstance(status, Mapping) and status.get("allowed") is True


_decode = msgspec.json.Decoder(dict[str, Any]).decode
