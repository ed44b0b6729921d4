"""What Pods tell about an attempt."""

import json
from typing import Any

import pytest

from zenflow.controller.app import informers
from zenflow.controller.evidence import (
    exits_of,
    is_news,
    pod_failures_of,
    suspension_of,
    trouble_of,
    unreadable_of,
)
from zenflow.controller.objects import Pod, decode_job, decode_pod, remains_of


def pod(*containers: dict[str, Any], conditions: tuple[dict[str, Any], ...] = ()) -> Pod:
    status = {"containerStatuses": list(containers), "conditions": list(conditions)}
    return decode_pod(json.dumps({"metadata": {"name": "p", "uid": "u"}, "status": status}).encode())


def ended(code: int, at: str = "2026-01-01T00:00:00Z", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": "Error", "message": message, "finishedAt": at}}


def test_a_failed_container_is_evidence_with_its_last_lines() -> None:
    """Exit code and message reach the step's status."""
    [exited] = exits_of([pod({"name": "main", "state": ended(3, message="no disk")})])
    assert (exited.container, exited.exit_code, exited.message) == ("main", 3, "no disk")


def test_a_container_that_was_restarted_keeps_its_earlier_failure_as_evidence() -> None:
    """With restartPolicy OnFailure the only trace is lastState."""
    running = {"name": "main", "state": {"running": {}}, "lastState": ended(7)}
    assert [exited.exit_code for exited in exits_of([pod(running)])] == [7]


def test_success_is_no_evidence_of_failure() -> None:
    """Exit code 0 never reaches a rule of podFailurePolicy."""
    assert exits_of([pod({"name": "main", "state": ended(0)})]) == ()


def test_the_latest_failure_comes_last() -> None:
    """The step's exitCode is that of the last failed container."""
    early, late = ended(1, "2026-01-01T00:00:01Z"), ended(2, "2026-01-01T00:00:09Z")
    assert [e.exit_code for e in exits_of([pod({"name": "a", "state": late}), pod({"name": "b", "state": early})])] == [
        1,
        2,
    ]


UNREADABLE = b'{"metadata":{"name":"x","uid":"u"},"status":{"conditions":7,"phase":"Pending"}}'


def test_a_job_that_cannot_be_read_is_told_as_its_step_s_trouble() -> None:
    """Whoever looks at the flow must not have to read the controller's log."""
    trouble = unreadable_of(remains_of(decode_job, UNREADABLE))
    assert trouble is not None
    assert (trouble.reason, "Job x: Job is unreadable" in trouble.message) == ("Unreadable", True)
    assert unreadable_of(decode_job(b'{"metadata":{"name":"x"}}')) is None


def test_a_pod_that_cannot_be_read_is_told_as_its_step_s_trouble() -> None:
    """Its exit codes are lost with it."""
    trouble = trouble_of([remains_of(decode_pod, UNREADABLE)])
    assert trouble is not None
    assert (trouble.reason, "Pod x: Pod is unreadable" in trouble.message) == ("Unreadable", True)


def test_an_unschedulable_pod_says_why() -> None:
    """In the scheduler's own words."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    trouble = trouble_of([pod(conditions=(condition,))])
    assert trouble is not None
    assert (trouble.reason, "0/3 nodes" in trouble.message) == ("Unschedulable", True)


def test_an_image_that_cannot_be_pulled_is_trouble_and_a_starting_container_is_not() -> None:
    """ContainerCreating passes by itself."""
    stuck = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}}
    starting = {"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}
    assert trouble_of([pod(stuck)]) is not None
    assert trouble_of([pod(starting)]) is None


def test_a_pod_that_starts_and_succeeds_is_no_news() -> None:
    """Otherwise every Pod would wake its flow half a dozen times for nothing."""
    starting = pod({"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}})
    done = pod({"name": "main", "state": ended(0)})
    failed = pod({"name": "main", "state": ended(1)})
    assert not is_news(None, starting)
    assert not is_news(starting, done)
    assert is_news(starting, failed)


def test_a_pull_that_fails_has_one_reason_though_kubelet_has_two() -> None:
    """It goes back and forth between them, and a step's reason must not."""
    states = [{"waiting": {"reason": reason, "message": "no"}} for reason in ("ErrImagePull", "ImagePullBackOff")]
    troubles = [trouble_of([pod({"name": "main", "state": state})]) for state in states]
    assert {trouble.reason for trouble in troubles if trouble} == {"ImagePullBackOff"}


def test_a_job_that_somebody_suspended_says_how_to_resume_it() -> None:
    """Kueue suspends Jobs until there is room."""

    def job(status: str) -> Any:
        condition = {"type": "Suspended", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}
        body = {"metadata": {"name": "j", "uid": "u"}, "status": {"conditions": [condition]}}
        return decode_job(json.dumps(body).encode())

    trouble = suspension_of(job("True"))
    assert trouble is not None
    assert 'kubectl patch job j --type=merge -p \'{"spec":{"suspend":false}}\'' in trouble.message
    assert suspension_of(job("False")) is None


# --- Pods that fail as a whole ---


def gone(deleted: str = "", grace: int = 0, **status: Any) -> Pod:
    """A Pod of which more than its containers tells; `deleted` is its deletionTimestamp."""
    meta = {"name": "p", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    meta |= {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": grace} if deleted else {}
    return decode_pod(json.dumps({"metadata": meta, "status": status}).encode())


def disrupted(reason: str) -> dict[str, Any]:
    at = "2026-01-01T00:00:05Z"
    return {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "why", "lastTransitionTime": at}


DELETED = "2026-01-01T00:00:40Z"  # asked for at :10, with half a minute to end in
KILLED = {"name": "main", "state": ended(143, "2026-01-01T00:00:11Z")}


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(gone(phase="Failed", reason="Evicted", message="low"), "Evicted", id="evicted, nothing ever ran"),
        pytest.param(
            gone(phase="Failed", reason="Evicted", conditions=[disrupted("TerminationByKubelet")]), "Evicted", id="both"
        ),
        pytest.param(gone(phase="Failed", reason="DeadlineExceeded"), "DeadlineExceeded", id="its own deadline"),
        pytest.param(gone(phase="Failed", reason="UnsupportedVolume"), "UnsupportedVolume", id="refused by its node"),
        pytest.param(
            gone(DELETED, 30, phase="Running", conditions=[disrupted("PreemptionByScheduler")]),
            "PreemptionByScheduler",
            id="preempted",
        ),
        pytest.param(
            gone(phase="Failed", conditions=[disrupted("DeletionByPodGC")]), "DeletionByPodGC", id="its node is lost"
        ),
        pytest.param(gone(DELETED, 30, phase="Failed", containerStatuses=[KILLED]), "PodDeleted", id="deleted"),
        pytest.param(
            gone(DELETED, 0, phase="Running", containerStatuses=[{"name": "main", "state": {"running": {}}}]),
            "PodDeleted",
            id="deleted by force",
        ),
    ],
)
def test_a_pod_that_failed_by_no_fault_of_its_containers_says_by_whose(pod: Pod, reason: str) -> None:
    """In the words of kubelet, the scheduler or the Pod garbage collector."""
    [failure] = pod_failures_of([pod])
    assert (failure.pod, failure.reason) == ("p", reason)
    assert is_news(None, pod)


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(gone(phase="Failed", containerStatuses=[{"name": "main", "state": ended(1)}]), id="its own fault"),
        pytest.param(gone(DELETED, 30, phase="Succeeded"), id="deleted and yet done"),
        pytest.param(gone(DELETED, 30, phase="Pending"), id="deleted before it ran"),
        pytest.param(
            gone(DELETED, 30, phase="Failed", containerStatuses=[{"name": "main", "state": ended(1)}]),
            id="deleted after it had failed",
        ),
        pytest.param(gone(phase="Running", conditions=[disrupted("PreemptionByScheduler")]), id="only marked yet"),
    ],
)
def test_a_pod_that_ended_by_itself_is_no_pod_failure(pod: Pod) -> None:
    """Its containers say what there is to say."""
    assert pod_failures_of([pod]) == ()


