"""The composition root: every part of the controller, put together for any transport and any clock.

`build` starts nothing. `runtime.manager.Manager` drives the parts with threads, the simulator with a seeded
order; both get the very same App.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from zenflow.api.job_schema import JobSchema, shipped
from zenflow.controller.applier import Applier, Parallel, one_by_one
from zenflow.controller.caches import BUSY, BY_OWNER, Caches
from zenflow.controller.census import Census
from zenflow.controller.evidence import with_first_deletion
from zenflow.controller.group_gate import GroupGate
from zenflow.controller.handover import Handover
from zenflow.controller.journal import Journal
from zenflow.controller.memory import Memory
from zenflow.controller.metrics import FlowMetrics
from zenflow.controller.objects import (
    JOBFLOWS,
    JOBS,
    OURS,
    PODS,
    FlowRecord,
    Job,
    Pod,
    decode_flow,
    decode_job,
    decode_pod,
)
from zenflow.controller.observer import Observer
from zenflow.controller.ownership import flow_uid
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.controller.provenance import Provenance, Starts
from zenflow.controller.reconciler import JobFlowReconciler
from zenflow.controller.resync import Resync
from zenflow.controller.rivals import Rivals
from zenflow.controller.settings import Settings
from zenflow.controller.status import StatusWriter
from zenflow.controller.wakes import Wakes
from zenflow.runtime.barrier import Barrier
from zenflow.runtime.cache import Cache, T
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock
from zenflow.runtime.events import EventRecorder
from zenflow.runtime.informer import Informer
from zenflow.runtime.informers import Informers
from zenflow.runtime.loop import Loop
from zenflow.runtime.metrics import Metrics
from zenflow.runtime.queue import WorkQueue
from zenflow.runtime.reflector import Reflector

NAME = "jobflow"


@dataclass(frozen=True, slots=True)
class World:
    """What the parts need of the world outside. `leads`: whether this replica is the one that acts."""

    client: Client
    clock: Clock
    random: Callable[[], float]  # in [0, 1)
    parallel: Parallel = one_by_one
    log: Any = None
    metrics: Metrics | None = None
    leads: Callable[[], bool] = lambda: True
    jobs: Callable[[], JobSchema] = shipped  # what templates are checked against


@dataclass(frozen=True, slots=True)
class App:
    """The steppable parts. Reflectors first: a loop must not run before every informer has synced."""

    queue: WorkQueue
    loop: Loop
    reflectors: tuple[Reflector[Any], ...]  # one for each type and namespace
    jobs: Cache[Job]
    journal: Journal
    resync: Resync

    @property
    def has_synced(self) -> bool:
        """Whether every cache holds a complete list."""
        return all(reflector.informer.has_synced for reflector in self.reflectors)


def build(settings: Settings, world: World) -> App:
    """Put the controller together."""
    metrics = world.metrics or Metrics(CollectorRegistry())
    log = world.log or structlog.get_logger()
    flows, jobs, pods = informers(*settings.namespaces)
    caches = Caches(flows.cache, jobs.cache, pods.cache)
    # So many workers report at once; the others are there to create.
    queue = WorkQueue(world.clock, metrics=metrics.queue(NAME), leisurely=max(1, settings.workers // 4))
    memory, parsed, barrier = Memory(), ParsedFlows(world.jobs), Barrier()
    provenance = Provenance(world.clock)
    gate = GroupGate(caches, queue.add, Starts(caches, memory, parsed, provenance).is_evident)
    counts = FlowMetrics(metrics.registry)
    handover = Handover(flows.cache, world.clock, counts.start_latency.observe)
    flows.add_handler(handover.flow_changed)
    jobs.add_handler(provenance.job_changed)  # before every handler that asks it
    jobs.add_handler(handover.job_changed)  # before the handler that wakes the flow
    journal = Journal(counts, handover, log)
    flows.add_handler(gate.flow_changed)  # before the handler that wakes the flow
    jobs.add_handler(gate.job_changed)
    pods.add_handler(gate.pod_changed)
    wakes = Wakes(
        caches,
        memory,
        parsed,
        provenance,
        queue.add,
        is_flow_echo=partial(_is_echo, barrier, flows),
        is_job_echo=partial(_is_echo, barrier, jobs),
    )
    flows.add_handler(wakes.flow_changed)
    jobs.add_handler(wakes.job_changed)
    pods.add_handler(wakes.pod_changed)
    events = EventRecorder(world.client, world.clock, component="zen-flow-controller")
    reconciler = JobFlowReconciler(
        Observer(caches, parsed, memory, Rivals(caches, parsed, gate), provenance, world.client, clock=world.clock),
        Applier(world.client, jobs, barrier, memory, journal, provenance, clock=world.clock, parallel=world.parallel),
        StatusWriter(world.client, flows, barrier, memory, events, journal, clock=world.clock),
        gate,
    )
    reflectors = tuple(
        _reflector(informer, settings, world, metrics, log) for each in (flows, jobs, pods) for informer in each
    )
    metrics.registry.register(Census(flows.cache, memory, reflectors, world.leads))
    loop = Loop(NAME, queue, reconciler, barrier, clock=world.clock, metrics=metrics, log=log, subject="flow")
    return App(queue, loop, reflectors, jobs.cache, journal, Resync(flows.cache, queue, world.random))


def informers(*namespaces: str) -> tuple[Informers[FlowRecord], Informers[Job], Informers[Pod]]:
    """The three caches with their indexes, fed from the namespaces given; from all of them where none is."""
    places = namespaces or ("",)
    flows = Cache[FlowRecord]({})
    jobs = Cache[Job](
        {BY_OWNER: lambda job: (flow_uid(job.metadata),), BUSY: lambda job: () if job.is_finished else job.groups}
    )
    pods = Cache[Pod](
        {BY_OWNER: lambda pod: (pod.metadata.controller_uid,), BUSY: lambda pod: () if pod.is_over else pod.groups}
    )
    return (
        Informers([Informer(JOBFLOWS, decode_flow, namespace=each, cache=flows) for each in places]),
        Informers([Informer(JOBS, decode_job, namespace=each, label_selector=OURS, cache=jobs) for each in places]),
        Informers([_pods(each, pods) for each in places]),
    )


def _pods(namespace: str, cache: Cache[Pod]) -> Informer[Pod]:
    return Informer(PODS, decode_pod, namespace=namespace, label_selector=OURS, cache=cache, carry=with_first_deletion)


def _is_echo(barrier: Barrier, informers: Informers[T], resource_version: str) -> bool:
    """Versions count the writes of all namespaces: each belongs to one write, and so to one informer at most."""
    return any(barrier.is_echo(informer, resource_version) for informer in informers)


def _reflector(informer: Informer[T], settings: Settings, world: World, metrics: Metrics, log: Any) -> Reflector[T]:
    return Reflector(
        world.client,
        informer,
        clock=world.clock,
        random=world.random,
        page_limit=settings.page_size,
        silence=settings.watch_silence,
        metrics=metrics.reflector(informer.resource.plural),
        log=log,
    )
