"""What a published change adds to the counters, and how long a step waits for its Job."""

import pytest
from prometheus_client import CollectorRegistry

from tests.support.builders import at, gate, job
from tests.support.clock import VirtualClock
from zenflow.api.types import (
    Condition,
    ConditionStatus,
    FlowMeta,
    FlowPhase,
    JobFlow,
    JobFlowSpec,
    JobFlowStatus,
    JobRef,
    StepPhase,
    StepStatus,
)
from zenflow.controller.handover import Handover
from zenflow.controller.metrics import FlowMetrics
from zenflow.controller.objects import JOBFLOWS, Job, decode_flow, decode_job
from zenflow.runtime.informer import Informer

UID = "uid-f"


class Counts:
    """A registry with the counters of a fresh process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = FlowMetrics(self.registry)

    def publish(self, before: JobFlowStatus, after: JobFlowStatus) -> None:
        meta = FlowMeta(name="f", namespace="default", uid=UID, creation_timestamp=at(0))
        self.metrics.published(JobFlow(metadata=meta, spec=JobFlowSpec(steps=(job("a"),)), status=before), after)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"zenflow_{name}", labels)


@pytest.fixture
def counts() -> Counts:
    return Counts()


def running(*steps: StepStatus) -> JobFlowStatus:
    return JobFlowStatus(phase=FlowPhase.RUNNING, start_time=at(2), steps=steps)


def step(phase: StepPhase, **fields: object) -> StepStatus:
    return StepStatus.model_validate({"name": "a", "phase": phase, **fields})


@pytest.mark.proves("observability.counted-once")
def test_an_end_is_counted_with_its_reason_and_duration_once(counts: Counts) -> None:
    """Publishing the same status again adds nothing."""
    failed = Condition(type="Failed", status=ConditionStatus.TRUE, reason="StepFailed", last_transition_time=at(9))
    end = JobFlowStatus(phase=FlowPhase.FAILED, start_time=at(2), completion_time=at(9), conditions=(failed,))
    counts.publish(running(), end)
    counts.publish(end, end)
    assert counts.value("flows_completed_total", phase="Failed", reason="StepFailed") == 1
    assert counts.value("flow_duration_seconds_sum", phase="Failed") == 7


def test_the_wait_for_the_start_is_measured(counts: Counts) -> None:
    """From creation to startTime."""
    counts.publish(JobFlowStatus(phase=FlowPhase.PENDING), running())
    counts.publish(running(), running())
    assert (counts.value("flow_start_delay_seconds_count"), counts.value("flow_start_delay_seconds_sum")) == (1, 2)


def test_retries_are_counted_also_where_two_were_published_together(counts: Counts) -> None:
    """Statuses are coalesced; counters must not be."""
    counts.publish(running(step(StepPhase.RUNNING)), running(step(StepPhase.RUNNING, retry_count=2)))
    assert counts.value("step_retries_total") == 2


def test_a_step_that_failed_is_counted_by_reason(counts: Counts) -> None:
    """With its duration, retries included."""
    end = step(StepPhase.FAILED, reason="TimedOut", start_time=at(2), completion_time=at(5), job_ref=JobRef(name="j"))
    counts.publish(running(step(StepPhase.RUNNING)), running(end))
    assert counts.value("steps_completed_total", phase="Failed", reason="TimedOut") == 1
    assert counts.value("step_duration_seconds_sum", phase="Failed") == 3


@pytest.mark.parametrize(("reason", "answer"), [("Approved", "approved"), ("Rejected", "rejected")])
def test_an_answer_is_no_step_s_duration(counts: Counts, reason: str, answer: str) -> None:
    """People take hours; they have a histogram of their own."""
    phase = StepPhase.SUCCEEDED if reason == "Approved" else StepPhase.FAILED
    asked = step(StepPhase.PENDING_APPROVAL, start_time=at(2))
    counts.publish(running(asked), running(step(phase, reason=reason, start_time=at(2), completion_time=at(62))))
    assert counts.value("approval_duration_seconds_sum", answer=answer) == 60
    assert counts.value("step_duration_seconds_count", phase=str(phase)) == 0


class Relay:
    """A Handover whose flow is live, on a clock that stands."""

    def __init__(self) -> None:
        self.clock, self.flows, self.measured = VirtualClock(), Informer(JOBFLOWS, decode_flow), list[float]()
        self.handover = Handover(self.flows.cache, self.clock, self.measured.append)
        self.flows.add_handler(self.handover.flow_changed)
        self.flow(1)

    def flow(self, generation: int, phase: str = "Running") -> None:
        body = (
            '{"metadata":{"name":"f","namespace":"default","uid":"%s","resourceVersion":"%d","generation":%d,'
            '"creationTimestamp":"2026-01-01T12:00:00Z"},"spec":{},"status":{"phase":"%s"}}'
        )
        line = (body % (UID, self.flows.version + 1, generation, phase)).encode()
        self.flows.replace([decode_flow(line)], str(self.flows.version + 1))

    def end(self, name: str) -> None:
        self.handover.job_changed(attempt(name, ""), attempt(name, "Complete"))


def attempt(name: str, condition: str) -> Job:
    conditions = f'[{{"type":"{condition}","status":"True"}}]' if condition else "[]"
    body = (
        '{"metadata":{"name":"%s","namespace":"default","labels":{"jobflow":"f","workflow.zen.io/step":"%s",'
        '"workflow.zen.io/attempt":"1"},"ownerReferences":[{"kind":"JobFlow","uid":"%s","controller":true}]},'
        '"status":{"conditions":%s}}'
    )
    return decode_job((body % (name, name, UID, conditions)).encode())


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.mark.proves("observability.start-latency")
def test_the_wait_is_from_the_last_end_to_the_creation(relay: Relay) -> None:
    """What came before the last dependency's end is no wait."""
    relay.end("a")
    relay.clock.advance(60)
    relay.end("b")
    relay.clock.advance(0.25)
    relay.handover.job_created(UID, job("c", "a", "b"), 1)
    assert relay.measured == [0.25]


def test_what_is_not_certain_is_not_measured(relay: Relay) -> None:
    """A root, a retry, a dependency whose end nobody saw here, a change of the spec that may have been waited for."""
    relay.end("a")
    relay.handover.job_created(UID, job("root"), 1)
    relay.handover.job_created(UID, job("c", "a"), 2)
    relay.handover.job_created(UID, job("c", "a", "unseen"), 1)
    relay.flow(2)
    relay.handover.job_created(UID, job("c", "a"), 1)
    assert relay.measured == []


def test_nothing_is_remembered_of_a_flow_that_has_ended(relay: Relay) -> None:
    """Nor of Jobs that end after it."""
    relay.end("a")
    assert len(relay.handover) == 1
    relay.flow(1, "Failed")
    relay.end("b")
    assert len(relay.handover) == 0


def test_a_gate_among_the_dependencies_is_nobody_s_latency(relay: Relay) -> None:
    """A person's answer is not a Job's end."""
    relay.end("a")
    relay.handover.job_created(UID, job("c", "a", gate("ask").name), 1)
    assert relay.measured == []