def test_what_a_pod_failed_by_before_it_was_deleted_is_told_last() -> None:
    """The Job controller deletes what runs on of a Job that has failed; that end is not the cause."""
    restarted = {"name": "main", "lastState": ended(7, "2026-01-01T00:00:09Z"), "state": KILLED["state"]}
    assert [each.exit_code for each in exits_of([gone(DELETED, 30, containerStatuses=[restarted])])] == [143, 7]


def test_a_grace_period_beyond_all_calendars_is_no_error() -> None:
    """Whoever may delete a Pod chooses it, and this is asked by the thread that every Pod's news comes through."""
    assert is_news(None, gone(DELETED, 2**63 - 1, containerStatuses=[{"name": "main", "state": {"running": {}}}]))


def test_a_pod_keeps_when_its_deletion_was_first_asked_for() -> None:
    """When all containers have ended the kubelet deletes it by force, which sets another time."""
    [informer] = informers()[2]
    ends: list[Pod] = []
    informer.add_handler(lambda old, new: ends.append(old) if old and not new else None)
    running = [{"name": "main", "state": {"running": {}}}]
    killed = [{"name": "main", "state": ended(137, "2026-01-01T00:00:12Z")}]
    asked, forced = ("2026-01-01T00:00:12Z", 1), ("2026-01-01T00:00:13Z", 0)
    informer.replace([decode_pod(whole_pod(1, None, running))], "1")
    informer.feed(told("MODIFIED", whole_pod(2, asked, running)))
    informer.feed(told("MODIFIED", whole_pod(3, asked, killed)))
    informer.feed(told("MODIFIED", whole_pod(4, forced, killed)))
    informer.feed(told("DELETED", whole_pod(5, forced, killed)))
    [failure] = pod_failures_of(ends)
    assert failure.reason == "PodDeleted"


def whole_pod(version: int, deletion: tuple[str, int] | None, containers: list[dict[str, Any]]) -> bytes:
    """A Pod as the API server tells it at a version."""
    meta = {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": str(version)}
    if deletion:
        meta |= {"deletionTimestamp": deletion[0], "deletionGracePeriodSeconds": deletion[1]}
    return json.dumps({"metadata": meta, "status": {"phase": "Failed", "containerStatuses": containers}}).encode()


def told(type_: str, pod: bytes) -> bytes:
    return b'{"type": "%s", "object": %s}' % (type_.encode(), pod)
