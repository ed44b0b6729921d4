"""Objects of Kubernetes' own kinds, sound and not by turns, are judged alike by both servers."""

import json
import uuid

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]

from tests.conformance.bodies import SAMPLES, Bodies
from tests.conformance.comparison import differences, shape
from tests.conformance.known import unexpected
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.clock import SystemClock
from zenflow.runtime.transport import KubeTransport, Request, Transport

SEEDS = range(10)
LENGTH = 300  # objects for each seed: 3000 in all
VALIDATIONS = ("Strict", "Warn", "Ignore", "")
Pair = tuple[Transport, Transport]


@pytest.fixture(scope="module")
def pair(control_plane_cluster: AClusterManager) -> Pair:
    real = KubeTransport.from_config(str(control_plane_cluster.kubeconfig))
    return real, ApiServer(clock=SystemClock(), uid=lambda: str(uuid.uuid4()))


def creation(type_: ResourceType, body: bytes, validation: str) -> Request:
    root = f"/apis/{type_.api_version}" if type_.group else "/api/v1"
    query = (("dryRun", "All"), ("fieldValidation", validation))
    return Request("POST", f"{root}/namespaces/default/{type_.plural}", query, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_objects_are_judged_alike(seed: int, pair: Pair) -> None:
    """Accepted or refused by both, with the same object or the same complaints."""
    bodies, types = Bodies(seed), list(SAMPLES)
    found: list[str] = []
    accepted = 0
    for number in range(LENGTH):
        type_ = types[number % len(types)]
        body = json.dumps(bodies.body(type_, f"n{number}")).encode()
        request = creation(type_, body, VALIDATIONS[number % len(VALIDATIONS)])
        answers = [server.send(request) for server in pair]
        accepted += answers[0].status < 300
        shapes = [shape(request, answer) for answer in answers]
        found += [f"{type_.kind} {body.decode()}\n    {line}" for line in unexpected(differences(*shapes))]
    assert not found, "\n".join(found)
    assert LENGTH / 4 < accepted < LENGTH * 3 / 4, "neither all sound nor all unsound objects say much"
