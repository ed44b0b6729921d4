"""Flows with Manual steps, and what must become of them when people answer. Written once, run wherever admission is.

All of them are submitted first; each check then answers its own and looks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.flows import Work, flow, step
from tests.e2e.outcome import Outcome, assert_always
from tests.e2e.people import People
from tests.e2e.target import Target
from tests.support.waiting import eventually

Object = dict[str, Any]
Check = Callable[[Target, People, str], None]


@dataclass(frozen=True)
class Gate:
    """`make` gives the flow of a name; `check` answers and judges. `early` is approved when it is created."""

    id: str
    make: Callable[[str], Object]
    check: Check
    proves: tuple[str, ...]
    early: bool = False


def gate(name: str = "gate", *after: str, **fields: Any) -> Object:
    return {"name": name, "type": "Manual", **({"dependencies": list(after)} if after else {}), **fields}


def approve(people: People, flow_name: str, answer: str = "true", *, user: str = "alice", name: str = "gate") -> None:
    people[user].run("annotate", "jobflow", flow_name, f"workflow.zen.io/approved/{name}={answer}")


def step_of(target: Target, flow_name: str, name: str) -> Object:
    steps = target.flow(flow_name).get("status", {}).get("steps", ())
    return next((each for each in steps if each["name"] == name), {"name": name, "phase": None})


def wait_for(target: Target, flow_name: str, name: str, phase: str) -> None:
    """Until a step is in that phase."""

    def is_there() -> bool:
        target.assert_controller_lives()
        return bool(step_of(target, flow_name, name)["phase"] == phase)

    eventually(is_there, within=120, what=f"{flow_name}/{name} is {phase}", else_show=lambda: target.story(flow_name))


def condition(target: Target, flow_name: str) -> Object:
    found: Object = next(c for c in target.flow(flow_name)["status"]["conditions"] if c["type"] == "Paused")
    return found


def events(target: Target, flow_name: str, reason: str) -> list[str]:
    """The messages of the Events of this reason, once there are any: they follow the status."""
    selector = f"--field-selector=involvedObject.name={flow_name},reason={reason}"
    return eventually(
        lambda: [event["message"] for event in target.kubectl.get("events", selector)["items"]],
        within=30,
        what=f"an Event {reason} of {flow_name}",
    )


def migration(name: str) -> Object:
    """The guide's example, with a branch beside it."""
    return flow(
        name,
        step("backup-db"),
        gate("gate", "backup-db", message="Please verify backup before proceeding with schema migration"),
        step("migrate-schema", "gate"),
        step("report"),
        step("archive", "report", work=Work(seconds=1)),
    )


def check_approved(target: Target, people: People, name: str) -> None:
    """Paused, with the question, since when and what to type; the other branch goes on; approved it goes on itself."""
    target.kubectl.run("wait", "--for=condition=Paused", f"jobflow/{name}", "--timeout=120s")
    wait_for(target, name, "archive", "Succeeded")
    paused = target.flow(name)["status"]
    assert paused["phase"] == "Paused"
    assert f"kubectl patch jobflow {name} --type=merge -p '" in paused["message"]
    asked = step_of(target, name, "gate")
    assert asked["phase"] == "PendingApproval"
    assert asked["message"] == "Please verify backup before proceeding with schema migration"
    assert asked["startTime"]
    assert step_of(target, name, "migrate-schema")["phase"] == "Pending"
    assert condition(target, name)["reason"] == "ApprovalRequired"
    assert any("Please verify backup" in message for message in events(target, name, "ApprovalRequired"))
    shown = target.kubectl.run(
        "get", "jobflow", name, "--output=jsonpath={.status.steps[?(@.name=='gate')].phase}"
    )  # the guide's way to check
    assert shown == "PendingApproval"
    approve(people, name)
    outcome = target.finish(name)
    assert_always(outcome)
    assert outcome.phase == "Succeeded"
    assert outcome.step("gate")["phase"] == "Succeeded"
    assert outcome.step("gate")["approvedBy"] == "alice"
    assert condition(target, name)["status"] == "False"
    assert any("Approved by alice" in message for message in events(target, name, "Approved"))
    assert_ran_after_approval(outcome)


