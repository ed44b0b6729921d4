"""STATUS, READY and RESTARTS of a Pod, as kubectl tells them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from zenflow.local.http.printing import pods

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING: dict[str, Any] = {"running": {}}
COMPLETED = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def failed(code: int = 3, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "c", "state": state, "ready": "running" in state, "restartCount": 0, **more}


def pod(phase: str, *statuses: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": f"c{n}"} for n in range(max(len(statuses), 1))]},
        "status": {"phase": phase, "containerStatuses": list(statuses), **status},
    }


def initializing(*statuses: dict[str, Any], restart_policy: str = "") -> dict[str, Any]:
    starting = pod("Pending", container(waiting("PodInitializing")))
    containers = [{"name": status["name"]} for status in statuses]
    starting["spec"]["initContainers"] = [c | {"restartPolicy": restart_policy} for c in containers]
    starting["status"]["initContainerStatuses"] = list(statuses)
    return starting


def deleted(pod: dict[str, Any]) -> dict[str, Any]:
    return pod | {"metadata": {"name": "p", "deletionTimestamp": "2026-03-01T11:00:00Z"}}


READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (pod("Pending"), "Pending"),
        ({"metadata": {"name": "p"}, "spec": {"containers": []}}, ""),
        (pod("Failed", reason="DeadlineExceeded"), "DeadlineExceeded"),
        (pod("Pending", container(waiting("ContainerCreating"))), "ContainerCreating"),
        (pod("Running", container(waiting("CrashLoopBackOff"))), "CrashLoopBackOff"),
        (pod("Running", container(RUNNING)), "Running"),
        (pod("Succeeded", container(COMPLETED)), "Completed"),
        (pod("Failed", container(failed())), "Error"),
        (pod("Failed", container(failed(reason=""))), "ExitCode:3"),
        (pod("Failed", container({"terminated": {"exitCode": 137, "signal": 9}})), "Signal:9"),
        (pod("Running", container(COMPLETED), container(RUNNING), conditions=READY), "Running"),
        (pod("Running", container(COMPLETED), container(RUNNING)), "NotReady"),
        (pod("Failed", container(COMPLETED), container(failed())), "Error"),
        (deleted(pod("Running", container(RUNNING))), "Terminating"),
        (deleted(pod("Succeeded", container(COMPLETED))), "Completed"),
        (initializing(container(RUNNING), container(waiting("PodInitializing"))), "Init:0/2"),
        (initializing(container(COMPLETED), container(RUNNING)), "Init:1/2"),
        (initializing(container(failed())), "Init:Error"),
        (initializing(container(waiting("CrashLoopBackOff"))), "Init:CrashLoopBackOff"),
        (initializing(container(COMPLETED)), "PodInitializing"),
        (initializing(container(RUNNING, started=True), restart_policy="Always"), "PodInitializing"),
    ],
)
def test_status_says_the_most_telling_word(given: dict[str, Any], status: str) -> None:
    """Deletion outweighs init containers, those outweigh main containers, those outweigh the phase."""
    assert pods.status(given) == status


def test_sidecars_count_as_ready_containers() -> None:
    """An init container that stays up is one of the containers that are to be ready."""
    given = initializing(container(RUNNING, started=True), restart_policy="Always")
    assert pods.ready(given) == "1/2"


@pytest.mark.parametrize(
    ("statuses", "restarts"),
    [
        ([], "0"),
        ([container(RUNNING, restartCount=2)], "2"),
        (
            [
                container(RUNNING, restartCount=1, lastState={"terminated": {"finishedAt": "2026-03-01T11:00:00Z"}}),
                container(RUNNING, restartCount=2, lastState={"terminated": {"finishedAt": "2026-03-01T11:55:00Z"}}),
            ],
            "3 (5m ago)",
        ),
    ],
)
def test_restarts_are_summed_and_the_last_one_dated(statuses: list[dict[str, Any]], restarts: str) -> None:
    """All containers of the Pod count together."""
    assert pods.restarts(pod("Running", *statuses), NOW) == restarts
