"""The numbers a controller shows, under the names of client-go and controller-runtime, so that their dashboards fit.

Counted where things happen (queue, loop, transport, elector), read by `serving.py`. Everything goes into the
registry that is handed in: two controllers in one process never mix.
"""

from collections.abc import Callable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import ApiError, RuntimeFault
from zenflow.runtime.transport import Request, Response, Stream, Transport


def _exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    """Bounds as client_golang computes them, by repeated multiplication: its rounding is part of the label `le`."""
    bounds = [start]
    while len(bounds) < count:
        bounds.append(bounds[-1] * factor)
    return tuple(bounds)


# The bounds are the originals', so that histograms of several controllers add up.
QUEUE_BUCKETS = _exponential(10e-9, 10, 12)
# fmt: off
RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 1.75,
    2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0,
)
# fmt: on
REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_WATCHED = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Sized(Protocol):
    """The side of a queue that is asked at scrape time."""

    def __len__(self) -> int: ...
    def held_for(self) -> list[float]: ...


class Metrics:
    """All metric families of a controller process, registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter, which nothing reads
        self.registry = registry
        self._declare_queue(registry)
        self._declare_loop(registry)
        self._declare_client(registry)
        self._declare_reflector(registry)

    def queue(self, name: str) -> "QueueSeries":
        """The series of one work queue."""
        return QueueSeries(self, name)

    def loop(self, name: str) -> "LoopSeries":
        """The series of one controller."""
        return LoopSeries(self, name)

    def reflector(self, resource: str) -> "ReflectorSeries":
        """The series of what keeps one resource type current."""
        return ReflectorSeries(self, resource)

    def transport(self, transport: Transport, host: str, clock: Clock) -> "MeteredTransport":
        """The same transport with its requests counted."""
        return MeteredTransport(self, transport, host, clock)

    def lease(self, name: str, is_leader: Callable[[], bool]) -> None:
        """Show at each scrape whether this process leads."""
        self.master.labels(name).set_function(lambda: float(is_leader()))

    def _declare_queue(self, registry: CollectorRegistry) -> None:
        labels = ["name", "controller"]  # client-go's label, and controller-runtime's with the same value
        self.depth = Gauge("workqueue_depth", "Keys that wait for a worker.", labels, registry=registry)
        self.adds = Counter("workqueue_adds", "Keys added.", labels, registry=registry)
        self.retries = Counter("workqueue_retries", "Keys added again after a failure.", labels, registry=registry)
        # Not one of client-go's: there a key that turns in place is not told apart.
        self.held_back = Counter(
            "workqueue_held_back", "Keys held back for coming again and again without news.", labels, registry=registry
        )
        self.queue_duration = Histogram(
            "workqueue_queue_duration_seconds", "From add to worker.", labels, registry=registry, buckets=QUEUE_BUCKETS
        )
        self.work_duration = Histogram(
            "workqueue_work_duration_seconds", "From worker to done.", labels, registry=registry, buckets=QUEUE_BUCKETS
        )
        self.unfinished = Gauge(
            "workqueue_unfinished_work_seconds", "Sum of the times keys in work are held.", labels, registry=registry
        )
        self.longest = Gauge(
            "workqueue_longest_running_processor_seconds", "The longest of these times.", labels, registry=registry
        )

    def _declare_loop(self, registry: CollectorRegistry) -> None:
        label = ["controller"]
        self.reconciles = Counter(
            "controller_runtime_reconcile", "Reconciles by result.", [*label, "result"], registry=registry
        )
        self.errors = Counter("controller_runtime_reconcile_errors", "Failed reconciles.", label, registry=registry)
        self.panics = Counter(
            "controller_runtime_reconcile_panics", "Of these, those that failed by a bug.", label, registry=registry
        )
        self.reconcile_time = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Time of a reconcile.",
            label,
            registry=registry,
            buckets=RECONCILE_BUCKETS,
        )
        self.active = Gauge("controller_runtime_active_workers", "Workers that hold a key.", label, registry=registry)
        self.workers = Gauge("controller_runtime_max_concurrent_reconciles", "Workers.", label, registry=registry)

    def _declare_client(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "rest_client_requests", "Requests by answer.", ["code", "method", "host"], registry=registry
        )
        self.request_duration = Histogram(
            "rest_client_request_duration_seconds",
            "Time to the answer.",
            ["verb", "host"],
            registry=registry,
            buckets=REQUEST_BUCKETS,
        )
        self.master = Gauge("leader_election_master_status", "1 while this process leads.", ["name"], registry=registry)

    def _declare_reflector(self, registry: CollectorRegistry) -> None:
        label = ["resource"]
        self.unreadable = Counter(
            "reflector_unreadable_objects", "Objects that could not be decoded.", label, registry=registry
        )
        self.garbled = Counter(
            "reflector_garbled_lines", "Lines of a watch that named no object.", label, registry=registry
        )
        self.handler_panics = Counter(
            "reflector_handler_panics", "Changes whose handler failed by a bug.", label, registry=registry
        )


class ReflectorSeries:
    """What a Reflector reports as it happens (`reflector.ReflectorMetrics`)."""

    def __init__(self, metrics: Metrics, resource: str) -> None:
        self._unreadable = metrics.unreadable.labels(resource)
        self._garbled = metrics.garbled.labels(resource)
        self._panics = metrics.handler_panics.labels(resource)

    def unreadable(self) -> None:
        """An object of a list or watch was left as it was known, or taken in without what could not be read."""
        self._unreadable.inc()

    def garbled(self) -> None:
        """A watch was opened again at its last good version, or a list made anew."""
        self._garbled.inc()

    def panicked(self) -> None:
        """What was raised is no refusal of the world: a bug."""
        self._panics.inc()


class QueueSeries:
    """What a WorkQueue reports as it happens (`queue.QueueMetrics`)."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._labels = (name, name)
        self._metrics = metrics
        self._adds = metrics.adds.labels(*self._labels)
        self._retries = metrics.retries.labels(*self._labels)
        self._held_back = metrics.held_back.labels(*self._labels)
        self._waited = metrics.queue_duration.labels(*self._labels)
        self._worked = metrics.work_duration.labels(*self._labels)

    def bind(self, queue: Sized) -> None:
        """Read the gauges from the queue at scrape time, so that they cost nothing in between."""
        self._metrics.depth.labels(*self._labels).set_function(lambda: len(queue))
        self._metrics.unfinished.labels(*self._labels).set_function(lambda: sum(queue.held_for()))
        self._metrics.longest.labels(*self._labels).set_function(lambda: max(queue.held_for(), default=0.0))

    def added(self) -> None:
        self._adds.inc()

    def retried(self) -> None:
        self._retries.inc()

    def held_back(self) -> None:
        self._held_back.inc()

    def handed_out(self, waited: float) -> None:
        self._waited.observe(waited)

    def finished(self, worked: float) -> None:
        self._worked.observe(worked)


