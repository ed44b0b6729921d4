"""The same generated requests to the embedded API server and to a real kube-apiserver are answered alike."""

import itertools
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]

from tests.conformance.comparison import differences, event, normalize, shape
from tests.conformance.known import unexpected
from tests.conformance.requests import KINDS, Answers, Generator, Kind
from tests.support.waiting import eventually
from zenflow.api import crd
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.clock import SystemClock
from zenflow.runtime.errors import ApiError, StreamEnded
from zenflow.runtime.transport import KubeTransport, Request, Response, Stream, Transport

SEEDS = range(12)
LENGTH = 120  # requests for each seed: 1440 in all


@dataclass(slots=True)
class Server:
    """One of the two, with what it has said."""

    transport: Transport
    answers: Answers = field(default_factory=Answers)

    def send(self, request: Request) -> Response:
        return self.transport.send(request)

    def create_namespace(self, name: str) -> None:
        body = json.dumps({"metadata": {"name": name}}).encode()
        assert self.send(Request("POST", "/api/v1/namespaces", body=body)).status == 201
        # The controller manager puts this one into every namespace, sooner or later: have it in both from the start.
        path = f"/api/v1/namespaces/{name}/configmaps"
        root = json.dumps({"metadata": {"name": "kube-root-ca.crt"}}).encode()
        assert self.send(Request("POST", path, body=root)).status in (201, 409)

    def create(self, kind: Kind, namespace: str, name: str) -> None:
        body = json.dumps(kind.make(name)).encode()
        assert self.send(Request("POST", kind.path(namespace), body=body)).status == 201

    def install_crd(self) -> None:
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        status = self.send(Request("POST", path, body=json.dumps(crd.build()).encode())).status
        assert status in (201, 409)
        served = Request("GET", "/apis/workflow.zen.io/v1alpha1/jobflows")
        eventually(lambda: self.send(served).status == 200, within=30, what="JobFlows are served")


@pytest.fixture(scope="module")
def pair(control_plane_cluster: AClusterManager) -> Callable[[], tuple[Server, Server]]:
    """The real server and the embedded one, both with the CRD; each test gets them with nothing said yet."""
    real = KubeTransport.from_config(str(control_plane_cluster.kubeconfig))
    embedded = ApiServer(clock=SystemClock(), uid=lambda: str(uuid.uuid4()))
    for transport in (real, embedded):
        Server(transport).install_crd()
    return lambda: (Server(real), Server(embedded))


def open_watches(server: Server, namespace: str) -> list[Stream]:
    streams = []
    for kind in KINDS:
        listed = json.loads(server.send(Request("GET", kind.path(namespace))).body)
        query = (
            ("watch", "true"),
            ("resourceVersion", listed["metadata"]["resourceVersion"]),
            ("timeoutSeconds", "60"),
        )
        streams.append(server.transport.stream(Request("GET", kind.path(namespace), query), silence=60.0))
    return streams


def read_until_marker(stream: Stream) -> list[object]:
    """The events before the one about the object `marker`."""
    events: list[object] = []
    while True:
        try:
            lines = stream.read()
        except StreamEnded:
            return [*events, "the watch ended before its marker"]
        for line in lines:
            if json.loads(line)["object"]["metadata"].get("name") == "marker":
                stream.close()
                return events
            told = event(line)
            if told is not None:
                events.append(told)


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_requests_are_answered_alike(seed: int, pair: Callable[[], tuple[Server, Server]]) -> None:
    """Status, body or Status message of each answer, and at the end every watch event, agree."""
    real, embedded = pair()
    namespace = f"conformance-{seed}-{uuid.uuid4().hex[:6]}"
    for server in (real, embedded):
        server.create_namespace(namespace)
    watches = [open_watches(server, namespace) for server in (real, embedded)]
    found: list[str] = []
    statuses: list[int] = []
    for number, step in enumerate(itertools.islice(Generator(seed, namespace).steps(), LENGTH)):
        shapes = []
        for server in (real, embedded):
            request = step(server.answers)
            response = server.send(request)
            server.answers.learn(request, response)
            shapes.append(shape(request, response))
        statuses.append(response.status)
        asked = f"{number} {request.method} {request.path} {dict(request.query)} {request.body[:300]!r}"
        found += [f"{asked}\n    {line}" for line in unexpected(differences(*shapes))]
    for server, kind in itertools.product((real, embedded), KINDS):
        server.create(kind, namespace, "marker")
    for kind, one, other in zip(KINDS, *watches, strict=True):
        lines = differences(read_until_marker(one), read_until_marker(other))
        found += [f"watch {kind.plural}\n    {line}" for line in unexpected(lines)]
    assert not found, "\n".join(found)
    accepted = sum(status < 300 for status in statuses)
    assert len(statuses) == LENGTH
    assert LENGTH / 4 < accepted < LENGTH * 3 / 4, "neither all right nor all wrong requests say much"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_pages_show_one_version(kind: Kind, pair: Callable[[], tuple[Server, Server]]) -> None:
    """A list in pages goes on with what there was when it began, whatever was created and deleted meanwhile."""
    namespace = f"paging-{uuid.uuid4().hex[:6]}"
    answers = []
    for server in pair():
        server.create_namespace(namespace)
        for name in ("p1", "p2", "p3", "p4", "p5"):
            server.create(kind, namespace, name)
        query: dict[str, str] = {"limit": "2", "fieldSelector": "metadata.name!=kube-root-ca.crt"}
        pages = []
        while True:
            page = json.loads(server.send(Request("GET", kind.path(namespace), tuple(query.items()))).body)
            pages.append(page)
            if len(pages) == 1:
                server.send(Request("DELETE", kind.path(namespace, "p4")))
                server.create(kind, namespace, "p45")
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
        assert [item["metadata"]["name"] for page in pages for item in page["items"]] == ["p1", "p2", "p3", "p4", "p5"]
        answers.append([normalize(page) for page in pages])
    assert unexpected(differences(*answers)) == []


def first_word(server: Server, request: Request) -> object:
    """How a watch begins: refused at once, or the first event. Versions in the message are the server's own."""
    try:
        lines = server.transport.stream(request, silence=10.0).read()
    except ApiError as refused:
        return (refused.status, refused.reason, re.sub(r"\d+", "N", refused.message))
    told = json.loads(lines[0])["object"]
    return (told["code"], told["reason"], re.sub(r"\d+", "N", told["message"]))


def test_a_watch_from_a_forgotten_version_is_expired(control_plane_cluster: AClusterManager) -> None:
    """Both servers answer 410 and reason Expired, so that a client knows to list again."""
    real = Server(KubeTransport.from_config(str(control_plane_cluster.kubeconfig)))
    embedded = Server(ApiServer(clock=SystemClock(), uid=lambda: str(uuid.uuid4()), history=2))
    namespace, kind = f"expired-{uuid.uuid4().hex[:6]}", KINDS[-1]
    words = []
    for server in (real, embedded):
        server.create_namespace(namespace)
        server.install_crd()  # what the real server forgot of a resource is at least what was before its CRD
        for name in ("a", "b", "c", "d"):
            server.create(kind, namespace, name)
        query = (("watch", "true"), ("resourceVersion", "1"), ("timeoutSeconds", "5"))
        words.append(first_word(server, Request("GET", kind.path(namespace), query)))
    assert words == [(410, "Expired", "too old resource version: N (N)")] * 2
