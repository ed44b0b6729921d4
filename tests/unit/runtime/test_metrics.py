"""The names that dashboards for client-go and controller-runtime look for."""

import pytest
from prometheus_client import CollectorRegistry

from tests.support.clock import VirtualClock
from tests.support.things import key
from tests.support.transport import ScriptedStream, ScriptedTransport, refusal, reply
from zenflow.runtime.errors import Conflict, RuntimeFault, Unreachable
from zenflow.runtime.metrics import RECONCILE_BUCKETS, REQUEST_BUCKETS, Metrics
from zenflow.runtime.queue import WorkQueue
from zenflow.runtime.transport import Request

A, B = key("a"), key("b")
GET = Request("GET", "/api/v1/pods")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def test_a_queue_tells_what_it_holds_and_what_it_did(metrics: Metrics, registry: CollectorRegistry) -> None:
    """Depth, adds, retries, waiting and working times, and how long keys in work have been held."""
    clock = VirtualClock()
    queue = WorkQueue(clock, metrics=metrics.queue("things"))
    queue.add(A)
    queue.add(B)
    clock.advance(2)
    assert queue.try_get() == A
    clock.advance(3)
    queue.add_rate_limited(A)
    for _ in range(6):
        queue.requeue(A, 0.9)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"workqueue_{name}", {"name": "things", "controller": "things"})

    assert value("depth") == 1
    assert value("adds_total") == 2
    assert value("retries_total") == 1
    assert value("held_back_total") == 1
    assert value("queue_duration_seconds_sum") == 2
    assert value("unfinished_work_seconds") == 3
    assert value("longest_running_processor_seconds") == 3
    queue.done(A)
    assert value("work_duration_seconds_sum") == 3
    assert value("longest_running_processor_seconds") == 0


def test_a_loop_tells_its_results(metrics: Metrics, registry: CollectorRegistry) -> None:
    """controller-runtime's six families."""
    series = metrics.loop("things")
    series.set_workers(4)
    series.started()
    series.started()
    series.finished("success", 0.2)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"controller_runtime_{name}", {"controller": "things", **labels})

    assert value("max_concurrent_reconciles") == 4
    assert value("active_workers") == 1
    assert value("reconcile_total", result="success") == 1
    assert value("reconcile_total", result="error") == 0
    assert value("reconcile_errors_total") == 0
    assert value("reconcile_panics_total") == 0
    assert value("reconcile_time_seconds_count") == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply({}), "200"),
        (refusal(409, "Conflict"), "409"),
        (Unreachable("reset"), "<error>"),
    ],
)
def test_requests_are_counted_by_answer(
    metrics: Metrics, registry: CollectorRegistry, answer: object, code: str
) -> None:
    """Refusals by their status, silence as client-go's "<error>"."""
    transport = metrics.transport(ScriptedTransport(answer), "host:6443", VirtualClock())  # type: ignore[arg-type]
    try:
        transport.send(GET)
    except RuntimeFault:
        assert isinstance(answer, Unreachable)
    labels = {"code": code, "method": "GET", "host": "host:6443"}
    assert registry.get_sample_value("rest_client_requests_total", labels) == 1


@pytest.mark.parametrize(("answer", "code"), [(ScriptedStream(), "200"), (Conflict(409, "Conflict", "x"), "409")])
def test_watches_are_counted_when_they_open(
    metrics: Metrics, registry: CollectorRegistry, answer: ScriptedStream | RuntimeFault, code: str
) -> None:
    """Refused ones too."""
    transport = metrics.transport(ScriptedTransport(answer), "h", VirtualClock())
    try:
        transport.stream(GET, silence=70)
    except RuntimeFault:
        assert isinstance(answer, Conflict)
    labels = {"code": code, "method": "GET", "host": "h"}
    assert registry.get_sample_value("rest_client_requests_total", labels) == 1


def test_two_controllers_in_one_process_do_not_mix() -> None:
    """Each has its registry; the global one stays empty."""
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).loop("x").set_workers(1)
    Metrics(second).loop("x").set_workers(2)
    name, labels = "controller_runtime_max_concurrent_reconciles", {"controller": "x"}
    assert (first.get_sample_value(name, labels), second.get_sample_value(name, labels)) == (1, 2)


# Read off client-go v0.37.2, component-base v0.37.2 and controller-runtime v0.25.2: type and labels by exported name.
ORIGINALS = {
    "workqueue_depth": ("gauge", {"name", "controller"}),
    "workqueue_adds": ("counter", {"name", "controller"}),
    "workqueue_retries": ("counter", {"name", "controller"}),
    "workqueue_queue_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_work_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_unfinished_work_seconds": ("gauge", {"name", "controller"}),
    "workqueue_longest_running_processor_seconds": ("gauge", {"name", "controller"}),
    "controller_runtime_reconcile": ("counter", {"controller", "result"}),
    "controller_runtime_reconcile_errors": ("counter", {"controller"}),
    "controller_runtime_reconcile_panics": ("counter", {"controller"}),
    "controller_runtime_reconcile_time_seconds": ("histogram", {"controller"}),
    "controller_runtime_active_workers": ("gauge", {"controller"}),
    "controller_runtime_max_concurrent_reconciles": ("gauge", {"controller"}),
    "rest_client_requests": ("counter", {"code", "method", "host"}),
    "rest_client_request_duration_seconds": ("histogram", {"verb", "host"}),
    "leader_election_master_status": ("gauge", {"name"}),
}

# What client-go counts nothing of.
OWN = {
    "reflector_unreadable_objects": ("counter", {"resource"}),
    "reflector_garbled_lines": ("counter", {"resource"}),
    "reflector_handler_panics": ("counter", {"resource"}),
    "workqueue_held_back": ("counter", {"name", "controller"}),
}


@pytest.mark.proves("observability.original-names")
def test_names_types_and_labels_are_the_originals(metrics: Metrics, registry: CollectorRegistry) -> None:
    """So that a dashboard made for another controller shows this one too."""
    metrics.queue("things").bind(WorkQueue(VirtualClock()))
    metrics.loop("things")
    metrics.reflector("things")
    metrics.lease("lease", lambda: True)
    metrics.transport(ScriptedTransport(reply({})), "h", VirtualClock()).send(GET)
    found = {
        family.name: (family.type, {name for sample in family.samples for name in sample.labels} - {"le"})
        for family in registry.collect()
    }
    assert found == ORIGINALS | OWN


def test_bounds_of_histograms_are_the_originals(registry: CollectorRegistry) -> None:
    """To the letter of the label: a histogram adds up over controllers only if `le` is the same text."""
    metrics = Metrics(registry)
    metrics.queue("things").finished(0.5)
    bounds = [
        s.labels["le"]
        for f in registry.collect()
        for s in f.samples
        if s.name == "workqueue_work_duration_seconds_bucket"
    ]
    assert bounds == [
        "1e-08", "1e-07", "1e-06", "9.999999999999999e-06", "9.999999999999999e-05", "0.001", "0.01", "0.1", "1.0",
        "10.0", "100.0", "1000.0", "+Inf",
    ]  # fmt: skip
    assert (len(RECONCILE_BUCKETS), RECONCILE_BUCKETS[0], RECONCILE_BUCKETS[-1]) == (40, 0.005, 60)
    assert REQUEST_BUCKETS == (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
