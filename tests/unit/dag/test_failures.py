"""What a failed attempt means, and the words for it."""

import pytest

from tests.support.builders import Scene, exited, job, on_exit, rules
from zenflow.api.types import ExitCodeOperator, PodFailureAction, PodFailurePolicy
from zenflow.dag.failures import describe_exit, explain, read_exit, verdict
from zenflow.dag.snapshot import Attempt, ContainerExit

IGNORE, COUNT, FAIL_JOB = PodFailureAction.IGNORE, PodFailureAction.COUNT, PodFailureAction.FAIL_JOB
NOT_IN = ExitCodeOperator.NOT_IN


@pytest.mark.parametrize(
    ("policy", "exits", "expected"),
    [
        pytest.param(None, [exited(1)], (FAIL_JOB, None), id="no policy"),
        pytest.param(rules(), [exited(1)], (FAIL_JOB, None), id="no rules"),
        pytest.param(rules(on_exit(IGNORE, 1, 2)), [exited(2)], (IGNORE, 2), id="In"),
        pytest.param(rules(on_exit(IGNORE, 1, 2)), [exited(3)], (FAIL_JOB, None), id="In, another code"),
        pytest.param(rules(on_exit(COUNT, 0, operator=NOT_IN)), [exited(9)], (COUNT, 9), id="NotIn"),
        pytest.param(rules(on_exit(COUNT, 9, operator=NOT_IN)), [exited(9)], (FAIL_JOB, None), id="NotIn, that code"),
        pytest.param(rules(on_exit(IGNORE, 1)), [], (FAIL_JOB, None), id="no exit code known"),
        pytest.param(rules(on_exit(COUNT, 1), on_exit(IGNORE, 1)), [exited(1)], (COUNT, 1), id="the first rule wins"),
        pytest.param(
            rules(on_exit(FAIL_JOB, 1), on_exit(IGNORE, 0, operator=NOT_IN)),
            [exited(1)],
            (FAIL_JOB, 1),
            id="FailJob shields from a later rule",
        ),
        pytest.param(rules(on_exit(IGNORE, 2)), [exited(1), exited(2)], (IGNORE, 2), id="any of several Pods"),
        pytest.param(
            rules(on_exit(IGNORE, 1)), [exited(1, "sidecar"), exited(7)], (FAIL_JOB, None), id="main is looked at"
        ),
        pytest.param(rules(on_exit(IGNORE, 1)), [exited(1, "sidecar")], (FAIL_JOB, None), id="though it succeeded"),
        pytest.param(rules(on_exit(IGNORE, 1)), [exited(1, "init")], (FAIL_JOB, None), id="though it never ran"),
        pytest.param(
            rules(on_exit(IGNORE, 1)), [exited(1, "worker")], (IGNORE, 1), id="any, where none is called main"
        ),
        pytest.param(
            rules(on_exit(IGNORE, 1, container="sidecar")),
            [exited(7), exited(1, "sidecar")],
            (IGNORE, 1),
            id="the container named",
        ),
        pytest.param(
            rules(on_exit(IGNORE, 1, container="main")),
            [exited(1, "worker")],
            (FAIL_JOB, None),
            id="the container named, and no other in its place",
        ),
    ],
)
def test_the_first_rule_that_matches_decides(
    policy: PodFailurePolicy | None, exits: list[ContainerExit], expected: tuple[PodFailureAction, int | None]
) -> None:
    """semantics.md, section 5; where none matches, the failure is an ordinary one."""
    has_main = all(each.container != "worker" for each in exits)
    assert verdict(policy, exits, has_main=has_main) == expected


def attempt_of(scene: Scene) -> Attempt:
    return scene.attempts["a"][-1]


def test_a_failure_names_the_job_its_reason_and_the_last_lines() -> None:
    """All that a person needs who cannot read the logs any more."""
    failed = Scene.of(job("a")).failed("a", exits=(exited(3, message="no such table\n"),))
    attempt = attempt_of(failed)
    expected = f"Job {attempt.job_name} failed (BackoffLimitExceeded): container main exited with 3: no such table"
    assert explain(attempt) == expected


def test_a_failure_without_evidence_has_the_words_of_the_job() -> None:
    """DeadlineExceeded, say: there the Pods are gone before anybody reads them."""
    attempt = attempt_of(Scene.of(job("a")).failed("a", reason="DeadlineExceeded", message="Job was active too long"))
    assert explain(attempt).endswith("failed (DeadlineExceeded): Job was active too long")


def test_a_failure_that_nobody_explains_ends_in_no_colon() -> None:
    """A Job with neither reason nor message."""
    attempt = attempt_of(Scene.of(job("a")).failed("a", reason="", message=""))
    assert explain(attempt) == f"Job {attempt.job_name} failed"


def test_a_deleted_job_is_told_as_deleted() -> None:
    """The exit code of a Pod that was killed with its Job explains nothing."""
    attempt = attempt_of(Scene.of(job("a")).deleted("a", exits=(exited(143),)))
    assert explain(attempt) == "Job was deleted while the step ran"


def test_a_job_deleted_after_it_failed_is_told_as_failed() -> None:
    """Its evidence was caught before it went."""
    attempt = attempt_of(Scene.of(job("a")).failed("a", 3, is_gone=True))
    assert explain(attempt).endswith("container main exited with 3")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        pytest.param("Error", "container main exited with 1", id="Error says nothing"),
        pytest.param("OOMKilled", "container main exited with 1 (OOMKilled)", id="OOMKilled does"),
    ],
)
def test_an_exit_names_its_reason_where_it_tells_something(reason: str, text: str) -> None:
    """Error stands beside every exit code that is not 0."""
    assert describe_exit(ContainerExit("main", 1, reason, "")) == text


@pytest.mark.parametrize("reason", ["", "OOMKilled"])
@pytest.mark.parametrize("message", ["", "no disk: /data\nno luck"])
def test_an_exit_that_was_told_can_be_read_back(message: str, reason: str) -> None:
    """It is kept in a status alone once its Pod is gone."""
    told = ContainerExit(container="main", exit_code=137, reason=reason, message=message)
    assert read_exit(describe_exit(told)) == told


def test_no_other_message_is_read_as_an_exit() -> None:
    """That of an earlier attempt, above all, which a retry keeps."""
    assert read_exit("Job a-1 failed (BackoffLimitExceeded): container main exited with 3") is None
