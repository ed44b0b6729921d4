"""Validation: one sentence for each fault, all at once, and none for what is good."""

import json
from typing import Any

import pytest

from tests.support.bad_flows import BAD_FLOWS, BadFlow
from tests.support.jobflows import chain, flow, job, layers, manual, step, stored
from zenflow.api import validation
from zenflow.api.types import BackoffType, ConcurrencyPolicy


def sentences(obj: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in validation.check(obj)]


@pytest.mark.parametrize("bad", BAD_FLOWS, ids=lambda bad: bad.name)
def test_each_fault_is_one_sentence(bad: BadFlow) -> None:
    """Field, value and remedy, and nothing else: a second sentence would send people looking for a second fault."""
    assert sentences(bad.obj) == [bad.sentence]


def test_all_faults_are_told_at_once() -> None:
    """Nobody has to mend a flow one error message at a time, whatever kind the faults are of."""
    found = sentences(
        flow(
            step("a", "nosuch", timeoutSeconds=0),
            step("a", template=None),
            step("c", "d", when="x"),
            step("d", "c"),
            metadata={"name": "Bad_Name"},
        )
    )
    fields = {sentence.split(": ")[0] for sentence in found}
    assert fields == {
        "metadata.name",
        "spec.steps[0].timeoutSeconds",
        "spec.steps[0].dependencies[0]",
        "spec.steps[1].name",
        "spec.steps[1].template",
        "spec.steps[2].when",
        "spec.steps[2].dependencies[0]",
    }


@pytest.mark.parametrize(
    "good",
    [
        flow(step("a")),
        flow(step("a"), metadata={"name": None, "generateName": "etl-"}),
        flow(step("a", when="NEVER"), step("b", when=""), step("c", when="True")),
        flow(step("x" * 63), metadata={"name": "x" * 63}),
        flow(manual("a", message="Bitte prüfen ✅\n\tتحقق")),
        flow(step("a"), executionPolicy=None, resourceTemplates=None),
        flow(step("a"), step("b", "a", "a")),
        flow(step("a", retryPolicy={})),
        flow(step("a"), executionPolicy={"ttlSecondsAfterFinished": 0}),
        flow(*(step(f"s{i}") for i in range(100)), step("all", *(f"s{i}" for i in range(100)))),
    ],
    ids=["plain", "generateName", "when", "63", "text", "nulls", "twice", "defaults", "ttl-0", "100-dependencies"],
)
def test_good_flows_have_no_problem(good: dict[str, Any]) -> None:
    """The limits themselves are allowed, and so is everything the API server would accept."""
    assert sentences(good) == []
    assert sentences(stored(good)) == []


@pytest.mark.parametrize("junk", [None, 5, "text", [], [None], [5, "x", {}], {"a": 1}], ids=repr)
@pytest.mark.parametrize("where", ["metadata", "spec", "steps", "template", "dependencies", "pod", "labels"])
def test_any_json_in_any_place_is_answered_and_never_raises(where: str, junk: Any) -> None:
    """The controller meets objects that were stored while no wall stood."""
    obj: dict[str, Any] = json.loads(json.dumps(flow(step("a", "b"), step("b"))))
    first = obj["spec"]["steps"][0]
    match where:
        case "metadata" | "spec":
            obj[where] = junk
        case "steps":
            obj["spec"]["steps"] = junk
        case "pod":
            first["template"]["spec"]["template"] = junk
        case "labels":
            first["template"]["metadata"] = {"labels": junk}
        case _:
            first[where] = junk
    assert all(isinstance(sentence, str) for sentence in sentences(obj))


@pytest.mark.parametrize("wrong", ["3", True, 1.5, [1], {}], ids=repr)
@pytest.mark.parametrize(
    ("field", "obj"),
    [
        ("timeoutSeconds", lambda value: flow(step("a", timeoutSeconds=value))),
        ("limit", lambda value: flow(step("a", retryPolicy={"limit": value}))),
        ("backoffLimit", lambda value: flow(step("a"), executionPolicy={"backoffLimit": value})),
        ("ttlSecondsAfterFinished", lambda value: flow(step("a"), executionPolicy={"ttlSecondsAfterFinished": value})),
        ("activeDeadlineSeconds", lambda value: flow(step("a"), executionPolicy={"activeDeadlineSeconds": value})),
    ],
)
def test_whole_numbers_are_taken_from_nothing_else(field: str, obj: Any, wrong: Any) -> None:
    """The API server neither rounds nor reads text."""
    (sentence,) = sentences(obj(wrong))
    assert f"{field}: Invalid value: " in sentence
    assert "must be of type integer" in sentence


