"""What an API server says of the Jobs, claims and ConfigMaps that a flow would make, asked by dry run.

The server is any: the embedded one for `zenflow lint`, a cluster for `zenflow lint --server`. Nothing is stored. The
children are rendered as the controller renders them, without the marks that only the controller may write.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import pydantic

from zenflow.api import formats, names
from zenflow.api.problems import Problem, Reason, path
from zenflow.api.types import (
    ConfigMapTemplate,
    ExecutionPolicy,
    FlowMeta,
    JobFlow,
    JobFlowSpec,
    RetryPolicy,
    Step,
    VolumeClaimTemplate,
)
from zenflow.cli import remedies, repairs
from zenflow.controller import manifests
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.client import Resource
from zenflow.runtime.clock import SystemClock
from zenflow.runtime.errors import ApiError, Cause, from_response
from zenflow.runtime.transport import Request, Transport

JOBS = Resource("batch", "v1", "jobs", "Job")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
DRY_RUN = (("dryRun", "All"), ("fieldValidation", "Strict"))

_NOBODY = UUID(int=0)

M = TypeVar("M", bound=pydantic.BaseModel)


@dataclass(frozen=True, slots=True)
class Child:
    """One object that the flow would create, and the field of the flow that it is made of."""

    field: str
    resource: Resource
    body: bytes


@cache
def embedded() -> ApiServer:
    """The API server of this process, for dry runs only."""
    return ApiServer(clock=SystemClock(), uid=lambda: str(uuid4()))


def problems(
    flow: Mapping[str, Any], known: Sequence[Problem], transport: Transport, namespace: str = "default"
) -> Iterator[Problem]:
    """What the server has against the flow's children, without what is `known` already and what follows from it."""
    for child in children(flow, known, namespace):
        for problem in refusals(child, transport, namespace):
            if not repairs.follows(problem.field, known):
                yield problem


def refusals(child: Child, transport: Transport, namespace: str) -> Iterator[Problem]:
    """All that is wrong with one child; none if the server would take it. Raises Unreachable."""
    response = transport.send(request(child, namespace))
    if response.status >= 400:
        yield from as_problems(from_response(response.status, response.headers, response.body), child.field)


def request(child: Child, namespace: str) -> Request:
    """The dry run that asks for it."""
    return Request("POST", child.resource.path(namespace), query=DRY_RUN, body=child.body)


def as_problems(error: ApiError, field: str) -> Iterator[Problem]:
    """One for each cause that the server gives, else one for its whole sentence."""
    if not error.causes:
        yield Problem(field or "metadata.name", "", error.message, remedies.of_error(error), Reason.FORBIDDEN)
    for cause in dict.fromkeys(error.causes):
        yield _problem(cause, field)


def _problem(cause: Cause, field: str) -> Problem:
    """In the words of the server: `Not found: "data"` is a reason and what follows it."""
    said, _, rest = cause.message.partition(": ")
    reason = next((reason for reason in Reason if reason.value == said), None)
    where = cause.field.replace("spec.template.labels", "spec.template.metadata.labels")
    text = cause.message if reason is None else rest
    place = ".".join(part for part in (field, where) if part)
    return Problem(place, "", text, remedies.of_cause(cause), reason or Reason.INVALID)


def children(flow: Mapping[str, Any], known: Sequence[Problem], namespace: str) -> Iterator[Child]:
    """Whatever of the flow can be rendered, repaired where it is known to be wrong; other rules tell of the rest."""
    spec = flow.get("spec")
    made = _stand_in(flow, namespace)
    for field, step in _objects(spec, "spec", "steps"):
        job = _job(made, step, path(field, "template"), known)
        if job is not None:
            yield Child(path(field, "template"), JOBS, _unmarked(job))
    resources = spec.get("resourceTemplates") if isinstance(spec, Mapping) else None
    for field, claim in _objects(resources, "spec.resourceTemplates", "volumeClaimTemplates"):
        if (parsed := _parsed(VolumeClaimTemplate, repairs.repaired(claim, field, known))) is not None:
            yield Child(field, CLAIMS, _unmarked(manifests.claim(made, parsed)))
    for field, config in _objects(resources, "spec.resourceTemplates", "configMapTemplates"):
        if (parsed_config := _parsed(ConfigMapTemplate, config)) is not None:
            yield Child(field, CONFIG_MAPS, _unmarked(manifests.config_map(made, parsed_config)))


def _job(made: JobFlow, step: Mapping[str, Any], field: str, known: Sequence[Problem]) -> bytes | None:
    template = repairs.repaired(step.get("template"), field, known)
    if step.get("type") == "Manual" or not _has_containers(template):
        return None
    name = step.get("name")
    good = isinstance(name, str) and formats.STEP_NAME.matches(name)
    retries = None if step.get("retryPolicy") is None else RetryPolicy()
    stand_in = Step.model_construct(name=str(name) if good else "step", template=template, retry_policy=retries)
    return manifests.job(made, stand_in, 1)


def _has_containers(template: Any) -> bool:
    """Whether it is so far a Job that it can be rendered; if not, that is known."""
    for part in ("spec", "template", "spec"):
        template = template.get(part) if isinstance(template, Mapping) else None
    return isinstance(template, Mapping) and bool(template.get("containers"))


def _stand_in(flow: Mapping[str, Any], namespace: str) -> JobFlow:
    """The flow as far as its children depend on it, by another name where its own is none."""
    metadata, spec = flow.get("metadata"), flow.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    good = isinstance(name, str) and formats.FLOW_NAME.matches(name)
    meta = FlowMeta(
        name=str(name) if good else "flow",
        namespace=namespace,
        uid=str(_NOBODY),
        creation_timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    )
    policy = _parsed(ExecutionPolicy, spec.get("executionPolicy") if isinstance(spec, Mapping) else None)
    return JobFlow.model_construct(
        metadata=meta, spec=JobFlowSpec.model_construct(steps=(), execution_policy=policy or ExecutionPolicy())
    )


def _parsed(model: type[M], value: Any) -> M | None:
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except pydantic.ValidationError:
        return None


def _unmarked(body: bytes) -> bytes:
    """Without owner and labels of ours: admission lets only the controller write Jobs that bear them."""
    obj = msgspec.json.decode(body)
    pod = obj.get("spec", {}).get("template") if obj["kind"] == JOBS.kind else None
    for metadata in (obj["metadata"], pod["metadata"] if pod else {}):
        metadata.pop("ownerReferences", None)
        labels = metadata.get("labels") or {}
        metadata["labels"] = {key: text for key, text in labels.items() if key not in names.RESERVED_LABELS}
    return msgspec.json.encode(obj)


def _objects(owner: Any, field: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = owner.get(key) if isinstance(owner, Mapping) else None
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield path(field, key, index), item
