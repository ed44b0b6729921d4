"""What a Secret holds stays in it: a step uses it, and nothing that zenflow writes repeats it."""

import json
import urllib.request

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.target import Target

NAME, VALUE = "login", "correct-horse-battery-staple"
PASSWORD = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}}}
SCRIPT = f'test "$PASSWORD" = {VALUE[:7]}"{VALUE[7:]}" && echo "login refused" >&2; exit 3'


@pytest.mark.containers
@pytest.mark.proves("security.no-secret-values")
def test_no_secret_value_is_in_status_events_logs_or_metrics(target: Target) -> None:
    """The step has read it, for it says so; its failure is told in full."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": "default"}}
    target.kubectl.apply({**secret, "stringData": {"password": VALUE}})
    failing = step("failing", job={"backoffLimit": 0})
    container = failing["template"]["spec"]["template"]["spec"]["containers"][0]
    container.update(env=[PASSWORD], command=["sh", "-c", SCRIPT])
    target.submit(flow("uses-a-secret", failing))
    outcome = target.finish("uses-a-secret")
    assert "login refused" in outcome.step("failing")["message"]
    events = target.kubectl.get("events", "--field-selector=involvedObject.name=uses-a-secret")
    assert events["items"]
    with urllib.request.urlopen(f"http://127.0.0.1:{target.metrics_port}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    written = (json.dumps(outcome.flow["status"]), json.dumps(events), target.controller.output(), metrics)
    assert not [text for text in written if VALUE in text]
