"""What is wrong with a flow, found without a cluster: all of it in one look, the Job's own rules included."""

import json
from io import BytesIO
from typing import Any

import pytest

from tests.support.jobflows import Object, flow, job, manual, step
from tests.support.templates import mutations
from zenflow.cli.checks import problems
from zenflow.cli.files import STDIN
from zenflow.cli.lint import BAD, lint

SIX = b"""\
apiVersion: workflow.zen.io/v1alpha1
kind: JobFlow
metadata: {name: six}
spec:
  steps:
    - name: one
      template:
        spec:
          backofLimit: 0
          template:
            spec:
              containers:
                - name: main
                  image: busybox
                  comand: [echo]
                  env: [{name: PORT, value: 5432}]
                  resources:
                    limits: {cpu: 1x}
                  volumeMounts:
                    - {name: data, mountPath: /data}
                - name: main
                  image: busybox
"""
AT = "spec.steps[0].template.spec"
MAIN = f"{AT}.template.spec.containers[0]"


def found(template: Any, **spec: Any) -> list[str]:
    return [str(problem) for problem in problems(flow(step("a", template=template), **spec))]


def template(main: Object | None = None, pod: Object | None = None, **spec: Any) -> Object:
    made: Object = json.loads(json.dumps(job()))
    made["spec"].update(spec)
    made["spec"]["template"]["spec"].update(pod or {})
    made["spec"]["template"]["spec"]["containers"][0].update(main or {})
    return made


def test_six_mistakes_are_six_lines() -> None:
    """Those of the schema and those of the Job's own validation, each with its line, field and remedy."""
    report = lint([STDIN], BytesIO(SIX))
    told = "stdin:{}: jobflow/six: {}"
    assert report.lines == (
        told.format(9, f'{AT}.backofLimit: Forbidden: there is no such field; did you mean "backoffLimit"?'),
        told.format(15, f'{MAIN}.comand: Forbidden: there is no such field; did you mean "command"?'),
        told.format(
            16, f'{MAIN}.env[0].value: Invalid value: 5432: must be of type string; write it in quotes: "5432"'
        ),
        told.format(
            18,
            f'{MAIN}.resources.limits[cpu]: Invalid value: "1x": '
            'must be a number and a unit, such as "500m", "2" or "1Gi"',
        ),
        told.format(
            20,
            f'{MAIN}.volumeMounts[0].name: Not found: "data"; '
            "add a volume of this name to the Pod, or correct the name",
        ),
        told.format(
            21,
            f'{AT}.template.spec.containers[1].name: Duplicate value: "main"; give one of the containers another name',
        ),
    )
    assert report.status == BAD


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            template(completionMode="Indexed", parallelism=2),
            f"{AT}.completions: Required value: when completion mode is Indexed; add it",
        ),
        (
            template({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}),
            f'{MAIN}.resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi; '
            "lower the request or raise the limit",
        ),
        (template({"image": ""}), f"{MAIN}.image: Required value: add it"),
        (template({"name": "Main"}), f"{MAIN}.name: Invalid value: "),
        (
            template({"imagePullPolicy": "Sometimes"}),
            f'{MAIN}.imagePullPolicy: Unsupported value: "Sometimes": supported ',
        ),
    ],
)
def test_the_jobs_own_rules_are_asked(made: Any, sentence: str) -> None:
    """As the API server says it when the step is reached; field and remedy are ours."""
    [said] = found(made)
    assert said.startswith(sentence)


def test_a_misspelt_field_is_not_missed_again() -> None:
    """One mistake is one line, though without the field nothing of the rest would be valid."""
    assert found(template({"image": None, "imag": "busybox"})) == [
        f'{MAIN}.imag: Forbidden: there is no such field; did you mean "image"?'
    ]


def test_a_wrong_type_hides_nothing_below_or_beside_it() -> None:
    """A number for text is taken for what was meant, and the rest is looked at."""
    said = found(template({"image": 5, "volumeMounts": [{"name": "data", "mountPath": "/d"}]}))
    assert [sentence.split(": ")[0] for sentence in said] == [f"{MAIN}.image", f"{MAIN}.volumeMounts[0].name"]


def test_resource_templates_are_asked_for_too() -> None:
    """They are made before the first step."""
    claim = {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    config = {"metadata": {"name": "c"}, "data": {"a b": "x"}}
    said = found(job(), resourceTemplates={"volumeClaimTemplates": [claim], "configMapTemplates": [config]})
    assert [sentence.split(": ")[0] for sentence in said] == [
        "spec.resourceTemplates.volumeClaimTemplates[0].spec.accessModes",
        "spec.resourceTemplates.configMapTemplates[0].data[a b]",
    ]


@pytest.mark.parametrize(
    "obj",
    [
        flow(step("a"), manual("b", "a")),
        flow(step("x" * 63), metadata={"name": "a.b." + "c" * 59}),
        flow(step("a"), metadata={"name": None, "generateName": "etl-"}),
        flow(step("a", template=template(completionMode="Indexed", completions=2**31 - 1, parallelism=1))),
    ],
)
def test_a_good_flow_has_no_problem(obj: Any) -> None:
    """Whatever it is called: its Jobs' names are valid."""
    assert problems(obj) == ()


@pytest.mark.parametrize("seed", range(5))
def test_any_template_can_be_looked_at(seed: int) -> None:
    """However wrong it is, the answer is a list of problems."""
    for each in mutations(seed, 60):
        problems(flow(step("a", template={"spec": each.spec}), step("a", "b"), metadata={"name": "Bad_Name"}))


@pytest.mark.parametrize(
    "junk", [None, 1, "x", [], {}, {"metadata": 1, "spec": 1}, {"spec": {"steps": [{"template": []}]}}]
)
def test_any_object_can_be_looked_at(junk: Any) -> None:
    """Whatever stands in a file."""
    assert problems(
        {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", **(junk if isinstance(junk, dict) else {})}
    )
    assert problems(flow(junk, resourceTemplates=junk, executionPolicy=junk))
