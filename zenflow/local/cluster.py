"""A whole cluster in one process: API server, Job controller, garbage collector, kubelet and what runs the containers.

Made of steps that never block. `start` drives them in a thread; who has a loop of his own (the command line, a
simulator) calls `step`, `next_due` and `wait` instead.
"""

import os
import random
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse, Operation, Phase
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.server import ApiServer
from zenflow.local.apiserver.storage.store import MAX_OBJECT
from zenflow.local.containers.engine import EngineLauncher
from zenflow.local.containers.host import HostExecutor
from zenflow.local.containers.launcher import Launcher
from zenflow.local.containers.plain import PlainLauncher
from zenflow.local.controllers.garbage import Collector
from zenflow.local.controllers.jobs import JobController
from zenflow.local.loop.objects import PODS
from zenflow.local.loop.outgoing import NoEvents, Recorder
from zenflow.local.node.executor import Executor
from zenflow.local.node.kubelet import NODE_NAME, Kubelet
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock, SystemClock
from zenflow.runtime.events import EventRecorder
from zenflow.runtime.transport import Transport

PROCESS = "process"
ENGINES = ("podman", "docker")

# The users that the parts make their requests as: an audit tells them apart.
JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
KUBELET = "system:node:local"

# Processes at once for each core: most wait for something most of the time.
SLOTS_PER_CORE = 4
# After a step that failed as no step should, the driver rests this long, in seconds.
REST = 1.0

log = structlog.get_logger()

Recording = Callable[[Client, str], Recorder]
"""Makes the recorder of one component from its client and its name."""


def assign_node(request: AdmissionRequest) -> AdmissionResponse:
    """The scheduler: set `spec.nodeName` of a new Pod that has none. There is one node.

    An admission plug-in rather than a controller, which saves a request for each Pod. When the Pod starts there is
    decided by the kubelet, which has a number of slots.
    """
    is_pod = (request.resource.group, request.resource.plural) == (PODS.group, PODS.plural)
    is_new = request.phase is Phase.MUTATING and request.operation is Operation.CREATE and not request.subresource
    if not is_pod or not is_new or request.object is None or request.object.get("spec", {}).get("nodeName"):
        return AdmissionResponse()
    spec = {**request.object.get("spec", {}), "nodeName": NODE_NAME}
    return AdmissionResponse(object={**request.object, "spec": spec})


