"""What a person sees of a flow."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from zenflow.api.types import JobFlow
from zenflow.cli import render
from zenflow.cli.tree import lay_out

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def ago(seconds: int) -> str:
    """A time before NOW as the API writes it."""
    return (NOW - timedelta(seconds=seconds)).isoformat()


def flow(steps: dict[str, dict[str, Any]], phase: str = "Running", **status: Any) -> JobFlow:
    """A flow `etl` that started a minute ago, whose independent steps have these statuses."""
    spec = [{"name": name, "template": {}} for name in steps]
    statuses = [{"name": name, "phase": "Pending", **state} for name, state in steps.items()]
    return JobFlow.model_validate(
        {
            "metadata": {"name": "etl", "namespace": "default", "uid": "1", "creationTimestamp": ago(60)},
            "spec": {"steps": spec},
            "status": {"phase": phase, "startTime": ago(60), "steps": statuses, **status},
        }
    )


def shown(subject: JobFlow, height: int = 50) -> list[str]:
    """The view as it stands on a colourless terminal of 100 columns."""
    console = Console(file=io.StringIO(), width=100)
    console.print(render.flow_view(subject, lay_out(subject.spec.steps), NOW, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_view_shows_state_progress_and_times() -> None:
    """The head says phase, progress and time; each step its mark, its time and what there is to say."""
    subject = flow(
        {
            "extract": {"phase": "Succeeded", "startTime": ago(60), "completionTime": ago(50)},
            "load": {"phase": "Running", "startTime": ago(5), "retryCount": 1},
            "mail": {"phase": "Pending", "nextRetryTime": ago(-8), "retryCount": 1, "message": "exit code 3"},
        },
        progress={"totalSteps": 3, "completedSteps": 1, "summary": "1/3"},
    )
    head, *steps = shown(subject)
    assert head.split() == ["etl", "Running", "━━━━━━━━", "1/3", "1m00s"]
    assert [line.split() for line in steps] == [
        ["├─", "✔", "extract", "10s"],
        ["├─", "●", "load", "5s", "retry", "1"],
        ["└─", "○", "mail", "retry", "2", "in", "8s:", "exit", "code", "3"],
    ]


def test_a_failed_flow_says_why() -> None:
    """The sentence of a failed flow stands under its head."""
    subject = flow({"a": {"phase": "Failed", "message": "exit code 1"}}, "Failed", message="Step a failed")
    assert shown(subject)[1].strip() == "Step a failed"


def test_a_big_flow_shows_what_matters() -> None:
    """Where not all steps fit, those that wait for a person, run or have failed are kept, in their order."""
    steps: dict[str, dict[str, Any]] = {f"done{i}": {"phase": "Succeeded"} for i in range(500)}
    steps |= {"broken": {"phase": "Failed"}, "busy": {"phase": "Running"}, "ask": {"phase": "PendingApproval"}}
    lines = shown(flow(steps), height=5)
    assert [line.split()[2] for line in lines[2:-1]] == ["broken", "busy", "ask"]
    assert lines[-1].strip() == "and 499 more steps"


def test_text_of_the_server_is_neither_markup_nor_control() -> None:
    """Messages are shown as they are, without escape sequences, and rich's markup in them means nothing."""
    subject = flow({"a": {"phase": "Failed", "message": "[red]\x1b[2Jboom[/red]"}}, "Failed", message="\x1b]0;t\x07x")
    text = "\n".join(shown(subject))
    assert "[red]boom[/red]" in text
    assert "\x1b" not in text


def test_changes_tell_each_step_once() -> None:
    """Between two versions only what differs is told: phases, retries, and why."""
    before = flow({"a": {"phase": "Running", "startTime": ago(9)}, "b": {}})
    after = flow(
        {"a": {"phase": "Succeeded", "startTime": ago(9), "completionTime": ago(2)}, "b": {"phase": "Running"}},
    )
    assert list(render.changes(None, before)) == ["etl Running", "etl/a Running"]
    assert list(render.changes(before, after)) == ["etl/a Succeeded in 7s", "etl/b Running"]
    assert list(render.changes(after, after)) == []


def test_a_wait_for_a_retry_is_a_change() -> None:
    """A failed attempt is told although the step goes back to Pending."""
    before = flow({"a": {"phase": "Running"}})
    after = flow({"a": {"nextRetryTime": ago(-10), "message": "exit code 3"}})
    assert list(render.changes(before, after)) == ["etl/a Pending: retry 1: exit code 3"]


def test_outcome() -> None:
    """One line with the time it took and the controller's sentence."""
    subject = flow({"a": {}}, "Succeeded", completionTime=ago(0), message="1 of 1 steps succeeded")
    assert render.outcome(subject) == "etl Succeeded in 1m00s: 1 of 1 steps succeeded"


WORDS = 'Pod x: secret "nowhere" not found. Remedy: create it'
MISSING = {"phase": "Running", "reason": "FailedMount", "message": WORDS}


def test_a_running_step_that_stands_still_says_why() -> None:
    """In its line, and in full under the head, where a narrow window cuts nothing off."""
    subject = flow({"a": MISSING}, message="Step a waits (FailedMount): " + WORDS)
    _, told, step = shown(subject)
    assert told.strip() == "Step a waits (FailedMount): " + WORDS
    assert 'secret "nowhere" not found' in step
    assert "waits" not in "".join(shown(flow({"a": {"phase": "Running"}}, message="Running a")))


def test_what_a_step_stands_still_for_is_a_change_and_so_is_its_end() -> None:
    """A pipe and a log must not be silent where a terminal and kubectl tell."""
    well, held = flow({"a": {"phase": "Running"}}), flow({"a": MISSING})
    assert list(render.changes(well, held)) == ["etl/a Running: " + WORDS]
    assert list(render.changes(held, well)) == ["etl/a Running"]
    waits = flow({"a": {"reason": "QuotaExceeded", "message": "exceeded quota"}})
    assert list(render.changes(flow({"a": {}}), waits)) == ["etl/a Pending: exceeded quota"]


def test_each_try_of_a_job_that_retries_by_itself_is_a_change() -> None:
    """Ten minutes without a word would look like a hang."""
    tries = [
        flow({"a": {"phase": "Running", "reason": "JobRetry", "message": f"Failed {n} of 7 times: exited with 3"}})
        for n in (1, 2)
    ]
    assert list(render.changes(*tries)) == ["etl/a Running: Failed 2 of 7 times: exited with 3"]
    assert list(render.changes(tries[1], tries[1])) == []
