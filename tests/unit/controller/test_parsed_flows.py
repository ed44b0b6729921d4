"""Specs and statuses as far as they can be read, and what is kept of them."""

import json
from typing import Any, cast

import pytest

from tests.support.jobflows import job
from zenflow.api import sizes
from zenflow.api.job_schema import JobSchema, shipped
from zenflow.api.types import FlowPhase
from zenflow.controller.objects import FlowRecord, decode_flow
from zenflow.controller.parsed_flows import ParsedFlows
from zenflow.runtime.errors import Unreachable

CYCLE = [{"name": "a", "dependencies": ["a"], "template": {"spec": {}}}]
POD = {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}}


def record(name: str = "f", *, generation: int = 1, version: int = 1, **more: Any) -> FlowRecord:
    """A flow as the cache has it."""
    meta = {"name": name, "namespace": "default", "uid": name, "generation": generation}
    meta |= {"resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z"}
    spec = {"steps": [{"name": "a", "template": {"spec": POD}}]}
    return decode_flow(json.dumps({"metadata": meta, "spec": spec, **more}).encode())


def remains(policy: Any) -> int:
    """How long a bad flow with that executionPolicy is kept."""
    reading = ParsedFlows().reading(record(spec={"steps": CYCLE, "executionPolicy": policy}))
    assert reading.problems
    assert reading.graph is None
    return reading.spec.execution_policy.ttl_seconds_after_finished


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [({"ttlSecondsAfterFinished": 7}, 7), (None, 86400), ({"ttlSecondsAfterFinished": "no"}, 86400)],
    ids=["readable", "none", "unreadable"],
)
def test_a_bad_spec_is_kept_as_long_as_it_says(policy: Any, seconds: int) -> None:
    """A flow that is bad still ends, and goes."""
    assert remains(policy) == seconds


def test_a_reading_is_made_once_for_each_generation_and_status() -> None:
    """An annotation makes a new version of the object, and changes neither."""
    parsed, status = ParsedFlows(), {"phase": "Running"}
    before, annotated = record(status=status), record(version=2, status=status)
    assert parsed.reading(annotated) is parsed.reading(before)
    assert parsed.status(annotated) is parsed.status(before)
    assert parsed.reading(record(generation=2)) is not parsed.reading(before)


def test_what_is_kept_is_bounded_in_bytes() -> None:
    """The least recently used go first, and are read again when they are asked for."""
    one = ParsedFlows()
    one.reading(record())
    parsed = ParsedFlows(capacity=one.weight * 2 * 3)
    first = parsed.reading(record("f0"))
    for number in range(1, 20):
        parsed.reading(record(f"f{number}"))
        assert parsed.reading(record("f0")) is first, "it is in use"
    assert len(parsed) == 3
    assert parsed.weight <= one.weight * 3


def test_one_that_is_too_large_to_be_kept_pushes_out_no_other() -> None:
    """It is read at each look."""
    parsed = ParsedFlows(capacity=100_000)
    small = parsed.reading(record("small"))
    many = [{"name": f"s{n}", "template": {"spec": POD}} for n in range(200)]
    large = record("large", spec={"steps": many})
    assert parsed.reading(large) is not parsed.reading(large)
    assert parsed.reading(record("small")) is small


def test_a_spec_of_too_many_values_is_refused_before_it_is_read() -> None:
    """From its bytes: as objects it would cost tens of megabytes."""
    steps = [{"name": "a", "template": {"spec": {**POD, "x": [{}] * sizes.MAX_VALUES}}}]
    reading = ParsedFlows().reading(record(spec={"steps": steps, "executionPolicy": {"ttlSecondsAfterFinished": 7}}))
    assert reading.problems[0].startswith("spec: Too many: ")
    assert (reading.graph, reading.spec.steps) == (None, ())
    assert reading.spec.execution_policy.ttl_seconds_after_finished == 7


def test_of_a_flow_that_has_ended_nothing_is_read_and_nothing_kept() -> None:
    """Its record has what its deletion needs."""
    parsed = ParsedFlows()
    status = {"phase": "Failed", "completionTime": "2026-01-01T00:01:00Z", "steps": "not even a list"}
    spec = {"steps": CYCLE, "executionPolicy": {"ttlSecondsAfterFinished": 7}}
    ended = record(spec=spec, status=status)
    assert (ended.spec, ended.status, ended.metadata.annotations) == (b"", b"", {})
    assert parsed.reading(ended).spec.execution_policy.ttl_seconds_after_finished == 7
    assert parsed.status(ended).phase is FlowPhase.FAILED
    assert str(parsed.status(ended).completion_time) == "2026-01-01 00:01:00+00:00"
    assert (len(parsed), parsed.weight) == (0, 0)


def test_nothing_is_kept_of_a_flow_that_is_forgotten() -> None:
    """Neither entries nor their weight."""
    parsed = ParsedFlows()
    parsed.reading(record())
    parsed.status(record(status={"phase": "Running"}))
    assert parsed.weight
    parsed.forget("f")
    assert (len(parsed), parsed.weight) == (0, 0)


def problems_of(template: Any, status: Any = None) -> tuple[str, ...]:
    meta = {"name": "f", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    obj = {"metadata": meta, "spec": {"steps": [{"name": "a", "template": template}]}, "status": status or {}}
    return ParsedFlows().reading(decode_flow(json.dumps(obj).encode())).problems


def test_a_typo_in_a_template_is_a_problem_before_anything_starts() -> None:
    """What the API server would drop or refuse when the step is reached, hours later."""
    [text] = problems_of(job(spec={**job()["spec"], "backofLimit": 0}))
    assert (
        text
        == 'spec.steps[0].template.spec.backofLimit: Forbidden: there is no such field; did you mean "backoffLimit"?'
    )


def test_a_flow_that_has_started_is_not_judged_by_new_rules() -> None:
    """A controller or an API server that was upgraded under it ends nothing that runs."""
    assert problems_of(job(spec={**job()["spec"], "backofLimit": 0}), {"startTime": "2026-01-01T00:00:00Z"}) == ()


def test_the_problems_of_a_flow_have_room_in_its_status() -> None:
    """However many there are, and they take no more memory."""
    [text] = problems_of(job(spec={**job()["spec"], **{f"field{i}": i for i in range(5000)}}))
    assert len(text) <= 1024
    assert text.endswith("more: zenflow lint shows them all")


def test_a_flow_waits_while_the_schema_of_its_templates_is_not_known() -> None:
    """It is looked at again, as after any fault; nothing of it is kept."""
    answers: list[Any] = [Unreachable("not yet"), shipped()]

    def jobs() -> JobSchema:
        answer = answers.pop(0)
        if isinstance(answer, Unreachable):
            raise answer
        return cast(JobSchema, answer)

    meta = {"name": "f", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    record = decode_flow(json.dumps({"metadata": meta, "spec": {"steps": [{"name": "a", "template": job()}]}}).encode())
    parsed = ParsedFlows(jobs)
    with pytest.raises(Unreachable):
        parsed.reading(record)
    assert parsed.reading(record).graph is not None