class LocalCluster:
    """An API server and the parts round it; `step` lets each do one thing.

    `executor` makes what runs the containers, at most `slots` Pods at once (None: no limit). `random` gives numbers in
    [0, 1): names and uids come from it. `admission` sees every write. Without `recording` no Events are recorded.
    `max_object` is the largest object that is stored, in bytes.
    """

    def __init__(  # noqa: PLR0913 - all but two have a default
        self,
        executor: Callable[[ApiServer], Executor],
        *,
        clock: Clock,
        random: Callable[[], float],
        admission: Sequence[Admission] = (),
        recording: Recording | None = None,
        slots: int | None = None,
        max_object: int = MAX_OBJECT,
    ) -> None:
        self.api = api = ApiServer(
            clock=clock, uid=partial(make_uid, random), admission=(assign_node, *admission), max_object=max_object
        )
        self.executor = executor(api)
        self._clock = clock
        self._changed = threading.Event()  # set whenever a step may have something to do
        self._stopping = threading.Event()
        self._join: Callable[[], None] = lambda: None
        api.serve_logs(self.executor)
        api.store.on_write(self._changed.set)
        self.executor.on_exit(self._changed.set)
        record = recording or (lambda client, component: NoEvents())
        jobs, garbage, node = (Client(api.as_user(user)) for user in (JOB_CONTROLLER, COLLECTOR, KUBELET))
        self.jobs = JobController(jobs, clock=clock, random=random, events=record(jobs, "job-controller"))
        self.kubelet = Kubelet(node, self.executor, clock=clock, events=record(node, "kubelet"), slots=slots)
        self.collector = Collector(garbage, CollectedResources(api), clock=clock)

    @property
    def transport(self) -> Transport:
        """The API server, as the user `admin`."""
        return self.api

    def step(self) -> bool:
        """Let each part do one thing, without blocking. False means that there was nothing to do."""
        return any([self.kubelet.step(), self.jobs.step(), self.collector.step()])

    def next_due(self) -> float | None:
        """When, on the monotonic clock, a step will have something to do although nothing changes; None: never."""
        times = (self.kubelet.next_due(), self.jobs.next_due(), self.collector.next_due())
        return min((time for time in times if time is not None), default=None)

    def wait(self, timeout: float | None = None) -> None:
        """Block until something changed since the last call, or a part is due, or `timeout` seconds passed."""
        due = self.next_due()
        times = [t for t in (timeout, None if due is None else due - self._clock.monotonic()) if t is not None]
        self._changed.wait(max(min(times), 0.0) if times else None)
        # Before the caller steps again: what changes from here on is news.
        self._changed.clear()

    def wake(self) -> None:
        """End a `wait` from another thread."""
        self._changed.set()

    def start(self) -> None:
        """Drive the parts in a thread of their own, until `stop`."""
        thread = threading.Thread(  # noqa: TID251 - the cluster is the world: its time passes by itself
            name="local-cluster", target=self._drive, daemon=True
        )
        thread.start()
        self._join = thread.join

    def stop(self) -> None:
        """End the thread, all containers, and what was made for them. Idempotent."""
        self._stopping.set()
        self.wake()
        self._join()
        self.executor.close()

    def _drive(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self.step()
            except Exception as error:  # the parts handle their own failures; the cluster must outlive any other
                log.error("step failed", error=str(error), exc_info=error)
                self._stopping.wait(REST)
                continue
            if not busy:
                self.wait()


class CollectedResources:
    """The resources that the collector watches: each storage once. Cheap to call while nothing changes."""

    def __init__(self, api: ApiServer) -> None:
        self._registry = api.registry
        self._revision = -1
        self._resources: tuple[Resource, ...] = ()

    def __call__(self) -> tuple[Resource, ...]:
        if self._registry.revision != self._revision:
            self._revision = self._registry.revision
            chosen = {type_.storage_name: type_ for type_ in self._registry.types() if _is_collected(type_)}
            self._resources = tuple(_resource(type_) for type_ in chosen.values())
        return self._resources


def on_this_machine(
    executor: str = PROCESS,
    *,
    admission: Sequence[Admission] = (),
    workdir: Path | None = None,
    slots: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> LocalCluster:
    """A cluster whose containers run here: as processes, or by podman or docker.

    Volumes and logs lie in `workdir`, or in a temporary directory that goes with the cluster. `slots` bounds the Pods
    that run at once (default: four for each core). Raises FileNotFoundError where the container engine is not
    installed, ValueError for any other executor or a workdir with white space in it.
    """
    clock = SystemClock()
    launcher = _launcher(executor, environment)
    # Made when nothing can be refused any more: else it would be left behind.
    root = workdir or Path(tempfile.mkdtemp(prefix="zenflow-"))

    def host(api: ApiServer) -> HostExecutor:
        return HostExecutor(launcher, Client(api.as_user(KUBELET)), root.resolve(), clock, keep=workdir is not None)

    return LocalCluster(
        host,
        clock=clock,
        random=random.SystemRandom().random,
        admission=admission,
        recording=lambda client, component: EventRecorder(client, clock, component=component),
        slots=slots or SLOTS_PER_CORE * (os.cpu_count() or 1),
    )


def make_uid(random: Callable[[], float]) -> str:
    """A version 4 UUID from numbers in [0, 1)."""
    return str(uuid.UUID(bytes=bytes(int(random() * 256) for _ in range(16)), version=4))


def _launcher(executor: str, environment: Mapping[str, str]) -> Launcher:
    if executor == PROCESS:
        return PlainLauncher(environment)
    if executor in ENGINES:
        return EngineLauncher(executor, environment)
    raise ValueError(f"no executor {executor!r}: choose one of {', '.join((PROCESS, *ENGINES))}")


def _is_collected(type_: ResourceType) -> bool:
    """Events are too many and never owned; what cannot be listed, watched and deleted cannot be collected."""
    is_stored_version = type_.storage_version in ("", type_.version)
    return is_stored_version and type_.kind != "Event" and {"list", "watch", "delete"} <= set(type_.verbs)


def _resource(type_: ResourceType) -> Resource:
    return Resource(type_.group, type_.version, type_.plural, type_.kind, namespaced=type_.namespaced)
