"""The guide's Quick Start as it is typed, where containers really run: by the embedded cluster and by a real node."""

import pytest

from tests.e2e.target import Target
from tests.support.program import ROOT

PIPELINE = ROOT / "examples" / "simple-pipeline.yaml"


@pytest.mark.containers
@pytest.mark.proves("objects.quick-start")
def test_the_quick_start_works_as_it_stands(target: Target) -> None:
    """apply, get, describe, the Jobs by label, their logs."""
    kubectl = target.kubectl
    assert "created" in kubectl.run("apply", "-f", str(PIPELINE))
    target.finish("simple-pipeline")
    header, row = kubectl.run("get", "jobflow", "simple-pipeline").splitlines()
    assert header.split() == ["NAME", "PHASE", "PROGRESS", "AGE"]
    assert row.split()[:3] == ["simple-pipeline", "Succeeded", "2/2"]
    described = kubectl.run("describe", "jobflow", "simple-pipeline")
    assert "Succeeded" in described
    assert "step2" in described
    jobs = kubectl.run("get", "jobs", "-l", "jobflow=simple-pipeline", "--output=name").split()
    assert [kubectl.run("logs", job) for job in jobs] == ["Step 1\n", "Step 2\n"]
