"""`zenflow lint`: a line for each problem with file, line and flow, and an exit status."""

from io import BytesIO
from pathlib import Path

import pytest
import yaml

from tests.support.bad_flows import BAD_FLOWS, BadFlow
from tests.support.jobflows import flow, step
from zenflow.cli.files import STDIN
from zenflow.cli.lint import BAD, GOOD, Report, lint, run


def linted(*objects: object) -> Report:
    """The report on standard input."""
    return lint([STDIN], BytesIO(yaml.safe_dump_all(objects).encode()))


@pytest.mark.parametrize("bad", BAD_FLOWS, ids=lambda bad: bad.name)
def test_a_bad_flow_is_one_line(bad: BadFlow) -> None:
    """In the words of every other wall."""
    report = linted(bad.obj)
    (line,) = report.lines
    assert line.endswith(bad.sentence)
    assert report.status == BAD


def test_problems_stand_in_the_order_of_the_file() -> None:
    """With the line of the field and the name of the flow."""
    text = b"""\
apiVersion: workflow.zen.io/v1alpha1
kind: JobFlow
metadata: {name: etl}
spec:
  stepz: []
  steps:
    - name: approve
      type: Manual
      dependencies: [approv]
    - name: approve
      type: Manual
"""
    assert lint([STDIN], BytesIO(text)).lines == (
        'stdin:5: jobflow/etl: spec.stepz: Forbidden: there is no such field; did you mean "steps"?',
        'stdin:9: jobflow/etl: spec.steps[0].dependencies[0]: Not found: "approv": step "approve" depends on it and '
        'the flow has no step of this name; name a step of this flow or remove it (did you mean "approve"?)',
        'stdin:10: jobflow/etl: spec.steps[1].name: Duplicate value: "approve": spec.steps[0] already has this name; '
        "rename one of them",
    )


def test_good_flows_are_counted() -> None:
    """Other kinds may stand beside them."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    report = linted(config, flow(step("a")), flow(step("a"), metadata={"name": "other"}))
    assert (report.status, report.lines, report.summary) == (GOOD, (), "2 flows in 1 file: all good")


def test_a_bad_file_hides_no_other(tmp_path: Path) -> None:
    """Both are told."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: 1\na: 2\n")
    report = lint([bad, tmp_path / "none.yaml", STDIN], BytesIO(yaml.safe_dump(flow(step("a"))).encode()))
    assert len(report.lines) == 2
    assert report.summary == "1 flow in 3 files: 2 problems"


def test_two_flows_of_one_name_in_a_file_are_a_problem() -> None:
    """Applying the second would overwrite the first."""
    (line,) = linted(flow(step("a")), flow(step("b"))).lines
    assert 'metadata.name: Duplicate value: "etl": stdin:1 is a flow of this name' in line


@pytest.mark.parametrize(
    ("kind", "version", "line"),
    [
        ("Jobflow", "workflow.zen.io/v1alpha1", 'kind: Unsupported value: "Jobflow": supported values: "JobFlow"'),
        ("JobFlow", "workflow.zen.io/v1", 'apiVersion: Unsupported value: "workflow.zen.io/v1"'),
        ("Deployment", "apps/v1", "has no JobFlow in it; add one, or leave the file out"),
    ],
)
def test_what_is_nearly_a_flow_is_told(kind: str, version: str, line: str) -> None:
    """Rather than passed over as another kind."""
    report = linted({**flow(step("a")), "kind": kind, "apiVersion": version})
    assert line in report.lines[0]


def test_what_is_shown_is_safe_on_a_terminal(tmp_path: Path) -> None:
    """Neither a name or key in the file nor the name of the file can send escape sequences."""
    file = tmp_path / "f\x1b[2J.yaml"
    file.write_text('kind: JobFlow\n"\\e[2Jx": 1\nmetadata: {name: "\\e[2J"}\n')
    shown: list[str] = []
    assert run([file], show=shown.append) == BAD
    assert not any("\x1b" in line for line in shown)
