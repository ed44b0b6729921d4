"""Unknown fields: found wherever the schema ends, and nowhere it doesn't."""

from typing import Any

import pytest

from tests.support.jobflows import flow, job, step
from zenflow.api import fields

NO_SUCH = "Forbidden: there is no such field"


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        (flow(step("a"), stepz=[]), f'spec.stepz: {NO_SUCH}; did you mean "steps"?'),
        (flow(step("a", dependsOn=["b"])), f'spec.steps[0].dependsOn: {NO_SUCH}; did you mean "dependencies"?'),
        (flow(step("a", retryPolicy={"retries": 3})), f"spec.steps[0].retryPolicy.retries: {NO_SUCH}; remove it"),
        ({**flow(step("a")), "specs": 1}, f'specs: {NO_SUCH}; did you mean "spec"?'),
    ],
    ids=["misspelt", "foreign", "deep", "top"],
)
def test_an_unknown_field_is_named_with_the_nearest_known_one(obj: dict[str, Any], sentence: str) -> None:
    """The API server drops it, and the flow does something else than was meant."""
    assert [str(problem) for problem in fields.unknown(obj)] == [sentence]


def test_the_inside_of_a_template_is_not_looked_at() -> None:
    """Its schema is the business of the cluster's version of batch/v1."""
    template = job(metadata={"labels": {"a": "b"}, "creationTimestamp": None})
    template["spec"]["fieldOfTheNextRelease"] = True
    assert list(fields.unknown(flow(step("a", template=template)))) == []
