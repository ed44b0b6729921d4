"""Templates are as strict as kubectl: what a field may hold, and what is said about anything else."""

import json
from typing import Any

import pytest

from tests.support.jobflows import flow, job, step
from zenflow.api import job_schema, validation

JOBS = job_schema.shipped()
SPEC = "spec.steps[0].template.spec"
POD = f"{SPEC}.template.spec"
MAIN = f"{POD}.containers[0]"
NO_SUCH = "Forbidden: there is no such field"


def template(*, spec: Any = None, pod: Any = None, main: Any = None, **more: Any) -> dict[str, Any]:
    """A good template with more in the Job's spec, in the Pod's, in the container."""
    made: dict[str, Any] = json.loads(json.dumps(job(**more)))
    made["spec"].update(spec or {})
    made["spec"]["template"]["spec"].update(pod or {})
    made["spec"]["template"]["spec"]["containers"][0].update(main or {})
    return made


def sentences(made: Any, **spec: Any) -> list[str]:
    return [str(problem) for problem in validation.check(flow(step("a", template=made), **spec), JOBS)]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (template(main={"comand": ["x"]}), f'{MAIN}.comand: {NO_SUCH}; did you mean "command"?'),
        (template(spec={"backofLimit": 0}), f'{SPEC}.backofLimit: {NO_SUCH}; did you mean "backoffLimit"?'),
        (template(pod={"restartpolicy": "x"}), f'{POD}.restartpolicy: {NO_SUCH}; did you mean "restartPolicy"?'),
        (
            template(pod={"backoffLimit": 0}),
            f'{POD}.backoffLimit: {NO_SUCH}; write "backoffLimit" in the Job\'s spec (template.spec)',
        ),
        (
            template(spec={"restartpolicy": "Never"}),
            f'{SPEC}.restartpolicy: {NO_SUCH}; write "restartPolicy" in the Pod\'s spec (template.spec.template.spec)',
        ),
        (template(main={"zzz": 1}), f"{MAIN}.zzz: {NO_SUCH}; remove it"),
        (template(main={"x" * 5000: 1}), f"{MAIN}[{'x' * 80}…]: {NO_SUCH}; remove it"),
        (
            template(metadata={"lables": {}}),
            f'spec.steps[0].template.metadata.lables: {NO_SUCH}; did you mean "labels"?',
        ),
        (template(foo=1), f"spec.steps[0].template.foo: {NO_SUCH}; remove it"),
        (
            template(main={"env": [{"name": "A", "valeu": "b"}]}),
            f'{MAIN}.env[0].valeu: {NO_SUCH}; did you mean "value"?',
        ),
        (
            template(main={"env": [{"name": "DB_PORT", "value": 5432}]}),
            f'{MAIN}.env[0].value: Invalid value: 5432: must be of type string; write it in quotes: "5432"',
        ),
        (
            template(main={"args": [True]}),
            f'{MAIN}.args[0]: Invalid value: true: must be of type string; write it in quotes: "true"',
        ),
        (
            template(main={"command": "echo hi"}),
            f'{MAIN}.command: Invalid value: "echo hi": must be of type array; write a list',
        ),
        (
            template(spec={"backoffLimit": "3"}),
            f'{SPEC}.backoffLimit: Invalid value: "3": must be of type integer; write it without quotes',
        ),
        (
            template(spec={"completions": 2**31}),
            f"{SPEC}.completions: Invalid value: 2147483648: must be between -2147483648 and 2147483647",
        ),
        (
            template(main={"resources": {"limits": {"cpu": "1x"}}}),
            f'{MAIN}.resources.limits[cpu]: Invalid value: "1x": '
            'must be a number and a unit, such as "500m", "2" or "1Gi"',
        ),
        (
            template(main={"livenessProbe": {"httpGet": {"port": True}}}),
            f"{MAIN}.livenessProbe.httpGet.port: Invalid value: true: must be a whole number or text",
        ),
        (
            template(spec={"suspend": "yes"}),
            f'{SPEC}.suspend: Invalid value: "yes": must be of type boolean; write true or false',
        ),
        (
            template(pod={"volumes": {"name": "d"}}),
            f'{POD}.volumes: Invalid value: "object": must be of type array; write a list',
        ),
        (
            template(pod={"nodeSelector": ["a"]}),
            f'{POD}.nodeSelector: Invalid value: "array": must be of type object; write a mapping of names to values',
        ),
        (
            template(metadata={"creationTimestamp": "yesterday"}),
            'spec.steps[0].template.metadata.creationTimestamp: Invalid value: "yesterday": '
            'must be a time, such as "2026-01-31T12:00:00Z"',
        ),
    ],
)
def test_what_an_api_server_drops_or_can_not_read_has_one_problem(made: Any, sentence: str) -> None:
    """Field, value and remedy."""
    assert sentences(made) == [sentence]


