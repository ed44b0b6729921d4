"""Specs as far as they can be read."""

import json
from typing import Any, cast

import pytest

from tests.support.jobflows import job
from zenflow.api.job_schema import JobSchema, shipped
from zenflow.controller.library import Library
from zenflow.controller.objects import decode_flow
from zenflow.runtime.errors import Unreachable

CYCLE = [{"name": "a", "dependencies": ["a"], "template": {"spec": {}}}]


def remains(policy: Any) -> int:
    """How long a bad flow with that executionPolicy is kept."""
    meta = {"name": "f", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    spec = {"steps": CYCLE, "executionPolicy": policy}
    reading = Library().reading(decode_flow(json.dumps({"metadata": meta, "spec": spec}).encode()))
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


def problems_of(template: Any, status: Any = None) -> tuple[str, ...]:
    meta = {"name": "f", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    obj = {"metadata": meta, "spec": {"steps": [{"name": "a", "template": template}]}, "status": status or {}}
    return Library().reading(decode_flow(json.dumps(obj).encode())).problems


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
    library = Library(jobs)
    with pytest.raises(Unreachable):
        library.reading(record)
    assert library.reading(record).graph is not None
