"""What is told of each thing that was done, and what is never told."""

from prometheus_client import CollectorRegistry
from structlog.testing import CapturingLogger

from tests.support.builders import at, job
from tests.support.clock import VirtualClock
from zenflow.api.types import (
    Condition,
    ConditionStatus,
    FlowMeta,
    FlowPhase,
    JobFlow,
    JobFlowSpec,
    JobFlowStatus,
    StepPhase,
    StepStatus,
)
from zenflow.controller.handover import Handover
from zenflow.controller.journal import Journal
from zenflow.controller.metrics import FlowMetrics
from zenflow.controller.objects import JOBFLOWS, decode_flow
from zenflow.runtime.informer import Informer

RUNNING = JobFlowStatus(phase=FlowPhase.RUNNING, start_time=at(1))
META = FlowMeta(name="f", namespace="default", uid="uid-f", creation_timestamp=at(0))
FLOW = JobFlow(metadata=META, spec=JobFlowSpec(steps=(job("a"),)), status=RUNNING)
SECRET = "the container said: hunter2"
FAILED = JobFlowStatus(
    phase=FlowPhase.FAILED,
    message=SECRET,
    conditions=(
        Condition(
            type="Failed",
            status=ConditionStatus.TRUE,
            reason="StepFailed",
            message=SECRET,
            last_transition_time=at(3),
        ),
    ),
    steps=(StepStatus(name="a", phase=StepPhase.FAILED, reason="JobFailed", message=SECRET, retry_count=2),),
)


def journal(log: CapturingLogger) -> Journal:
    metrics = FlowMetrics(CollectorRegistry())
    handover = Handover(Informer(JOBFLOWS, decode_flow).cache, VirtualClock(), metrics.start_latency.observe)
    return Journal(metrics, handover, log)


def test_each_deed_is_one_line_with_its_facts_under_keys() -> None:
    """The text is constant, so that it can be searched for."""
    log = CapturingLogger()
    kept = journal(log)
    kept.job_created(FLOW, job("a"), 2, "f-a-2")
    kept.job_deleted("f-a-2", "a", 2)
    kept.refused("Job", "a", "QuotaExceeded")
    assert [(call.method_name, call.args[0], call.kwargs) for call in log.calls] == [
        ("info", "job created", {"job": "f-a-2", "step": "a", "attempt": 2}),
        ("info", "job deleted", {"job": "f-a-2", "step": "a", "attempt": 2}),
        ("warning", "creation refused", {"kind": "Job", "name": "a", "reason": "QuotaExceeded"}),
    ]


def test_a_phase_and_a_failure_are_told_once_and_without_messages() -> None:
    """A message may hold what a container printed, which only the flow's owner may read."""
    log = CapturingLogger()
    kept = journal(log)
    kept.published(FLOW, FAILED)
    kept.published(FLOW.model_copy(update={"status": FAILED}), FAILED)
    told = [(call.args[0], call.kwargs) for call in log.calls]
    assert told == [
        ("step failed", {"step": "a", "attempt": 3, "reason": "JobFailed"}),
        ("flow phase changed", {"phase": "Failed", "was": "Running", "reason": "StepFailed"}),
    ]
    assert SECRET not in str(told)


def test_whoever_listens_hears_of_each_publication() -> None:
    """With the flow as it was before."""
    heard: list[tuple[JobFlow, JobFlowStatus]] = []

    class Listener:
        def published(self, flow: JobFlow, status: JobFlowStatus) -> None:
            heard.append((flow, status))

    kept = journal(CapturingLogger())
    kept.listen(Listener())
    kept.published(FLOW, FAILED)
    assert heard == [(FLOW, FAILED)]
