"""A problem of a template here is what a real API server, asked strictly, refuses of the Job that is made of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]
from structlog.testing import CapturingLogger

from tests.support.jobflows import Object, flow, step
from tests.support.templates import Mutation, mutations
from zenflow.api import validation
from zenflow.api.job_schema import JobSchema, shipped
from zenflow.api.types import FlowMeta, JobFlow, JobFlowSpec
from zenflow.controller import manifests
from zenflow.controller.job_schemas import JobSchemas
from zenflow.runtime.client import Client
from zenflow.runtime.transport import KubeTransport, Request

COUNT = 200  # for each seed
STRICT = (("dryRun", "All"), ("fieldValidation", "Strict"))
URL = "/apis/batch/v1/namespaces/default/jobs"


@pytest.fixture(scope="module")
def server(control_plane_cluster: AClusterManager) -> KubeTransport:
    return KubeTransport.from_config(str(control_plane_cluster.kubeconfig))


@pytest.fixture(scope="module")
def schema(server: KubeTransport) -> JobSchema:
    """As the controller gets it."""
    schemas = JobSchemas(Client(server), log=CapturingLogger())
    schemas.step()
    assert schemas.current() is not shipped()
    return schemas.current()


@pytest.mark.parametrize("seed", range(3))
def test_a_problem_here_is_a_refusal_there(seed: int, server: KubeTransport, schema: JobSchema) -> None:
    """No unknown field or wrong type is taken here that is refused there, and nothing refused that is taken there."""
    found = [verdict for each in mutations(seed, COUNT) if (verdict := difference(each, server, schema))]
    assert not found, "\n".join(found)


def test_the_shipped_schema_is_that_of_the_server(schema: JobSchema) -> None:
    """Of the version that this release was made for: the same verdicts without a cluster."""
    for each in mutations(99, COUNT):
        assert problems(each.spec, schema) == problems(each.spec, shipped()), each.what


def difference(mutation: Mutation, server: KubeTransport, schema: JobSchema) -> str:
    """One line where the two say something else; empty where they agree.

    What can't be decoded is a 400 there and the schema's problem here. Other rules here, such as those of labels, may
    refuse what is a 422 there.
    """
    ours, by_schema = problems(mutation.spec, schema), bool(schema.check(made_of(mutation.spec)["spec"], 1))
    job = bare(mutation.spec) if ours else rendered(mutation.spec)
    answer = server.send(Request("POST", URL, query=STRICT, body=json.dumps(stored(job)).encode()))
    if by_schema == (answer.status == 400) and not (ours and answer.status < 400):
        return ""
    return f"{mutation.what}: here {ours}, there {answer.status} {json.loads(answer.body).get('message', '')[:300]}"


def problems(spec: Object, schema: JobSchema) -> list[str]:
    return [str(problem) for problem in validation.check(made_of(spec), schema)]


def made_of(spec: Object) -> Object:
    return flow(step("a", template={"spec": spec}), metadata={"namespace": "default"})


def stored(value: Any) -> Any:
    """As an API server returns what was written in a custom resource: 2.0 comes back as 2."""
    if isinstance(value, dict):
        return {key: stored(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [stored(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def bare(spec: Object) -> Object:
    """The Job as it stands, where what is wrong with it can't be rendered."""
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "bare"}, "spec": spec}


def rendered(spec: Object) -> Any:
    """The Job that the controller makes."""
    meta = FlowMeta(name="f", namespace="default", uid="u-1", creation_timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    parsed = JobFlowSpec.model_validate({"steps": [{"name": "a", "template": {"spec": spec}}]})
    made = JobFlow(metadata=meta, spec=parsed)
    return json.loads(manifests.job(made, made.spec.steps[0], 1))
