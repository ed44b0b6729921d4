"""What is told of Pods that fail as a whole and of Jobs that retry by themselves, and of what others say of them."""

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.target import Target
from tests.support.waiting import eventually
from zenflow.text import as_message

LONG = Work(seconds=600)
NOW = "2026-01-01T00:00:00Z"


def disruption(reason: str) -> dict[str, Any]:
    """As the scheduler, the eviction API and the Pod garbage collector mark a Pod (KEP-3329)."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "in its own words"}
    return {"phase": "Failed", "conditions": [{**condition, "lastTransitionTime": NOW}], "containerStatuses": []}


def lost(reason: str, message: str) -> dict[str, Any]:
    """As kubelet reports a Pod that it gives up."""
    return {"phase": "Failed", "reason": reason, "message": message, "containerStatuses": []}


FAILURES = {
    "lost-evicted": (lost("Evicted", "The node was low on resource: memory."), "Evicted", "low on resource: memory"),
    "lost-deadline": (lost("DeadlineExceeded", "Pod was active too long"), "DeadlineExceeded", "active too long"),
    "lost-volume": (lost("UnsupportedVolume", "no such plugin"), "UnsupportedVolume", "no such plugin"),
    "lost-preempted": (disruption("PreemptionByScheduler"), "PreemptionByScheduler", "in its own words"),
    "lost-node": (disruption("DeletionByPodGC"), "DeletionByPodGC", "in its own words"),
}
HOSTILE = "Approved\x1b[31m by alice\nStep b: fine\u202e\u2028"
TWICE = flow("tried", step("a", work=Work(codes=(3,)), job={"backoffLimit": 1}))


def pods_of(target: Target, name: str, phase: str) -> list[str]:
    def there() -> list[str]:
        pods = target.kubectl.get("pods", f"--selector=jobflow={name}")["items"]
        return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == phase]

    return eventually(there, within=120, what=f"{name} has a Pod that is {phase}", else_show=lambda: target.story(name))


@pytest.fixture(scope="module")
def submitted(target: Target) -> Target:
    real = {} if target.name in ("embedded", "node") else FAILURES
    target.submit(*(flow(name, step("a", work=LONG, job={"backoffLimit": 0})) for name in (*real, "lost-deleted")))
    return target


def failed_step(target: Target, name: str) -> dict[str, Any]:
    outcome = target.finish(name)
    assert outcome.phase == "Failed"
    return outcome.step("a")


@pytest.mark.real
@pytest.mark.served
@pytest.mark.proves("evidence.pods")
@pytest.mark.parametrize("name", FAILURES)
def test_the_reason_of_a_failed_pod_is_told_like_an_exit_code(submitted: Target, name: str) -> None:
    """In the step's status and its Event, and not that a limit was reached."""
    status, reason, words = FAILURES[name]
    [pod] = pods_of(submitted, name, "Running")
    patch = f"--patch={json.dumps({'status': status})}"
    submitted.kubectl.run("patch", "pod", pod, "--subresource=status", "--type=merge", patch)
    message = failed_step(submitted, name)["message"]
    assert f"Pod {pod} failed ({reason})" in message
    assert words in message
    events = submitted.kubectl.get("events", f"--field-selector=involvedObject.name={name}")["items"]
    assert [event["reason"] for event in events] == ["StepFailed"]
    assert message in events[0]["message"]


@pytest.mark.proves("evidence.pods")
def test_a_pod_that_somebody_deleted_is_told_as_deleted(submitted: Target) -> None:
    """An exit code of 143 alone would send people to look for what the command did wrong."""
    [pod] = pods_of(submitted, "lost-deleted", "Running")
    submitted.kubectl.run("delete", "pod", pod, "--wait=false")
    assert f"Pod {pod} was deleted while it ran" in failed_step(submitted, "lost-deleted")["message"]


