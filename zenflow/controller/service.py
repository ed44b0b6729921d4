"""The controller as a process on a real cluster: App, Lease, probes, metrics and webhook, run by the Manager."""

import os
import random
import socket
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from tenacity import Retrying, stop_after_attempt, wait_exponential_jitter

from zenflow.api import webhooks
from zenflow.controller import otlp, webhook
from zenflow.controller.app import App, World, build
from zenflow.controller.job_schemas import JobSchemas
from zenflow.controller.settings import Settings
from zenflow.controller.traces import Traces
from zenflow.runtime import serving
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock, SystemClock
from zenflow.runtime.leader import FencedTransport, LeaderElector, LeaseTerms
from zenflow.runtime.manager import Manager, Parts, Pool
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.transport import KubeTransport, Transport

if TYPE_CHECKING:
    from zenflow.runtime.authority import Keeper

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def run(settings: Settings, connect: Callable[[], KubeTransport]) -> int:
    """Work until SIGTERM or SIGINT; the exit status. `connect` is called for each connection of its own.

    Raises `errors.Unconfigured` where there is no cluster to connect to, OSError where a port is taken.
    """
    clock, log = SystemClock(), structlog.get_logger()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    connection = connect()
    transport = metrics.transport(connection, connection.host, clock)
    elector = _elector(settings, connect, clock)
    if elector is not None:
        metrics.lease(elector.terms.name, lambda: elector.is_leader)
    ProcessCollector(registry=registry)
    client = Client(transport, retrying=_retrying)  # not fenced: every replica answers the API server
    schemas = JobSchemas(client, log=log)
    world = _world(settings, Client(_fenced(transport, elector), retrying=_retrying), clock, metrics, log)
    leads = lambda: elector is None or elector.is_leader  # noqa: E731
    app = build(settings, replace(world, leads=leads, jobs=schemas.current))
    traces = _traces(settings, app, registry, log)
    problems: list[Callable[[], tuple[str, ...]]] = []
    keeper = _keeper(settings, client, clock, log)
    servers = _probed(settings, registry, lambda: sum((each() for each in problems), ()), log)
    servers += _reviewing(settings, client, schemas, keeper, log)
    chores = {
        "job-schema": schemas.step,
        "certificate": keeper.step if keeper else None,
        "resync": app.resync.step,
        "traces": traces.step if traces else None,
    }
    parts = Parts(
        app.reflectors,
        [(app.loop, settings.workers)],
        elector,
        servers,
        {name: step for name, step in chores.items() if step},
    )
    manager = Manager(parts, clock=clock, log=log)
    problems += [lambda: manager.problems, *([lambda: keeper.problems] if keeper else [])]
    manager.stop_on_signals()
    log.info("started", server=connection.host, namespaces=settings.namespaces or "all")
    status = manager.run()
    if traces is not None:
        traces.flush()
    return status


def _traces(settings: Settings, app: App, registry: CollectorRegistry, log: Any) -> Traces | None:
    """On request: OpenTelemetry costs memory that most controllers can do without."""
    if not otlp.is_wanted(settings.otlp_endpoint):
        return None
    traces = Traces(app.jobs, otlp.sender(settings.otlp_endpoint), registry, log=log)
    app.journal.listen(traces)
    return traces


def _world(settings: Settings, client: Client, clock: Clock, metrics: Metrics, log: Any) -> World:
    return World(
        client=client,
        clock=clock,
        random=random.random,
        parallel=Pool(settings.parallel_writes),
        log=log,
        metrics=metrics,
    )


def _retrying() -> Retrying:
    """Short: what lasts longer is the queue's business, which lets other flows go first."""
    return Retrying(stop=stop_after_attempt(3), wait=wait_exponential_jitter(initial=0.1, max=2.0))


def _fenced(transport: Transport, elector: LeaderElector | None) -> Transport:
    return FencedTransport(transport, elector) if elector else transport


def _elector(settings: Settings, connect: Callable[[], KubeTransport], clock: Clock) -> LeaderElector | None:
    """On a connection of its own: no other work can delay a renewal."""
    election = settings.leader_election
    if not election.enabled:
        return None
    terms = LeaseTerms(
        namespace=election.namespace or own_namespace(),
        name=election.name,
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        lease_duration=election.lease_duration,
        renew_deadline=election.renew_deadline,
        retry_period=election.retry_period,
    )
    client = Client(connect(), timeout=election.renew_deadline / 2)
    return LeaderElector(client, terms, clock=clock, random=random.random)


def own_namespace() -> str:
    """The namespace of the Pod this runs in; `default` outside of one."""
    given = os.environ.get("POD_NAMESPACE")
    if given:
        return given
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text().strip() or "default"
    except OSError:
        return "default"


def _keeper(settings: Settings, client: Client, clock: Clock, log: Any) -> "Keeper | None":
    """Of the webhook's certificate, where none is given as files: 10 MB of code that others do without."""
    if not settings.webhook_port or settings.certificate:
        return None
    from zenflow.runtime import authority

    # No two living processes share both, and the next process of a Pod takes the place of the one before.
    owner = f"{socket.gethostname()}:{settings.webhook_port}"
    terms = authority.Terms(owner, ((authority.MUTATING, webhooks.NAME), (authority.VALIDATING, webhooks.NAME)))
    return authority.Keeper(client, terms, clock=clock, random=random.random, log=log)


def _probed(
    settings: Settings, registry: CollectorRegistry, problems: Callable[[], tuple[str, ...]], log: Any
) -> list[serving.HttpServer]:
    if not settings.metrics_port:
        return []
    routes = {
        ("GET", "/metrics"): serving.metrics(registry),
        ("GET", "/healthz"): serving.health(lambda: ()),
        ("GET", "/readyz"): serving.health(problems),
    }
    return [serving.HttpServer((settings.bind_address, settings.metrics_port), routes, log=log)]


def _reviewing(
    settings: Settings, client: Client, schemas: JobSchemas, keeper: "Keeper | None", log: Any
) -> list[serving.HttpServer]:
    if not settings.webhook_port:
        return []
    certificate = keeper or serving.Certificate(Path(settings.certificate), Path(settings.private_key))
    reviews = {
        ("POST", webhooks.PATHS["Mutating"]): serving.webhook(webhook.reviewer(client, schemas, mutating=True)),
        ("POST", webhooks.PATHS["Validating"]): serving.webhook(webhook.reviewer(client, schemas, mutating=False)),
    }
    address = (settings.bind_address, settings.webhook_port)
    return [serving.HttpServer(address, reviews, certificate=certificate, log=log)]
