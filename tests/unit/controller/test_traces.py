"""The trace of a flow that has ended, and the queue that its sending never lets grow."""

import json

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import CapturingLogger

from tests.support.builders import at, job
from zenflow.api.types import FlowMeta, FlowPhase, JobFlow, JobFlowSpec, JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.caches import BY_OWNER
from zenflow.controller.objects import Job, decode_job
from zenflow.controller.traces import CAPACITY, Trace, Traces, trace_of
from zenflow.runtime.cache import Cache

UID = "uid-f"
RUNNING = JobFlowStatus(phase=FlowPhase.RUNNING, start_time=at(1))
STEPS = (
    StepStatus(name="a", phase=StepPhase.FAILED, reason="TimedOut", start_time=at(1), completion_time=at(8)),
    StepStatus(name="b", phase=StepPhase.SKIPPED, completion_time=at(8)),
)
ENDED = JobFlowStatus(phase=FlowPhase.FAILED, start_time=at(1), completion_time=at(9), steps=STEPS)


def flow(uid: str = UID) -> JobFlow:
    meta = FlowMeta(name="f", namespace="default", uid=uid, creation_timestamp=at(0))
    return JobFlow(metadata=meta, spec=JobFlowSpec(steps=(job("a"),)), status=RUNNING)


def attempt(number: int, start: int, *conditions: dict[str, str]) -> Job:
    labels = {"jobflow": "f", "workflow.zen.io/step": "a", "workflow.zen.io/attempt": str(number)}
    owner = {"kind": "JobFlow", "uid": UID, "controller": True}
    meta = {"name": f"f-a-{number}", "uid": f"job-{number}", "labels": labels, "ownerReferences": [owner]}
    meta["creationTimestamp"] = at(start).isoformat()
    return decode_job(json.dumps({"metadata": meta, "status": {"conditions": conditions}}).encode())


FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": at(4).isoformat()}
JOBS = (attempt(2, 5), attempt(1, 1, FAILED))


class Stage:
    """Traces whose sender does what it is told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.cache: Cache[Job] = Cache({BY_OWNER: lambda job: (job.metadata.controller_uid,)})
        self.sent: list[Trace] = []
        self.answer: bool | Exception = True
        self.traces = Traces(self.cache, self.send, self.registry, log=CapturingLogger())

    def send(self, trace: Trace) -> bool:
        self.sent.append(trace)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def count(self, result: str) -> float | None:
        return self.registry.get_sample_value("zenflow_traces_total", {"result": result})


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_span_lies_within_its_parent_and_tells_how_it_ended() -> None:
    """The attempt that was cut off ends with its step, under the step's reason; what never ran has no span."""
    root, step, first, second = trace_of(flow(), ENDED, JOBS).spans
    assert (root.start, root.end, root.parent) == (at(1), at(9), None)
    assert (step.start, step.end, step.failure, step.parent) == (at(1), at(8), "TimedOut", root.id)
    assert (first.name, first.start, first.end, first.failure) == ("attempt 1", at(1), at(4), "BackoffLimitExceeded")
    assert (second.name, second.start, second.end, second.failure) == ("attempt 2", at(5), at(8), "TimedOut")
    assert first.parent == second.parent == step.id


def test_a_trace_made_twice_is_the_same_and_each_span_has_an_id_of_its_own() -> None:
    """Ids are functions of identity; another flow of the same name is another trace."""
    once, twice, other = (trace_of(flow(uid), ENDED, JOBS) for uid in (UID, UID, "uid-g"))
    assert once == twice
    assert once.id != other.id
    assert len({span.id for span in (*once.spans, *other.spans)}) == 8


def test_a_flow_is_traced_when_it_ends_and_not_again(stage: Stage) -> None:
    """With the Jobs as they were at that moment, for its TTL may be over before the trace is made."""
    stage.cache.put(JOBS[1])
    stage.traces.published(flow(), RUNNING)
    stage.traces.published(flow(), ENDED)
    stage.cache.remove(JOBS[1].metadata.key)
    stage.traces.published(flow().model_copy(update={"status": ENDED}), ENDED)
    assert stage.traces.step() == 0
    assert stage.traces.step() > 0
    assert [len(trace.spans) for trace in stage.sent] == [3]
    assert stage.count("sent") == 1


@pytest.mark.proves("observability.traces-cost-nothing")
def test_what_does_not_fit_is_dropped_and_counted(stage: Stage) -> None:
    """Nobody waits for a collector."""
    for _ in range(CAPACITY + 3):
        stage.traces.published(flow(), ENDED)
    assert stage.count("dropped") == 3


@pytest.mark.parametrize("answer", [False, OSError("reset"), ZeroDivisionError("a bug of a library")])
def test_a_trace_that_is_not_taken_is_counted_and_gone(stage: Stage, answer: bool | Exception) -> None:
    """Whatever the sender does, the thread goes on with the next."""
    stage.answer = answer
    stage.traces.published(flow(), ENDED)
    stage.traces.published(flow("uid-g"), ENDED)
    assert stage.traces.step() == 0
    stage.answer = True
    assert stage.traces.step() == 0
    assert (stage.count("failed"), stage.count("sent")) == (1, 1)


def test_a_flow_of_which_no_trace_can_be_made_is_counted_and_gone(stage: Stage) -> None:
    """Whatever stands in its status or its Jobs: the thread goes on with the next."""
    stage.traces.published(flow(), ENDED.model_copy(update={"steps": (7,)}))
    stage.traces.published(flow("uid-g"), ENDED)
    assert [stage.traces.step(), stage.traces.step()] == [0, 0]
    assert (stage.count("failed"), stage.count("sent")) == (1, 1)


def test_the_end_of_the_process_sends_what_waits_up_to_the_first_failure(stage: Stage) -> None:
    """A collector that is down must not hold up the end."""
    for uid in ("1", "2", "3"):
        stage.traces.published(flow(uid), ENDED)
    stage.answer = False
    stage.traces.flush()
    assert len(stage.sent) == 1
    stage.answer = True
    stage.traces.flush()
    assert len(stage.sent) == 3
