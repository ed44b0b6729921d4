"""Why a step failed, told by its status when nothing else tells it any more (semantics.md, section 4)."""

import unicodedata
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, on_host_network, retry, step
from tests.e2e.target import Target

WORDS = "step failing, "  # the last line that its container writes, real or fake


def shell(name: str, script: str, **pod: Any) -> dict[str, Any]:
    """A step whose only container runs a script, and whose Job does not retry."""
    made: dict[str, Any] = step(name, job={"backoffLimit": 0})
    spec = made["template"]["spec"]["template"]["spec"]
    spec["containers"][0]["command"] = ["sh", "-c", script]
    spec.update(pod)
    return made


EVERY_BYTE = "printf '" + "".join(f"\\{byte:03o}" for byte in range(256)) + "'"
TALKS = "echo 'opening the database'; echo 'no such table: orders' >&2; exit 7"
FLOWS = (
    flow("evidence", step("failing", work=Work(codes=(7,)), job={"backoffLimit": 0})),
    flow("evidence-retried", step("failing", work=Work(codes=(7, 0)), **retry(1, duration="4s"))),
)
CONTAINERS = (
    flow("evidence-restarted", shell("failing", TALKS, restartPolicy="OnFailure")),
    flow(
        "evidence-huge",
        shell("failing", "head -c 1000000 /dev/zero | tr '\\0' 'x' >/dev/termination-log; exit 3"),
    ),
    flow("evidence-huge-log", shell("failing", "head -c 1000000 /dev/zero | tr '\\0' 'x'; echo; echo the end; exit 3")),
    flow("evidence-binary", shell("failing", f"{EVERY_BYTE} >/dev/termination-log; exit 3")),
    flow("evidence-escapes", shell("failing", "printf '\\033[31mred\\033[0m \\033]0;title\\007 alert\\n'; exit 3")),
)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Target:
    target.submit(*on_host_network(*FLOWS, *(() if target.name == "control_plane" else CONTAINERS)))
    return target


def failed_step(target: Target, name: str) -> dict[str, Any]:
    outcome = target.finish(name)
    assert outcome.phase == "Failed"
    return outcome.step("failing")


def message_of(target: Target, name: str) -> str:
    """What the status says of the failed step: small, and nothing that a terminal would obey."""
    failed = failed_step(target, name)
    message: str = failed["message"]
    assert failed["exitCode"] == 3
    assert len(message.encode()) <= 1024
    assert not [each for each in message if unicodedata.category(each) == "Cc" and each not in "\n\t"]
    return message


@pytest.mark.proves("evidence.exit-code", "evidence.last-lines")
def test_a_failed_step_tells_its_exit_code_and_last_lines(submitted: Target) -> None:
    """From its Pod."""
    failed = failed_step(submitted, "evidence")
    assert failed["exitCode"] == 7
    assert f"container main exited with 7: {WORDS}" in failed["message"]


@pytest.mark.proves("evidence.describe")
def test_describe_alone_tells_why_a_flow_failed(submitted: Target) -> None:
    """`kubectl describe jobflow`: step, exit code and last lines, in the status and in an Event."""
    submitted.finish("evidence")
    described = submitted.kubectl.run("describe", "jobflow", "evidence")
    status, _, events = described.partition("Events:")
    told = f"container main exited with 7: {WORDS}"
    assert f"Step failing failed: Job {job_of(submitted)} failed" in status
    assert told in status
    assert told in events


def job_of(target: Target) -> str:
    name: str = target.flow("evidence")["status"]["steps"][0]["jobRef"]["name"]
    return name


@pytest.mark.proves("evidence.earlier-attempt")
def test_the_wait_for_a_retry_tells_what_the_last_attempt_died_of(submitted: Target) -> None:
    """An Event has it also after the retry has succeeded."""
    outcome = submitted.finish("evidence-retried")
    assert outcome.phase == "Succeeded"
    events = submitted.kubectl.get("events", "--field-selector=involvedObject.name=evidence-retried")["items"]
    [retried] = [event for event in events if event["reason"] == "StepRetry"]
    assert "exited with 7" in retried["message"]


@pytest.mark.containers
@pytest.mark.proves("evidence.restart-on-failure")
def test_evidence_outlives_the_pod_that_the_job_controller_deletes(submitted: Target) -> None:
    """restartPolicy OnFailure: at the limit the Pod goes, and exit code and log with it."""
    failed = failed_step(submitted, "evidence-restarted")
    pods = submitted.kubectl.get("pods", "--selector=jobflow=evidence-restarted")["items"]
    assert pods == []
    assert failed["exitCode"] == 7
    assert "no such table: orders" in failed["message"]


@pytest.mark.containers
@pytest.mark.proves("evidence.small")
@pytest.mark.parametrize("name", ["evidence-huge", "evidence-huge-log"])
def test_a_megabyte_of_last_words_is_cut(submitted: Target, name: str) -> None:
    """To a kibibyte of the status."""
    assert "exited with 3: " in message_of(submitted, name)


@pytest.mark.containers
@pytest.mark.proves("evidence.small")
def test_the_end_of_a_long_log_is_what_is_kept(submitted: Target) -> None:
    """There the error stands."""
    assert message_of(submitted, "evidence-huge-log").endswith("the end")


@pytest.mark.containers
@pytest.mark.proves("evidence.valid")
def test_a_binary_message_makes_no_invalid_status(submitted: Target) -> None:
    """Text that every reader can read."""
    message_of(submitted, "evidence-binary")


@pytest.mark.containers
@pytest.mark.proves("evidence.valid")
def test_escape_sequences_do_not_reach_the_status(submitted: Target) -> None:
    """`kubectl describe` and `get -o wide` print it to a terminal."""
    assert message_of(submitted, "evidence-escapes").endswith("red  alert")