def assert_ran_after_approval(outcome: Outcome) -> None:
    (job,) = outcome.jobs("migrate-schema")
    assert job.creation_time
    assert job.creation_time.isoformat()[:19] >= outcome.step("gate")["completionTime"][:19]


def check_rejected(target: Target, people: People, name: str) -> None:
    """`false` fails the step and with it the flow; what depends on it never runs."""
    wait_for(target, name, "gate", "PendingApproval")
    approve(people, name, "false")
    outcome = target.finish(name)
    assert_always(outcome)
    assert outcome.phase == "Failed"
    rejected = outcome.step("gate")
    assert (rejected["phase"], rejected["reason"], rejected["approvedBy"]) == ("Failed", "Rejected", "alice")
    assert outcome.phases()["after"] == "Skipped"
    assert any("Rejected by alice" in message for message in events(target, name, "Rejected"))


def check_early(target: Target, people: People, name: str) -> None:
    """Given with the create, it counts when the step is reached: the flow never pauses."""
    outcome = target.finish(name)
    assert_always(outcome)
    assert outcome.phase == "Succeeded"
    assert outcome.step("gate")["approvedBy"] == "alice"
    assert not [c for c in outcome.flow["status"].get("conditions", ()) if c["type"] == "Paused"]


def check_late(target: Target, people: People, name: str) -> None:
    """Nobody answers within timeoutSeconds."""
    outcome = target.finish(name)
    assert_always(outcome)
    assert outcome.phase == "Failed"
    assert (outcome.step("gate")["phase"], outcome.step("gate")["reason"]) == ("Failed", "TimedOut")


def check_two(target: Target, people: People, name: str) -> None:
    """An approval is for one step: the flow stays paused for the other, and each names its own approver."""
    for each in ("gate", "second"):
        wait_for(target, name, each, "PendingApproval")
    approve(people, name, name="second")
    wait_for(target, name, "second", "Succeeded")
    assert target.flow(name)["status"]["phase"] == "Paused"
    target.kubectl.run("annotate", "jobflow", name, "approved.workflow.zen.io/gate=true")
    outcome = target.finish(name)
    assert outcome.phase == "Succeeded"
    assert (outcome.step("second")["approvedBy"], outcome.step("gate")["approvedBy"]) == ("alice", "admin")


GATES = (
    Gate(
        "approved",
        migration,
        check_approved,
        (
            "approval.guide-command",
            "approval.pauses",
            "approval.pending-step",
            "approval.other-branches",
            "approval.condition",
            "approval.events",
            "approval.resumes",
            "approval.approver-shown",
        ),
    ),
    Gate(
        "rejected",
        lambda name: flow(name, gate(), step("after", "gate")),
        check_rejected,
        ("approval.rejection", "approval.events"),
    ),
    Gate(
        "early",
        lambda name: flow(name, step("first"), gate("gate", "first"), step("after", "gate")),
        check_early,
        ("approval.early",),
        early=True,
    ),
    Gate(
        "late",
        lambda name: flow(name, gate(timeoutSeconds=2), step("after", "gate")),
        check_late,
        ("approval.timeout",),
    ),
    Gate("two", lambda name: flow(name, gate(), gate("second")), check_two, ("approval.one-step",)),
)


def submit(people: People, target: Target, prefix: str) -> None:
    """All of them, those that are approved early by alice."""
    for each in GATES:
        made = each.make(f"{prefix}-{each.id}")
        if each.early:
            metadata = {**made["metadata"], "annotations": {"workflow.zen.io/approved/gate": "true"}}
            people["alice"].create({**made, "metadata": metadata})
        else:
            target.submit(made)