@pytest.mark.parametrize(
    "made",
    [
        template(),
        template(spec={"backoffLimit": None, "parallelism": 2.0, "selector": None}),
        template(main={"command": None, "env": [{"name": "A", "value": None}], "args": [None, "x"], "resources": None}),
        template(main={"resources": {"limits": {"cpu": 0.5, "memory": "1e3", "example.com/gpu": 1}}}),
        template(main={"resources": {"limits": {"cpu": " 1 ", "memory": ".5Gi", "a": "+1.", "b": "-3m", "c": "1E2"}}}),
        template(main={"livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"httpGet": {"port": "http"}}}),
        template(
            metadata={"creationTimestamp": None, "uid": "u", "managedFields": [{"fieldsV1": {"f:spec": {"x": 1}}}]}
        ),
        template(metadata={"creationTimestamp": "2026-01-31T12:00:00Z"}),
        template(status={"anything": ["goes"]}),
        template(pod={"volumes": [{"name": "d", "emptyDir": {}}]}),
    ],
)
def test_what_an_api_server_reads_is_good(made: Any) -> None:
    """Nulls are absent, numbers stand for quantities, and what is left out of a pasted Job is not looked at."""
    assert sentences(made) == []


def test_all_problems_are_told_at_once_and_each_field_once() -> None:
    """With those of the flow itself; a label that is no text is already one of them."""
    made = template(spec={"backofLimit": 0}, main={"comand": [], "args": [1]}, metadata={"labels": {"a": 1}})
    fields = [problem.field for problem in validation.check(flow(step("a", "b", template=made)), JOBS)]
    assert sorted(fields) == sorted(
        [
            "spec.steps[0].dependencies[0]",
            "spec.steps[0].template.metadata.labels[a]",
            f"{SPEC}.backofLimit",
            f"{MAIN}.comand",
            f"{MAIN}.args[0]",
        ]
    )


def test_the_spec_of_a_claim_is_checked_too() -> None:
    """It would fail the flow at its start, for the same reasons."""
    claim = {
        "metadata": {"name": "c"},
        "spec": {"accessMode": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1x"}}},
    }
    found = sentences(template(), resourceTemplates={"volumeClaimTemplates": [claim]})
    assert [sentence.split(": ")[0] for sentence in found] == [
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.accessMode",
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.resources.requests[storage]",
    ]


def test_without_a_schema_the_inside_of_templates_is_left_to_the_api_server() -> None:
    """As where a flow is stored by a server that has neither policy nor webhook."""
    assert validation.check(flow(step("a", template=template(spec={"backofLimit": 0})))) == ()


@pytest.mark.parametrize("limit", [1, 7])
def test_no_more_problems_are_looked_for_than_were_asked_for(limit: int) -> None:
    """A template of a hundred thousand unknown fields costs its flow little, and others nothing."""
    made = template(spec={f"k{i}": i for i in range(100_000)})
    assert len(JOBS.check({"steps": [step("a", template=made)]}, limit)) == limit


def test_a_value_may_be_deeper_than_the_schema() -> None:
    """However deep: what lies below an unknown field is not looked at."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert len(JOBS.check({"steps": [step("a", template=template(spec={"x": deep}, main={"args": deep}))]}, 10)) == 2


@pytest.mark.parametrize("junk", [None, "x", 1, [], [[]], {}, {"steps": "x"}, {"steps": [1, None, {"template": "x"}]}])
def test_what_is_no_template_is_not_looked_at(junk: Any) -> None:
    """The other rules say what is wrong with it."""
    assert JOBS.check(junk, 10) == []