@pytest.mark.parametrize("namespace", ["data", None])
def test_a_template_may_name_the_namespace_of_its_flow(namespace: str | None) -> None:
    """In a file that names none, it may still turn out to be the one."""
    template = job(metadata={"name": "pasted", "namespace": "data"})
    assert sentences(flow(step("a", template=template), metadata={"namespace": namespace})) == []


def test_another_kind_is_the_only_thing_said_about_an_object() -> None:
    """A Deployment given by mistake is not taken apart field by field."""
    found = sentences({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}})
    assert found == [
        'apiVersion: Unsupported value: "apps/v1": supported values: "workflow.zen.io/v1alpha1"',
        'kind: Unsupported value: "Deployment": supported values: "JobFlow"',
    ]


def test_snake_case_is_not_a_second_spelling() -> None:
    """The API server would drop `retry_policy`, so validation must not read it."""
    assert sentences(flow(step("a", retry_policy={"limit": "many"}))) == []


@pytest.mark.proves("changes.limits")
def test_more_than_2000_steps_are_one_problem() -> None:
    """What is over its limit is not looked into."""
    found = sentences(flow(*({"name": "a", "dependencies": ["x"]} for _ in range(2001))))
    assert found == ["spec.steps: Too many: 2001: must have at most 2000 items"]


def test_problems_beyond_a_thousand_are_left_out() -> None:
    """A flow of 200,000 unknown dependencies must not hold up the others while its problems are written."""
    found = validation.check(flow(*(step(f"s{i}", *(f"x{j}" for j in range(100))) for i in range(100))))
    assert len(found) == validation.MAX_PROBLEMS


@pytest.mark.proves("changes.limits")
@pytest.mark.parametrize("big", [chain(2000), layers(100, 20)], ids=["chain", "layers"])
def test_big_flows_are_accepted(big: dict[str, Any]) -> None:
    """2,000 steps, as deep as they are many or densely connected, without recursion."""
    assert len(validation.parse(stored(big)).spec.steps) == 2000


def test_parse_fills_in_the_defaults_of_the_guide() -> None:
    """limit 3, Exponential, factor 2.0; Forbid; 24 hours."""
    parsed = validation.parse(stored(flow(step("a", retryPolicy={}))))
    policy = parsed.spec.steps[0].retry_policy
    assert policy is not None
    assert (policy.limit, policy.backoff.type, policy.backoff.factor) == (3, BackoffType.EXPONENTIAL, 2.0)
    assert parsed.spec.execution_policy.concurrency_policy is ConcurrencyPolicy.FORBID
    assert parsed.spec.execution_policy.ttl_seconds_after_finished == 86400


def test_parse_refuses_with_every_problem() -> None:
    """The controller writes them into the status of the flow."""
    with pytest.raises(validation.InvalidFlow) as refused:
        validation.parse(stored(flow(step("a", "x"), step("a"))))
    assert len(refused.value.problems) == 2


STARTED = {"status": {"startTime": "2026-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"suspend": True}, []),
        ({"executionPolicy": {"backoffLimit": 3}}, []),
        ({"steps": [step("a", retryPolicy={"limit": 3})]}, []),
        ({"steps": [step("a", retryPolicy={"limit": 4})]}, ["spec.steps"]),
        ({"steps": [step("b")]}, ["spec.steps"]),
        ({"resourceTemplates": {"configMapTemplates": [{"metadata": {"name": "c"}}]}}, ["spec.resourceTemplates"]),
    ],
    ids=["suspend", "policy", "default-written-out", "retries", "steps", "resources"],
)
def test_steps_and_resources_stay_once_the_flow_has_started(spec: dict[str, Any], expected: list[str]) -> None:
    """suspend and executionPolicy may change; a default that is written out is no change."""
    old = flow(step("a", retryPolicy={}))
    new = {**old, "spec": {**old["spec"], **spec}}
    assert [problem.field for problem in validation.check_update(new, {**old, **STARTED})] == expected
    assert validation.check_update(new, old) == ()


@pytest.mark.parametrize("levels", [validation.MAX_DEPTH, 900])
def test_a_spec_that_is_nested_too_deep_is_one_problem_and_nothing_is_looked_at(levels: int) -> None:
    """Before anything that recurses; the step is named."""
    inner: Any = {}
    for _ in range(levels):
        inner = [inner]
    deep = step("b", template={**job(), "x": inner})
    assert sentences(flow(step("a", "nosuch"), deep)) == [
        "spec.steps[1]: Invalid value: is nested more than 100 levels deep; make it flatter"
    ]


def test_the_deepest_spec_is_a_good_one() -> None:
    """A hundred levels, spec and step included: spec, steps, the step, its template, the field."""
    inner: Any = "leaf"
    for _ in range(validation.MAX_DEPTH - 4):
        inner = [inner]
    assert sentences(flow(step("a", template={**job(), "x": inner}))) == []
    assert sentences(flow(step("a", template={**job(), "x": [inner]}))) != []
