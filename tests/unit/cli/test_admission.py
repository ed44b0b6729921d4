"""The embedded API server with our CRD and our admission: the same refusals as a real one with policies and webhook."""

import itertools
import json
from typing import Any

import pytest

from tests.support.bad_flows import BAD_FLOWS, BadFlow
from tests.support.clock import VirtualClock
from tests.support.jobflows import flow, manual
from zenflow.api import crd
from zenflow.cli.admission import admit_jobflow
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.transport import MERGE_PATCH, Request, Transport

FLOWS = "/apis/workflow.zen.io/v1alpha1/namespaces/default/jobflows"


@pytest.fixture
def alice() -> Transport:
    """A server that has the CRD, as this user."""
    numbers = itertools.count()
    server = ApiServer(clock=VirtualClock(), uid=lambda: f"u-{next(numbers)}", admission=(admit_jobflow,))
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert server.send(Request("POST", path, body=json.dumps(crd.build()).encode())).status == 201
    return server.as_user("alice")


def send(user: Transport, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    content_type = MERGE_PATCH if method == "PATCH" else "application/json"
    answer = user.send(Request(method, path, body=json.dumps(body).encode(), content_type=content_type))
    decoded: dict[str, Any] = json.loads(answer.body)
    return answer.status, decoded


@pytest.mark.parametrize("bad", BAD_FLOWS, ids=lambda bad: bad.name)
def test_a_bad_flow_is_refused_with_our_sentence_and_nothing_is_stored(alice: Transport, bad: BadFlow) -> None:
    """Before the schema has its say, so that a person reads one sentence and not two."""
    obj = {**bad.obj, "metadata": {**bad.obj["metadata"], "namespace": "default"}}
    status, answer = send(alice, "POST", FLOWS, obj)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert bad.sentence.replace('"data"', '"default"') in answer["message"]
    assert json.loads(alice.send(Request("GET", FLOWS)).body)["items"] == []


def test_the_guides_approval_command_works(alice: Transport) -> None:
    """`kubectl annotate jobflow etl workflow.zen.io/approved/ok=true` is a merge patch."""
    assert send(alice, "POST", FLOWS, flow(manual("ok"), metadata={"namespace": "default"}))[0] == 201
    annotations = {"workflow.zen.io/approved/ok": "true"}
    status, patched = send(alice, "PATCH", f"{FLOWS}/etl", {"metadata": {"annotations": annotations}})
    assert status == 200
    assert patched["metadata"]["annotations"] == {
        "approved.workflow.zen.io/ok": "true",
        "approved-by.workflow.zen.io/ok": "alice",
    }


def test_a_typo_in_an_approval_is_refused(alice: Transport) -> None:
    """Else both sides would wait for ever."""
    send(alice, "POST", FLOWS, flow(manual("ok"), metadata={"namespace": "default"}))
    annotations = {"workflow.zen.io/approved/okay": "true"}
    status, answer = send(alice, "PATCH", f"{FLOWS}/etl", {"metadata": {"annotations": annotations}})
    assert status == 422
    assert "the flow has no Manual step of this name" in answer["message"]