@pytest.mark.proves("evidence.tries")
def test_each_try_of_a_job_that_retries_by_itself_is_told_as_it_happens(target: Target) -> None:
    """Which of how many, what it failed by and when the next begins: in status, `get -o wide` and an Event."""
    target.submit(TWICE)

    def told() -> dict[str, Any] | None:
        steps = target.flow("tried").get("status", {}).get("steps", [])
        return next((each for each in steps if each.get("reason") == "JobRetry"), None)

    tried = eventually(told, within=60, what="a try is told", every=0.2, else_show=lambda: target.story("tried"))
    # When a busy node hears of it late, the time of the next try has come already.
    assert re.match(r"Failed 1 of 2 times(, next try at about \d\d:\d\d:\d\dZ)?: ", tried["message"])
    assert "container main exited with 3" in tried["message"]
    assert (tried["phase"], tried["exitCode"]) == ("Running", 3)
    assert "Step a: Failed 1 of 2 times" in target.kubectl.run("get", "jobflow", "tried", "--output=wide")
    events = target.kubectl.get("events", "--field-selector=involvedObject.name=tried")["items"]
    assert [event["reason"] for event in events] == ["JobRetry"]
    assert failed_step(target, "tried")["exitCode"] == 3


@pytest.mark.real
@pytest.mark.served
@pytest.mark.proves("evidence.others-words")
@pytest.mark.parametrize(("name", "size"), [("said-dirty", 0), ("said-huge", 1_200_000)])
def test_what_somebody_writes_into_an_event_is_one_short_line(target: Target, name: str, size: int) -> None:
    """Its reason is no reason, its message a forged line: neither status, Event nor metric carries them."""
    made = step("a")
    marks = made["template"]["spec"]["template"]["metadata"]["annotations"]
    marks["fake.zenflow.test/waiting"] = "ContainerCreating"
    target.submit(flow(name, made))
    [pod] = pods_of(target, name, "Pending")
    meta = target.kubectl.get("pod", pod)["metadata"]
    about = {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": "default", "uid": meta["uid"]}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": about,
        "type": "Warning",
        "reason": HOSTILE + "x" * size,
        "message": HOSTILE[:900],
        "lastTimestamp": "2099-01-01T00:00:00Z",
    }
    target.kubectl.create(event)

    def told() -> dict[str, Any] | None:
        [found] = target.flow(name)["status"]["steps"]
        return found if found.get("reason") else None

    held = eventually(told, within=90, what=f"{name} says why", every=0.5, else_show=lambda: target.story(name))
    assert held["reason"] == "PodNotStarted"
    assert held["message"] == as_message(held["message"])
    assert "Approved by alice | Step b: fine" in held["message"]
    events = target.kubectl.get("events", f"--field-selector=involvedObject.name={name}")["items"]
    assert [(each["reason"], as_message(each["message"])) for each in events] == [
        ("PodNotStarted", each["message"]) for each in events
    ]
    with urllib.request.urlopen(f"http://127.0.0.1:{target.metrics_port}/metrics", timeout=10) as answer:
        assert b"alice" not in answer.read()
    target.kubectl.run("delete", "jobflow", name, "--wait=false")


@pytest.mark.served
@pytest.mark.proves("approval.bound")
def test_the_command_of_the_message_approves_the_flow_that_was_read_and_no_other(target: Target) -> None:
    """Somebody deletes it and creates another of its name before it is typed: the API server refuses."""
    read = commanded(target, "bound")
    target.kubectl.run("delete", "jobflow", "bound", "--wait=true")
    anew = commanded(target, "bound")
    refused = not target.kubectl.succeeds(*read)
    assert refused
    assert target.flow("bound")["status"]["steps"][0]["phase"] == "PendingApproval"
    target.kubectl.run(*anew)
    assert target.finish("bound").phase == "Succeeded"


def commanded(target: Target, name: str) -> list[str]:
    """Submit a flow that asks, and read what to type from its message."""
    target.submit(flow(name, {"name": "ask", "type": "Manual", "message": "Is it time?\nStep b: Approved by alice\n"}))
    asked = target.wait_for_step(name, "ask", "PendingApproval")["status"]
    assert asked["steps"][0]["message"] == "Is it time? | Step b: Approved by alice"
    words: str = asked["message"].partition("kubectl ")[2]
    head, _, patch = words.partition(" -p ")
    return [*head.split(), f"--patch={patch.strip(chr(39))}"]
