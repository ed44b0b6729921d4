"""A webhook's certificate, made, published and renewed by each replica, on a virtual clock."""

import base64
import itertools
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from cryptography import x509

from tests.support.clock import VirtualClock
from tests.support.trust import verify
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime import authority, certificates
from zenflow.runtime.authority import CHECK, Keeper, Terms
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import Unreachable
from zenflow.runtime.transport import Request, Response, Stream, Transport

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
NAME = "flows.example.io"
HOST = "webhook.system.svc"
BRIEF = timedelta(hours=1)  # the lifetime of certificates here
KINDS = (authority.MUTATING, authority.VALIDATING)
QUIET = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(50))


class Between:
    """A transport that lets something happen before a write, or loses it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.before_write: Callable[[], None] | None = None
        self.is_down = False

    def send(self, request: Request) -> Response:
        if self.is_down:
            raise Unreachable("down")
        if request.method == "PUT" and self.before_write:
            happen, self.before_write = self.before_write, None
            happen()
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        return self._transport.stream(request, silence=silence)


class Cluster:
    """An API server that stores webhook configurations, and replicas that step on its clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        numbers = itertools.count()
        self.api = ApiServer(clock=self.clock, uid=lambda: f"u-{next(numbers)}")
        self.admin = Client(self.api)
        for kind in KINDS:
            self.admin.create(CRDS, json.dumps(definition(kind)).encode())

    def install(self, *bundle: bytes, **client: Any) -> None:
        """Both configurations, as `kubectl apply` would make them."""
        service = {"service": {"name": "webhook", "namespace": "system"}}
        config: dict[str, Any] = dict(client or service)
        if bundle:
            config["caBundle"] = base64.b64encode(b"".join(bundle)).decode()
        for kind in KINDS:
            webhooks = [{"name": NAME, "clientConfig": config}, {"name": f"also.{NAME}", "clientConfig": config}]
            body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": NAME}, "webhooks": webhooks}
            self.admin.create(kind, json.dumps(body).encode())

    def remove(self) -> None:
        for kind in KINDS:
            self.admin.delete(kind, NAME)

    def bundles(self) -> list[bytes]:
        """Of each webhook of both configurations."""
        found = [json.loads(self.admin.get(kind, NAME)) for kind in KINDS]
        clients = [webhook["clientConfig"] for configuration in found for webhook in configuration["webhooks"]]
        return [base64.b64decode(client.get("caBundle", "")) for client in clients]

    def authorities(self) -> int:
        """How many are known; every webhook knows the same."""
        (bundle,) = set(self.bundles())
        return len(x509.load_pem_x509_certificates(bundle))

    def replica(self, owner: str) -> "Replica":
        return Replica(owner, self)


class Replica:
    """A Keeper and the certificate that it shows."""

    def __init__(self, owner: str, cluster: Cluster) -> None:
        self.transport = Between(cluster.api)
        terms = Terms(owner, tuple((kind, NAME) for kind in KINDS), BRIEF)
        self.keeper = Keeper(Client(self.transport), terms, clock=cluster.clock, random=lambda: 0.0, log=QUIET)
        self._cluster = cluster

    def step(self) -> float:
        return self.keeper.step()

    def certificate(self) -> bytes:
        """What a handshake in memory shows."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        asking = trusting.wrap_bio(to_client, to_server)
        answering = self.keeper.context().wrap_bio(to_server, to_client, server_side=True)
        for side in (asking, answering, asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        return ssl.DER_cert_to_PEM_cert(asking.getpeercert(binary_form=True) or b"").encode()

    def is_trusted(self, bundles: list[bytes], host: str = HOST) -> None:
        for bundle in bundles:
            verify(self.certificate(), bundle, host, self._cluster.clock.now())


def definition(kind: Resource) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": kind.plural, "kind": kind.kind}
    spec = {"group": kind.group, "scope": "Cluster", "names": names, "versions": [version]}
    return {"metadata": {"name": f"{kind.plural}.{kind.group}"}, "spec": spec}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def rounds(cluster: Cluster, *replicas: Replica, until: timedelta) -> Iterator[None]:
    """Each replica steps whenever it said it would."""
    end = cluster.clock.monotonic() + until.total_seconds()
    due = dict.fromkeys(replicas, cluster.clock.monotonic())
    while cluster.clock.monotonic() < end:
        for replica, moment in due.items():
            if moment <= cluster.clock.monotonic():
                due[replica] = moment + replica.step()
        yield
        cluster.clock.advance(min(due.values()) - cluster.clock.monotonic())


def test_one_step_makes_a_certificate_known(cluster: Cluster) -> None:
    """To every webhook of both configurations, under the Service's name."""
    cluster.install()
    replica = cluster.replica("pod-1")
    assert replica.step() == CHECK
    replica.is_trusted(cluster.bundles())


@pytest.mark.parametrize(
    ("url", "host"), [("https://127.0.0.1:9443/validate", "127.0.0.1"), ("https://w.org/x", "w.org")]
)
def test_a_webhook_outside_of_the_cluster_is_known_by_its_host(cluster: Cluster, url: str, host: str) -> None:
    """The configuration says by which name the API server calls."""
    cluster.install(url=url)
    replica = cluster.replica("laptop")
    replica.step()
    replica.is_trusted(cluster.bundles(), host)


