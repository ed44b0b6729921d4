"""What a cluster has against a flow and the Jobs that it would make, asked by dry run with the caller's rights.

The cluster knows what no file shows: its own version, policies, webhooks, quotas. Nothing is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from zenflow.api import names
from zenflow.api.problems import Problem, Reason
from zenflow.cli import children, repairs
from zenflow.runtime.client import Resource
from zenflow.runtime.errors import (
    ApiError,
    Forbidden,
    NotFound,
    ServerFault,
    TooManyRequests,
    Unauthorized,
    from_response,
)
from zenflow.runtime.transport import APPLY_PATCH, Request, Transport

JOBFLOWS = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)

# What a server sets; an exported flow has them, and no server takes them from a client.
_SET_BY_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
_APPLY = (*children.DRY_RUN, ("fieldManager", "zenflow-lint"), ("force", "true"))


@dataclass(frozen=True, slots=True)
class Server:
    """A cluster, and the namespace of flows that name none."""

    transport: Transport
    namespace: str = "default"

    def problems(self, flow: Mapping[str, Any], known: Sequence[Problem]) -> Iterator[Problem]:
        """What the cluster adds to what is known. Raises RuntimeFault where it gives no verdict.

        A flow that is known to be wrong is not sent; its Jobs are, repaired where they can be. The first refusal for
        want of a right ends the asking: the others would be the same.
        """
        namespace = _text(flow, "namespace") or self.namespace
        if all(".template" in problem.field for problem in known):
            yield from self._of_flow(flow, namespace)
        for child in children.children(flow, known, namespace):
            found = self._ask(children.request(child, namespace), child.field)
            yield from (problem for problem in found if not repairs.follows(problem.field, known))
            if any(problem.message.startswith(_NO_RIGHT) for problem in found):
                return

    def _of_flow(self, flow: Mapping[str, Any], namespace: str) -> list[Problem]:
        """An apply where the flow has a name, so that one that is there already can be changed."""
        metadata = {key: value for key, value in flow["metadata"].items() if key not in _SET_BY_SERVER}
        body = msgspec.json.encode({**_without_status(flow), "metadata": {**metadata, "namespace": namespace}})
        name = _text(flow, "name")
        if name:
            path = JOBFLOWS.path(namespace, name)
            return self._ask(Request("PATCH", path, query=_APPLY, body=body, content_type=APPLY_PATCH), "")
        return self._ask(Request("POST", JOBFLOWS.path(namespace), query=children.DRY_RUN, body=body), "")

    def _ask(self, request: Request, field: str) -> list[Problem]:
        response = self.transport.send(request)
        if response.status < 400:
            return []
        error = from_response(response.status, response.headers, response.body)
        if isinstance(error, ServerFault | TooManyRequests | Unauthorized):
            raise error
        if isinstance(error, NotFound) and not field:
            return [_no_definition(error)]
        return list(_problems(error, field))


_NO_RIGHT = "the server forbids the question: "


def _problems(error: ApiError, field: str) -> Iterator[Problem]:
    if isinstance(error, Forbidden) and "cannot" in error.message and not error.causes:
        remedy = "ask for the right to create it, or name another namespace"
        yield Problem(field or "metadata.namespace", "", _NO_RIGHT + error.message, remedy, Reason.FORBIDDEN)
    else:
        yield from children.as_problems(error, field)


def _no_definition(error: ApiError) -> Problem:
    remedy = "name a namespace that is there, or install the definition: zenflow crd | kubectl apply --server-side -f -"
    return Problem("kind", "", error.message, remedy, Reason.NOT_FOUND)


def _without_status(flow: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flow.items() if key != "status"}


def _text(flow: Mapping[str, Any], key: str) -> str:
    metadata = flow.get("metadata")
    found = metadata.get(key) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) else ""
