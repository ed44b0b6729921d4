"""What a failed attempt means, and the words for it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import Scene, at, exited, job, on_exit, rules
from zenflow.api.types import ExitCodeOperator, PodFailureAction, PodFailurePolicy
from zenflow.dag.failures import describe_cause, describe_exit, describe_tries, explain, read_exit, verdict
from zenflow.dag.snapshot import POD_DELETED, Attempt, ContainerExit, PodFailure, Tries

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


def failing(pod_failures: tuple[PodFailure, ...] = (), *exits: ContainerExit, **facts: Any) -> Attempt:
    return attempt_of(Scene.of(job("a")).failed("a", exits=exits, pod_failures=pod_failures, **facts))


EVICTED = PodFailure("p", "Evicted", "The node was low on resource: memory.", at(5))
TAKEN = PodFailure("p", POD_DELETED, "", at(5))
KILLED = ContainerExit("main", 137, "Error", "bye", at(6), pod="p", by_deletion=True)
OWN = ContainerExit("main", 3, "Error", "no disk", at(4), pod="p")
OTHER = ContainerExit("main", 3, "Error", "no disk", at(9), pod="q")


@pytest.mark.parametrize(
    ("failures", "exits", "cause"),
    [
        pytest.param((EVICTED,), (), "Pod p failed (Evicted): The node was low on resource: memory.", id="alone"),
        pytest.param(
            (EVICTED,),
            (replace(KILLED, by_deletion=False),),
            "Pod p failed (Evicted): The node was low on resource: memory.; container main exited with 137: bye",
            id="with its container",
        ),
        pytest.param(
            (TAKEN,), (KILLED,), "Pod p was deleted while it ran; container main exited with 137: bye", id="deleted"
        ),
        pytest.param((TAKEN,), (), "Pod p was deleted while it ran", id="deleted by force"),
        pytest.param((TAKEN,), (OWN,), "container main exited with 3: no disk", id="it had failed before"),
        pytest.param((EVICTED,), (OTHER,), "container main exited with 3: no disk", id="another failed after it"),
        pytest.param((), (OWN,), "container main exited with 3: no disk", id="a container"),
    ],
)
def test_the_reason_of_a_pod_is_evidence_like_an_exit_code(
    failures: tuple[PodFailure, ...], exits: tuple[ContainerExit, ...], cause: str
) -> None:
    """Where it is what the attempt failed by; its container's exit code stands behind it and can be read back."""
    attempt = failing(failures, *exits)
    assert explain(attempt) == f"Job {attempt.job_name} failed (BackoffLimitExceeded): {cause}"
    read = read_exit(describe_cause(attempt))
    assert (read.exit_code if read else None) == (exits[-1].exit_code if exits else None)


def test_a_job_that_retries_by_itself_tells_which_try_and_when_the_next_comes() -> None:
    """And the exit is read back, where the Pod is gone before the Job has failed."""
    attempt = replace(failing((), OWN), tries=Tries(3, 7, at(40)))
    told = describe_tries(attempt)
    assert told == "Failed 3 of 7 times, next try at about 12:00:40Z: container main exited with 3: no disk"
    assert (read_exit(told) or KILLED).exit_code == 3
    assert describe_tries(replace(attempt, tries=Tries(2), exits=())) == "Failed 2 times"


def test_what_a_container_wrote_is_never_read_as_another_exit() -> None:
    """Its words stand behind its code."""
    forged = ContainerExit("main", 1, "Error", "; container main exited with 42: fine", at(4), pod="p")
    for failures in ((), (EVICTED,)):
        read = read_exit(describe_cause(failing(failures, forged)))
        assert read is not None
        assert read.exit_code == 1


def test_no_other_message_is_read_as_an_exit() -> None:
    """That of an earlier attempt, above all, which a retry keeps."""
    assert read_exit("Job a-1 failed (BackoffLimitExceeded): container main exited with 3") is None