def test_a_new_name_gets_a_new_certificate(cluster: Cluster) -> None:
    """Somebody has moved the webhook."""
    cluster.install()
    replica = cluster.replica("pod-1")
    replica.step()
    cluster.remove()
    cluster.install(url="https://w.org/x")
    replica.step()
    replica.is_trusted(cluster.bundles(), "w.org")


@pytest.mark.proves("approval.webhook-renewal")
def test_at_every_moment_an_api_server_that_lags_behind_trusts_what_is_shown(cluster: Cluster) -> None:
    """Through nine renewals, and though it learns of a bundle a minute late."""
    cluster.install()
    replica = cluster.replica("pod-1")
    late: set[bytes] = set()
    shown: dict[bytes, None] = {}
    for _ in rounds(cluster, replica, until=6 * BRIEF):
        now, before = set(cluster.bundles()), len(shown)
        shown[replica.certificate()] = None
        if now != late or len(shown) > before or cluster.clock.monotonic() % 600 == 0:
            for bundle in now | late:
                verify(list(shown)[-1], bundle, HOST, cluster.clock.now())
        late = now
    assert len(shown) == 9


def test_the_bundle_holds_who_lives_and_forgets_who_is_gone(cluster: Cluster) -> None:
    """Two replicas, of which one goes: its authority goes when it has expired. Never more than two of each."""
    cluster.install()
    one, other = cluster.replica("pod-1"), cluster.replica("pod-2")
    for _ in rounds(cluster, one, other, until=2 * BRIEF):
        assert 1 <= cluster.authorities() <= 4
    one.is_trusted(cluster.bundles())
    other.is_trusted(cluster.bundles())
    for _ in rounds(cluster, one, until=BRIEF + timedelta(minutes=5)):
        pass
    one.is_trusted(cluster.bundles())
    assert cluster.authorities() <= 2


def test_a_process_that_starts_again_takes_the_place_of_the_one_before(cluster: Cluster) -> None:
    """A container in a crash loop leaves no trail."""
    cluster.install()
    for _ in range(20):
        cluster.replica("pod-1").step()
    assert cluster.authorities() == 1


def test_replicas_that_write_at_once_lose_nothing(cluster: Cluster) -> None:
    """The slower one is told of the conflict and comes again soon."""
    cluster.install()
    one, other = cluster.replica("pod-1"), cluster.replica("pod-2")
    one.transport.before_write = lambda: (other.step(), None)[1]
    assert one.step() < 1
    one.step()
    one.is_trusted(cluster.bundles())
    other.is_trusted(cluster.bundles())


def test_what_others_put_into_the_bundle_stays(cluster: Cluster) -> None:
    """Until it expires."""
    theirs = certificates.issue("cert-manager", (HOST,), cluster.clock.now(), timedelta(minutes=10)).authority
    cluster.install(theirs)
    replica = cluster.replica("pod-1")
    replica.step()
    assert all(bundle.startswith(theirs) for bundle in cluster.bundles())
    cluster.clock.advance(601)
    replica.step()
    assert cluster.authorities() == 1


def test_it_is_not_ready_before_it_is_known(cluster: Cluster) -> None:
    """A Service sends nobody to a replica that the API server can't trust."""
    replica = cluster.replica("pod-1")
    with pytest.raises(ConnectionError):
        replica.keeper.context()
    assert replica.step() < 1
    assert "not found" in replica.keeper.problems[0]
    cluster.install()
    replica.step()
    assert replica.keeper.problems == ("webhook: its certificate is not known yet",)
    cluster.clock.advance(2)
    assert replica.keeper.problems == ()


def test_a_configuration_made_anew_learns_it_again(cluster: Cluster) -> None:
    """At the next look."""
    cluster.install()
    replica = cluster.replica("pod-1")
    replica.step()
    cluster.remove()
    cluster.install()
    replica.step()
    replica.is_trusted(cluster.bundles())


def test_nothing_is_written_while_nothing_changes(cluster: Cluster) -> None:
    """The configurations keep their version until it is time to renew."""
    cluster.install()
    replica = cluster.replica("pod-1")
    replica.step()
    before = [cluster.admin.get(kind, NAME) for kind in KINDS]
    for _ in rounds(cluster, replica, until=timedelta(minutes=39)):
        pass
    assert [cluster.admin.get(kind, NAME) for kind in KINDS] == before


def test_an_api_server_that_is_away_when_it_is_time_to_renew_is_asked_again(cluster: Cluster) -> None:
    """The old certificate is shown meanwhile."""
    cluster.install()
    replica = cluster.replica("pod-1")
    replica.step()
    old = replica.certificate()
    cluster.clock.advance(BRIEF.total_seconds() * 0.7)
    replica.transport.is_down = True
    assert replica.step() < CHECK
    assert replica.certificate() == old
    replica.transport.is_down = False
    for _ in rounds(cluster, replica, until=timedelta(minutes=3)):
        replica.is_trusted(cluster.bundles())
    assert replica.certificate() != old
