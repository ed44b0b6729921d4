"""People with few rights who try to do what takes more: approve, edit, end other people's flows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import Work, flow, gate, step
from tests.hostile.stage import TERMINAL, Stage

ATTACKS = Attacks("rights")
Deed = Callable[[Stage], Iterator[None]]
GUIDE, STORED, STAMP = (
    f"{each}/gate" for each in ("workflow.zen.io/approved", "approved.workflow.zen.io", "approved-by.workflow.zen.io")
)
FORBIDDEN = (403, 422)


def asked(**spec: Any) -> dict[str, Any]:
    """bob's flow, in which a gate stands before the deployment."""
    made: dict[str, Any] = flow("prod", gate("gate"), step("deploy", "gate"), **spec)
    return made


def annotations(**values: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": values}}


def not_by_an_approver(body: Mapping[str, Any], **spec: Any) -> Deed:
    """olga holds the shipped approver role: she may answer, and change nothing else."""

    def deed(stage: Stage) -> Iterator[None]:
        stage.tenant("bob").create("jobflows", asked(**spec)).stored()
        before = stage.admin.get("jobflows", "prod")
        answer = stage.tenant("olga").merge("jobflows", "prod", body)
        yield
        assert answer.status in FORBIDDEN, f"{answer.status} {answer.message}"
        after = stage.admin.get("jobflows", "prod")
        assert after["spec"] == before["spec"]
        for part in ("labels", "annotations", "finalizers", "ownerReferences"):
            assert after["metadata"].get(part) == before["metadata"].get(part)

    return deed


_STEAL = step("deploy", "gate")
_STEAL["template"]["spec"]["template"]["spec"]["serviceAccountName"] = "approver-bot"
_OWNER = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]
EDITS: dict[str, Mapping[str, Any]] = {
    "other-steps": {"spec": {"steps": [gate("gate"), _STEAL]}},
    "lifting-suspend": {"spec": {"suspend": False}},
    "setting-suspend": {"spec": {"suspend": True}},
    "a-deadline-of-one-second": {"spec": {"executionPolicy": {"activeDeadlineSeconds": 1}}},
    "deletion-by-ttl": {"spec": {"executionPolicy": {"ttlSecondsAfterFinished": 0}}},
    "ignoring-failures": {
        "spec": {
            "executionPolicy": {
                "podFailurePolicy": {
                    "rules": [{"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [0]}}]
                }
            }
        }
    },
    "replacing-others": {"spec": {"executionPolicy": {"concurrencyPolicy": "Replace"}}},
    "another-group": {"spec": {"executionPolicy": {"concurrencyGroup": "other"}}},
    "a-label": {"metadata": {"labels": {"team": "mine"}}},
    "another-annotation": {"metadata": {"annotations": {"note": "mine"}}},
    "a-finalizer": {"metadata": {"finalizers": ["mine.example/x"]}},
    "an-owner": {"metadata": {"ownerReferences": _OWNER}},
    "an-answer-and-an-edit": {"metadata": {"annotations": {STORED: "true"}}, "spec": {"suspend": False}},
}
for _name, _body in EDITS.items():
    ATTACKS.add(f"approver-edits-{_name}", not_by_an_approver(_body, suspend=_name != "setting-suspend"))


@ATTACKS.attack("approver-applies-an-edit")
def approver_applies(stage: Stage) -> Iterator[None]:
    stage.tenant("bob").create("jobflows", asked(suspend=True)).stored()
    body = flow("prod", gate("gate"), _STEAL, suspend=False)
    applied = stage.tenant("olga").apply("jobflows", "prod", body)
    patched = stage.tenant("olga").json_patch(
        "jobflows", "prod", {"op": "replace", "path": "/spec/suspend", "value": False}
    )
    yield
    assert applied.status in FORBIDDEN
    assert patched.status in FORBIDDEN
    assert stage.admin.get("jobflows", "prod")["spec"]["suspend"] is True


@ATTACKS.attack("approver-answers-and-nothing-stops-that")
def approver_answers(stage: Stage) -> Iterator[None]:
    """The counterpart: what the role is for works."""
    stage.tenant("bob").create("jobflows", asked()).stored()
    stage.tenant("olga").merge("jobflows", "prod", annotations(**{GUIDE: "true"})).stored()
    yield
    status = stage.wait_for_phase("prod", *TERMINAL)
    assert status["phase"] == "Succeeded"
    assert next(each for each in status["steps"] if each["name"] == "gate")["approvedBy"] == "olga"


def not_approved(act: Callable[[Stage], Any]) -> Deed:
    """bob writes flows and may not approve: in no way of writing does the gate open."""

    def deed(stage: Stage) -> Iterator[None]:
        stage.tenant("bob").create("jobflows", asked()).stored()
        stage.wait_for_step("prod", "gate", "PendingApproval")
        act(stage)
        yield
        assert stage.step("prod", "gate")["phase"] == "PendingApproval"
        assert not stage.jobs("deploy")

    return deed


def replaced(stage: Stage, **values: str) -> Any:
    found = stage.admin.get("jobflows", "prod")
    found["metadata"]["annotations"] = values
    return stage.tenant("bob").replace("jobflows", "prod", found)


def applied(stage: Stage, **values: str) -> Any:
    body = asked()
    body["metadata"]["annotations"] = values
    return stage.tenant("bob").apply("jobflows", "prod", body)


APPROVALS: dict[str, Callable[[Stage], Any]] = {
    "merge-guide-key": lambda stage: stage.tenant("bob").merge("jobflows", "prod", annotations(**{GUIDE: "true"})),
    "merge-stored-key": lambda stage: stage.tenant("bob").merge("jobflows", "prod", annotations(**{STORED: "true"})),
    "merge-with-stamp": lambda stage: stage.tenant("bob").merge(
        "jobflows", "prod", annotations(**{STORED: "true", STAMP: "alice"})
    ),
    "stamp-alone": lambda stage: stage.tenant("bob").merge("jobflows", "prod", annotations(**{STAMP: "alice"})),
    "json-patch": lambda stage: stage.tenant("bob").json_patch(
        "jobflows", "prod", {"op": "add", "path": "/metadata/annotations", "value": {STORED: "true"}}
    ),
    "replace": lambda stage: replaced(stage, **{STORED: "true", STAMP: "alice"}),
    "apply": lambda stage: applied(stage, **{STORED: "true", STAMP: "alice"}),
    "status": lambda stage: stage.tenant("steve").merge(
        "jobflows", "prod", annotations(**{STORED: "true", STAMP: "alice"}), "status"
    ),
    "reader": lambda stage: stage.tenant("rita").merge("jobflows", "prod", annotations(**{STORED: "true"})),
    "odd-case": lambda stage: stage.tenant("bob").merge(
        "jobflows", "prod", annotations(**{"APPROVED.workflow.zen.io/gate": "true"})
    ),
}
for _name, _act in APPROVALS.items():
    ATTACKS.add(f"approval-by-{_name}", not_approved(_act))


@ATTACKS.attack("approval-at-create")
def approval_at_create(stage: Stage) -> Iterator[None]:
    made = asked()
    made["metadata"]["annotations"] = {STORED: "true", STAMP: "alice"}
    answer = stage.tenant("mallory").create("jobflows", made)
    made["metadata"] = {**made["metadata"], "generateName": "prod-"}
    del made["metadata"]["name"]
    generated = stage.tenant("mallory").create("jobflows", made)
    yield
    assert answer.status in FORBIDDEN
    assert generated.status in FORBIDDEN


def answered_early(edit: Mapping[str, Any]) -> Deed:
    """alice answers a flow that has not started; what bob makes of it afterwards was never seen by her."""

    def deed(stage: Stage) -> Iterator[None]:
        made = flow("prod", gate("gate"), step("low"), step("deploy", "gate"), suspend=True)
        stage.tenant("bob").create("jobflows", made).stored()
        stage.tenant("alice").merge("jobflows", "prod", annotations(**{GUIDE: "true"})).stored()
        stage.tenant("bob").merge("jobflows", "prod", edit)
        stage.tenant("bob").merge("jobflows", "prod", {"spec": {"suspend": False}})
        yield
        stage.wait_for_step("prod", "gate", "PendingApproval")
        assert not stage.jobs("deploy")

    return deed


_EVIL = step("deploy", "gate")
_EVIL["template"]["spec"]["template"]["spec"]["containers"][0]["command"] = ["echo", "EVIL"]
ATTACKS.add("template-changed-after-an-answer", answered_early({"spec": {"steps": [gate("gate"), step("low"), _EVIL]}}))
ATTACKS.add(
    "dependency-changed-after-an-answer",
    answered_early({"spec": {"steps": [gate("gate", "low"), step("low"), step("deploy", "gate")]}}),
)
ATTACKS.add(
    "message-changed-after-an-answer",
    answered_early({"spec": {"steps": [gate("gate", message="Deploy EVIL?"), step("low"), step("deploy", "gate")]}}),
)


@ATTACKS.attack("another-flow-under-the-name")
def another_flow(stage: Stage) -> Iterator[None]:
    """An answer that names the object it was read from is refused when another has its name."""
    read = stage.tenant("bob").create("jobflows", asked(suspend=True)).stored()
    stage.tenant("bob").delete("jobflows", "prod")
    stage.tenant("bob").create("jobflows", flow("prod", gate("gate"), _EVIL)).stored()
    body = {"metadata": {"uid": read["metadata"]["uid"], "annotations": {STORED: "true"}}}
    answer = stage.tenant("alice").merge("jobflows", "prod", body)
    yield
    assert not answer.ok
    assert not stage.jobs("deploy")


@ATTACKS.attack("policy-changed-after-a-failure")
def policy_changed(stage: Stage) -> Iterator[None]:
    """A failure that is on record is not made a success by a rule that comes later."""
    failing = step("a", work=Work(codes=(1,)), retryPolicy={"limit": 1, "backoff": {"type": "Fixed", "duration": "6s"}})
    stage.tenant("bob").create("jobflows", flow("tests", failing, step("deploy", "a"))).stored()
    stage.wait_for_step("tests", "a", "Pending", within=30)
    rule = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}
    stage.tenant("bob").merge(
        "jobflows", "tests", {"spec": {"executionPolicy": {"podFailurePolicy": {"rules": [rule]}}}}
    )
    yield
    assert stage.wait_for_phase("tests", *TERMINAL)["phase"] == "Failed"
    assert not stage.jobs("deploy")


@ATTACKS.attack("start-time-written-through-spec")
def start_time(stage: Stage) -> Iterator[None]:
    """Whoever may write flows can not write their status beside it."""
    made = asked()
    made["status"] = {"phase": "Succeeded", "completionTime": "2026-01-01T00:00:00Z"}
    stage.tenant("bob").create("jobflows", made).stored()
    stage.tenant("bob").merge("jobflows", "prod", {"status": {"steps": [{"name": "gate", "phase": "Succeeded"}]}})
    yield
    assert stage.wait_for_step("prod", "gate", "PendingApproval")["phase"] == "PendingApproval"