class LoopSeries:
    """What a Loop reports about its reconciles."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._results = {
            result: metrics.reconciles.labels(name, result)
            for result in ("success", "requeue_after", "requeue", "error")
        }
        self._errors = metrics.errors.labels(name)
        self._panics = metrics.panics.labels(name)
        self._time = metrics.reconcile_time.labels(name)
        self._active = metrics.active.labels(name)
        self._workers = metrics.workers.labels(name)

    def set_workers(self, workers: int) -> None:
        """How many reconciles may run at once."""
        self._workers.set(workers)

    def started(self) -> None:
        """A worker took a key."""
        self._active.inc()

    def finished(self, result: str, seconds: float) -> None:
        """`result` is controller-runtime's: success, requeue_after, requeue, error."""
        self._active.dec()
        self._results[result].inc()
        self._time.observe(seconds)
        if result == "error":
            self._errors.inc()

    def panicked(self) -> None:
        """A reconcile raised what is no refusal of the world: a bug."""
        self._panics.inc()


class MeteredTransport:
    """Counts requests by answer, as client-go does: code "<error>" where no answer came."""

    def __init__(self, metrics: Metrics, transport: Transport, host: str, clock: Clock) -> None:
        self._transport = transport
        self._host = host
        self._clock = clock
        self._requests = metrics.requests
        self._durations = {verb: metrics.request_duration.labels(verb, host) for verb in _WATCHED}

    def send(self, request: Request) -> Response:
        """As the transport within."""
        started = self._clock.monotonic()
        try:
            response = self._transport.send(request)
        except RuntimeFault as error:
            self._count(request, error)
            raise
        self._requests.labels(str(response.status), request.method, self._host).inc()
        self._durations[request.method].observe(self._clock.monotonic() - started)
        return response

    def stream(self, request: Request, *, silence: float) -> Stream:
        """As the transport within; counted when it opens, for it has no end to time."""
        try:
            stream = self._transport.stream(request, silence=silence)
        except RuntimeFault as error:
            self._count(request, error)
            raise
        self._requests.labels("200", request.method, self._host).inc()
        return stream

    def _count(self, request: Request, error: RuntimeFault) -> None:
        code = str(error.status) if isinstance(error, ApiError) else "<error>"
        self._requests.labels(code, request.method, self._host).inc()
