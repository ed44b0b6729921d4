"""Traces on request: a controller process sends a trace of each flow that ends to a real OTLP receiver.

They are made from recorded times, whatever runs the containers, so one cluster is enough: the embedded one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import free_ports
from tests.e2e.conftest import real_kubectl
from tests.e2e.flows import Work, flow, step
from tests.e2e.target import CRDS, ZENFLOW
from tests.support.collector import Collector
from tests.support.kubectl import Kubectl
from tests.support.program import Program
from tests.support.waiting import eventually

ERROR, OK = 2, 1
RETRY = {"limit": 1, "backoff": {"type": "Fixed", "duration": "1s"}}
FLOWS = (
    flow(
        "traced",
        step("flaky", work=Work(seconds=1, codes=(1, 0)), retryPolicy=RETRY),
        step("last", "flaky"),
        step("off", when="never"),
    ),
    flow("traced-failure", step("hopeless", work=Work(codes=(3,)), job={"backoffLimit": 0})),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("traces")
    kubectl = Kubectl(folder / "kubeconfig", real_kubectl())
    local = Program((*ZENFLOW, "local", "--no-controller", "--kubeconfig", kubectl.kubeconfig), folder / "local.log")
    local.start()
    eventually(
        lambda: kubectl.kubeconfig.exists() and kubectl.succeeds("get", "--raw=/readyz"), within=30, what="a cluster"
    )
    kubectl.run("apply", "--server-side", f"--filename={CRDS}")
    yield kubectl
    local.stop()


@pytest.fixture
def controller(cluster: Kubectl, tmp_path: Path) -> Iterator[Callable[[str], Program]]:
    """Starts a controller that sends its traces to a URL."""
    started: list[Program] = []

    def start(url: str) -> Program:
        flags = (f"--kubeconfig={cluster.kubeconfig}", "--metrics-port=0", f"--otlp-endpoint={url}")
        program = Program((*ZENFLOW, "controller", *flags), tmp_path / "controller.log")
        program.start()
        started.append(program)
        return program

    yield start
    for program in started:
        program.end()


def run_all(cluster: Kubectl) -> None:
    cluster.create(*FLOWS)
    for each in FLOWS:
        name = each["metadata"]["name"]
        eventually(lambda name=name: has_ended(cluster, name), within=60, what=f"{name} ends")


def has_ended(cluster: Kubectl, name: str) -> bool:
    return cluster.get("jobflow", name).get("status", {}).get("phase") in ("Succeeded", "Failed")


@pytest.fixture
def collector() -> Iterator[Collector]:
    started = Collector()
    started.start()
    yield started
    started.stop()


@pytest.mark.proves("observability.traces")
def test_a_flow_that_ends_is_one_trace(
    cluster: Kubectl, controller: Callable[[str], Program], collector: Collector
) -> None:
    """A root for the flow, below it its steps that ran, below each its attempts; a failure is an error."""
    program = controller(collector.url)
    run_all(cluster)
    eventually(lambda: len(collector.traces) == len(FLOWS), within=30, what="both traces", else_show=program.output)
    assert program.stop() == 0
    (spans,) = collector.named("traced")
    assert tree(spans) == {
        ("traced", OK): {("flaky", OK): [("attempt 1", ERROR), ("attempt 2", OK)], ("last", OK): [("attempt 1", OK)]}
    }
    (root,) = [span for span in spans if not span.parent_span_id]
    assert all(root.start_time_unix_nano <= span.start_time_unix_nano for span in spans)
    assert all(span.end_time_unix_nano <= root.end_time_unix_nano for span in spans)
    (failed,) = collector.named("traced-failure")
    (root,) = [span for span in failed if not span.parent_span_id]
    assert (root.status.code, root.status.message) == (ERROR, "StepFailed")
    assert len(collector.traces) == len(FLOWS)
    assert {resource["service.name"] for resource in collector.resources} == {"zen-flow"}
    cluster.run("delete", "jobflow", "--all", "--wait=false")


@pytest.mark.proves("observability.traces-cost-nothing")
def test_a_collector_that_is_down_holds_up_nothing(cluster: Kubectl, controller: Callable[[str], Program]) -> None:
    """Flows end as ever, and so does the controller."""
    eventually(lambda: not cluster.get("jobflows")["items"], within=30, what="the flows of the other test are gone")
    (nobody,) = free_ports(1)
    program = controller(f"http://127.0.0.1:{nobody}")
    run_all(cluster)
    assert program.stop(within=40) == 0


def tree(spans: list[Any]) -> dict[Any, Any]:
    """Names and status codes: flow -> step -> attempts, each in order of start."""

    def below(parent: bytes) -> list[Any]:
        return sorted((s for s in spans if s.parent_span_id == parent), key=lambda s: (s.start_time_unix_nano, s.name))

    def label(span: Any) -> tuple[str, int]:
        return span.name, span.status.code

    return {
        label(root): {label(step): [label(attempt) for attempt in below(step.span_id)] for step in below(root.span_id)}
        for root in below(b"")
    }
