"""AdmissionReviews as bytes, from whoever can reach the port."""

import json
from typing import Any

import pytest
import structlog

from tests.support.jobflows import flow, step
from tests.support.transport import ScriptedTransport
from zenflow.controller.job_schemas import JobSchemas
from zenflow.controller.webhook import reviewer
from zenflow.runtime.client import Client

_client = Client(ScriptedTransport())
review = reviewer(_client, JobSchemas(_client, log=structlog.get_logger()), mutating=False)


def asked(obj: dict[str, Any]) -> str:
    return json.dumps({"request": {"uid": "u", "operation": "CREATE", "object": obj, "userInfo": {"username": "a"}}})


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"request":{"uid":"u","object":7}}'])
def test_what_is_no_review_is_a_value_error(body: bytes) -> None:
    """Which the route answers with 400, and nobody has to read about."""
    with pytest.raises(ValueError, match="AdmissionReview"):
        review(body)


@pytest.mark.parametrize("levels", [101, 1_200, 9_000])
def test_a_flow_that_is_nested_too_deep_is_refused_for_its_depth(levels: int) -> None:
    """And not by an answer that says nothing, nor by none."""
    body = asked(flow(step("a", template={"x": "deep"}))).replace('"deep"', "[" * levels + "]" * levels)
    response = json.loads(review(body.encode()))["response"]
    assert response["allowed"] is False
    assert "spec.steps[0]: Invalid value: is nested more than 100 levels deep" in response["status"]["message"]
