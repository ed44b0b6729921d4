"""`zenflow lint --server`: what a cluster has against a flow and its Jobs, asked by dry run."""

import json
from io import BytesIO
from typing import Any

import pytest
import yaml

from tests.support.embedded import Embedded
from tests.support.jobflows import flow, job, step
from tests.support.transport import ScriptedTransport, refusal, reply
from zenflow.api import crd
from zenflow.cli.admission import admit_jobflow
from zenflow.cli.files import STDIN
from zenflow.cli.lint import lint
from zenflow.cli.server_checks import Server
from zenflow.runtime.errors import ServerFault
from zenflow.runtime.transport import Response

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FLOWS = "/apis/workflow.zen.io/v1alpha1/namespaces/data/jobflows"
FORBIDDEN = 'jobs.batch is forbidden: User "u" cannot create resource "jobs" in API group "batch"'


@pytest.fixture
def cluster() -> Embedded:
    """With the CRD, JobFlows' admission, and the namespace of the flows."""
    made = Embedded(admission=(admit_jobflow,))
    made.create(DEFINITIONS, crd.build())
    made.create("/api/v1/namespaces", {"metadata": {"name": "data"}})
    return made


def lines(transport: Any, *objects: Any, namespace: str = "data") -> tuple[str, ...]:
    stdin = BytesIO(yaml.safe_dump_all(objects).encode())
    return lint([STDIN], stdin, Server(transport, namespace)).lines


def test_a_good_flow_is_good_there_and_nothing_is_stored(cluster: Embedded) -> None:
    """With a name or without."""
    assert (
        lines(cluster.api, flow(step("a"), step("b")), flow(step("a"), metadata={"name": None, "generateName": "x-"}))
        == ()
    )
    assert cluster.names(FLOWS) == []
    assert cluster.names("/apis/batch/v1/namespaces/data/jobs") == []


def test_an_exported_flow_can_be_asked_for(cluster: Embedded) -> None:
    """What the server set is left out, and one that is there already may be changed."""
    made = cluster.create(FLOWS, flow(step("a")))
    assert lines(cluster.api, {**made, "status": {"phase": "Succeeded"}}) == ()


def test_only_the_cluster_knows_that_its_namespace_is_missing(cluster: Embedded) -> None:
    """One sentence for the flow and one for each kind of question."""
    found = lines(cluster.api, flow(step("a"), metadata={"namespace": "nowhere"}))
    assert found
    assert all('"nowhere" not found' in line for line in found)


def test_only_the_cluster_knows_what_has_started(cluster: Embedded) -> None:
    """An apply of other steps would be refused."""
    cluster.create(FLOWS, flow(step("a")))
    cluster.merge(f"{FLOWS}/etl/status", {"status": {"startTime": "2026-01-01T00:00:00Z"}})
    [line] = lines(cluster.api, flow(step("b")))
    assert "the flow has started and this can't change any more" in line


def test_what_is_known_already_is_not_told_twice(cluster: Embedded) -> None:
    """A line for each mistake, whoever finds it."""
    template = job()
    template["spec"]["backofLimit"] = 0
    template["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
    assert len(lines(cluster.api, flow(step("a", template=template)))) == 2


def test_a_refusal_of_one_job_names_its_step() -> None:
    """Whoever refuses: a policy, a webhook, a quota."""
    denied = refusal(403, "Forbidden", 'admission webhook "images.example.com" denied the request: no busybox here')
    transport = ScriptedTransport(reply({}), reply({}, 201), denied)
    assert lines(transport, flow(step("a"), step("b"))) == (
        "stdin:22: jobflow/etl: spec.steps[1].template: Forbidden: "
        'admission webhook "images.example.com" denied the request: no busybox here; '
        "do what it says, or choose another namespace",
    )


def test_the_jobs_bear_no_marks_of_the_controller() -> None:
    """Admission lets nobody else write Jobs that do; everything else is as the controller makes it."""
    transport = ScriptedTransport(reply({}), reply({}, 201))
    assert lines(transport, flow(step("a"))) == ()
    made = json.loads(transport.requests[1].body)
    assert "ownerReferences" not in made["metadata"]
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"] == {}
    assert dict(transport.requests[1].query) == {"dryRun": "All", "fieldValidation": "Strict"}


def test_a_missing_right_is_told_once() -> None:
    """The other questions would get the same answer."""
    transport = ScriptedTransport(reply({}), refusal(403, "Forbidden", FORBIDDEN))
    [line] = lines(transport, flow(step("a"), step("b"), step("c")))
    assert FORBIDDEN in line
    assert "ask for the right to create it" in line


def test_a_cluster_without_jobflows_is_told() -> None:
    """With the command that installs the definition."""
    transport = ScriptedTransport(
        refusal(404, "NotFound", "the server could not find the requested resource"), reply({}, 201)
    )
    [line] = lines(transport, flow(step("a")))
    assert "zenflow crd | kubectl apply" in line


@pytest.mark.parametrize("answer", [refusal(503, "ServiceUnavailable"), refusal(500, "InternalError")])
def test_a_cluster_that_gives_no_answer_gives_no_verdict(answer: Response) -> None:
    """It is not called a mistake of the flow."""
    with pytest.raises(ServerFault):
        lines(ScriptedTransport(answer), flow(step("a")))


def test_a_flow_that_is_known_to_be_wrong_is_not_sent() -> None:
    """The server would only say again what has been said; its Jobs are asked for all the same."""
    transport = ScriptedTransport(reply({}, 201))
    [line] = lines(transport, flow(step("a"), stepz=[]))
    assert "stepz" in line
    assert [request.path for request in transport.requests] == ["/apis/batch/v1/namespaces/data/jobs"]
