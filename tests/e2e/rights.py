"""Who may approve and what nobody may forge, case by case. Written once, run against every cluster and every way in
which admission comes to it: the policies, the webhook, both, and what the embedded API server has built in.

The flows are suspended, so no controller touches them: the API server alone is asked.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.flows import flow, step
from tests.e2e.people import People
from tests.support.kubectl import KubectlFailed

GUIDE, STORED, STAMP = (
    "workflow.zen.io/approved/gate",
    "approved.workflow.zen.io/gate",
    "approved-by.workflow.zen.io/gate",
)
OURS = {"made-by": "rights"}
GATE = {"name": "gate", "type": "Manual"}
APPROVED = {STORED: "true", STAMP: "alice"}

Case = Callable[[People, str], None]
CASES: list[Any] = []


def case(*statements: str) -> Callable[[Case], Case]:
    """Register a case; it gets the people and a name for its flow, and proves the statements."""

    def register(function: Case) -> Case:
        marks = [pytest.mark.proves(*statements)]
        CASES.append(pytest.param(function, id=function.__name__.replace("_", "-"), marks=marks))
        return function

    return register


def flow_name(case: Case) -> str:
    """One of its own."""
    return case.__name__.replace("_", "-")[:50].strip("-")


def gated(name: str, *, gate: str = "gate", **annotations: str) -> dict[str, Any]:
    made = flow(name, {**GATE, "name": gate}, step("after", gate), suspend=True)
    more = {"annotations": annotations} if annotations else {}
    return {**made, "metadata": {**made["metadata"], "labels": OURS, **more}}


def clean_up(people: People) -> None:
    """Suspended flows never end: other tests wait for the end of all that are there."""
    (label,) = OURS.items()
    people.admin.run("delete", "jobflows", f"--selector={'='.join(label)}")


def create(people: People, name: str) -> None:
    people.admin.create(gated(name))


def annotate(name: str, *pairs: str, flags: tuple[str, ...] = ()) -> tuple[str, ...]:
    return ("annotate", "jobflow", name, *pairs, *flags)


def patch(name: str, kind: str, body: Any, *flags: str) -> tuple[str, ...]:
    return ("patch", "jobflow", name, f"--type={kind}", f"--patch={json.dumps(body)}", *flags)


def without_managed_fields(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


def annotated(obj: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    old = obj["metadata"].get("annotations", {})
    return {**obj, "metadata": {**obj["metadata"], "annotations": {**old, **annotations}}}


@case("approval.guide-command", "approval.approver-stamped")
def the_guides_command_approves(people: People, name: str) -> None:
    """As it stands in the guide: the key of two slashes becomes one that can be stored, with who said it beside it."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    assert people.annotations(name) == APPROVED
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    assert people.annotations(name) == APPROVED


@case("approval.stored-key")
def the_stored_key_may_be_set_directly(people: People, name: str) -> None:
    create(people, name)
    people["alice"].run(*annotate(name, f"{STORED}=false"))
    assert people.annotations(name) == {STORED: "false", STAMP: "alice"}


@case("approval.rbac-decides")
def without_the_right_neither_key_is_taken(people: People, name: str) -> None:
    create(people, name)
    people.refuses("bob", name, *annotate(name, f"{GUIDE}=true"))
    people.refuses("bob", name, *annotate(name, f"{STORED}=true", flags=("--overwrite",)))


@case("approval.rbac-decides")
def without_the_right_no_patch_approves(people: People, name: str) -> None:
    """Merge patch and JSON patch; a strategic one is for built-in kinds only."""
    create(people, name)
    annotations = {"metadata": {"annotations": {STORED: "true"}}}
    people.refuses("bob", name, *patch(name, "merge", annotations))
    operation = {"op": "add", "path": "/metadata/annotations", "value": {STORED: "false"}}
    people.refuses("bob", name, *patch(name, "json", [operation]))
    before = people.annotations(name)
    with pytest.raises(KubectlFailed, match="strategic-merge-patch"):
        people["bob"].run(*patch(name, "strategic", annotations))
    assert people.annotations(name) == before


@case("approval.rbac-decides")
def without_the_right_no_replacement_approves(people: People, name: str) -> None:
    create(people, name)
    obj = annotated(people.admin.get("jobflow", name), {STORED: "true"})
    people.refuses("bob", name, "replace", "--filename=-", stdin=obj)


@case("approval.rbac-decides")
def without_the_right_no_server_side_apply_approves(people: People, name: str) -> None:
    create(people, name)
    command = ("apply", "--server-side", "--force-conflicts", "--filename=-")
    people.refuses("bob", name, *command, stdin=gated(name, **{STORED: "true"}))


@case("approval.rbac-decides", "approval.early")
def at_create_an_approval_takes_the_right_too(people: People, name: str) -> None:
    """For a name that the server makes as for one that is given."""
    manifest = gated(name, **{STORED: "true", STAMP: "alice"})
    if people.has_rbac:
        with pytest.raises(KubectlFailed, match="bob may not approve"):
            people["bob"].create(manifest)
        with pytest.raises(KubectlFailed, match="bob may not approve"):
            people["bob"].create(generated(manifest))
        assert not people.admin.succeeds("get", "jobflow", name)
    people["alice"].create(gated(name, **{GUIDE: "true", STAMP: "bob"}))
    assert people.annotations(name) == APPROVED
    made = people["alice"].create(generated(manifest)).split()[0].partition("/")[2]
    assert people.annotations(made) == APPROVED


def generated(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "name"}
    return {**manifest, "metadata": {**metadata, "generateName": f"{manifest['metadata']['name']}-"}}


@case("approval.not-through-status")
def through_status_no_annotation_is_changed(people: People, name: str) -> None:
    """Not even by one who may write status: metadata is not written there."""
    create(people, name)
    for annotations in ({STORED: "true"}, {STAMP: "alice"}, {GUIDE: "true"}):
        body = {"metadata": {"annotations": annotations}}
        people["bob"].run(*patch(name, "merge", body, "--subresource=status"))
        obj = annotated(people.admin.get("jobflow", name), annotations)
        people["bob"].run("replace", "--subresource=status", "--filename=-", stdin=json.dumps(obj))
        applied = without_managed_fields(gated(name, **annotations))
        people["bob"].run(
            "apply", "--server-side", "--subresource=status", "--filename=-", "--field-manager=bob",
            stdin=json.dumps(applied),
        )  # fmt: skip
        assert people.annotations(name) == {}


@case("approval.stamp-unforgeable")
def a_forged_approver_is_replaced_by_the_real_one(people: People, name: str) -> None:
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true", f"{STAMP}=carol"))
    assert people.annotations(name) == APPROVED


@case("approval.stamp-unforgeable")
def a_stamp_cannot_be_changed_or_removed_later(people: People, name: str) -> None:
    """By nobody and in no way of writing."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    forged = {"metadata": {"annotations": {STAMP: "bob"}}}
    for user in ("bob", "alice"):
        people[user].run(*annotate(name, f"{STAMP}=bob", flags=("--overwrite",)))
        people[user].run(*annotate(name, f"{STAMP}-"))
        people[user].run(*patch(name, "merge", forged))
        operation = {"op": "remove", "path": f"/metadata/annotations/{STAMP.replace('/', '~1')}"}
        people[user].run(*patch(name, "json", [operation]))
        obj = annotated(people.admin.get("jobflow", name), {STAMP: "bob"})
        people["bob"].run("replace", "--filename=-", stdin=json.dumps(obj))
        assert people.annotations(name) == APPROVED


@case("approval.stamp-unforgeable")
def a_stamp_without_an_approval_is_not_kept(people: People, name: str) -> None:
    create(people, name)
    people["bob"].run(*annotate(name, f"{STAMP}=bob", "note=kept"))
    assert people.annotations(name) == {"note": "kept"}


@case("approval.stamp-unforgeable")
def a_replaced_manifest_with_the_guides_key_keeps_the_stamp(people: People, name: str) -> None:
    """Whoever replaces it: repeating an answer gives none."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    obj = people.admin.get("jobflow", name)
    metadata = {**without_managed_fields(obj)["metadata"], "annotations": {GUIDE: "true"}}
    people["bob"].run("replace", "--filename=-", stdin=json.dumps({**obj, "metadata": metadata}))
    assert people.annotations(name) == APPROVED


@case("approval.turned-round")
def an_answer_that_is_turned_round_bears_the_new_name(people: People, name: str) -> None:
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    people.admin.run(*annotate(name, f"{GUIDE}=false"))
    assert people.annotations(name) == {STORED: "false", STAMP: "admin"}


@case("approval.withdrawal")
def taking_an_answer_back_takes_the_right(people: People, name: str) -> None:
    """Else a rejection could be undone by those who may not approve."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=false"))
    if people.has_rbac:
        people.refuses("bob", name, *annotate(name, f"{STORED}-"))
        people.refuses("bob", name, *patch(name, "merge", {"metadata": {"annotations": None}}))
    people["alice"].run(*annotate(name, f"{STORED}-"))
    assert people.annotations(name) == {}


@case("approval.rbac-decides")
def other_changes_of_an_approved_flow_take_no_right(people: People, name: str) -> None:
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    people["bob"].run("label", "jobflow", name, "team=data")
    people["bob"].run(*annotate(name, "note=mine"))
    assert people.annotations(name) == {**APPROVED, "note": "mine"}


@case("approval.rbac-one-flow")
def the_right_may_be_for_one_flow_only(people: People, name: str) -> None:
    create(people, name)
    people.admin.run("delete", "jobflow", "carols", "--ignore-not-found")
    create(people, "carols")
    people.refuses("carol", name, *annotate(name, f"{GUIDE}=true"))
    people["carol"].run(*annotate("carols", f"{GUIDE}=true"))
    assert people.annotations("carols")[STAMP] == "carol"
    people.admin.run("delete", "jobflow", "carols")


@case("approval.unreadable-refused")
def an_answer_that_nobody_would_read_is_refused(people: People, name: str) -> None:
    """Neither true nor false; of a step that is not there; of one that is not Manual."""
    create(people, name)
    for pair, sentence in (
        (f"{GUIDE}=yes", 'Unsupported value: "yes"'),
        (f"{GUIDE}=True", 'Unsupported value: "True"'),
        (f"{GUIDE}=", 'Unsupported value: ""'),
        (f"{GUIDE}-typo=true", 'Not found: "gate-typo": the flow has no Manual step of this name'),
        ("workflow.zen.io/approved/after=true", 'Not found: "after": the flow has no Manual step of this name'),
    ):
        with pytest.raises(KubectlFailed) as refused:
            people["alice"].run(*annotate(name, pair))
        assert sentence in refused.value.stderr
    assert people.annotations(name) == {}


@case("approval.guide-command")
def a_step_of_the_longest_name_can_be_approved(people: People, name: str) -> None:
    longest = "g" * 63
    people.admin.create(gated(name, gate=longest))
    people["alice"].run(*annotate(name, f"workflow.zen.io/approved/{longest}=true"))
    assert people.annotations(name)[f"approved-by.workflow.zen.io/{longest}"] == "alice"


@case("approval.approver-stamped")
def the_approver_may_have_any_name(people: People, name: str) -> None:
    """Nothing of it is read as JSON, CEL or a path."""
    create(people, name)
    odd = """oidc:jane.o'neil+ops@example.com "root" \\n {x} ~1/${y}"""
    if people.has_rbac:
        people.admin.run(
            "create", "rolebinding", name, "--role=jobflow-approver", f"--user={odd}", "--namespace=default"
        )
    people.impersonating(odd).run(*annotate(name, f"{GUIDE}=true"))
    assert people.annotations(name)[STAMP] == odd


@case("approval.dry-run")
def a_dry_run_says_the_same_and_approves_nothing(people: People, name: str) -> None:
    create(people, name)
    dry = ("--dry-run=server", "--output=json")
    shown = json.loads(people["alice"].run(*annotate(name, f"{GUIDE}=true", flags=dry)))
    assert shown["metadata"]["annotations"] == APPROVED
    if people.has_rbac:
        people.refuses("bob", name, *annotate(name, f"{GUIDE}=true", flags=dry))
    assert people.annotations(name) == {}


EDITS = {
    "spec": {"spec": {"suspend": False}},
    "spec.steps": {"spec": {"steps": [GATE, step("other")]}},
    "spec.executionPolicy": {"spec": {"executionPolicy": {"ttlSecondsAfterFinished": 0, "activeDeadlineSeconds": 1}}},
    "metadata.labels": {"metadata": {"labels": {"team": "ops"}}},
    "metadata.annotations": {"metadata": {"annotations": {"note": "mine"}}},
    "metadata.finalizers": {"metadata": {"finalizers": ["example.com/hold"]}},
    "metadata.ownerReferences": {
        "metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": "gone"}]}
    },
}


@case("approval.not-editing")
def who_may_only_approve_changes_nothing_else(people: People, name: str) -> None:
    """olga has exactly the role for approvers. A finalizer would hold the flow, an owner that is gone delete it."""
    create(people, name)
    if people.has_rbac:
        for field, body in EDITS.items():
            changed = field if field.startswith("metadata") else "spec"
            sentence = (
                f"olga may only answer the Manual steps of JobFlow {name}; "
                f"changing {changed} takes the right to update jobflows in workflow.zen.io"
            )
            people.forbids("olga", sentence, *patch(name, "merge", body))
            answered = {**body, "metadata": {**body.get("metadata", {}), "annotations": {STORED: "true", "note": "x"}}}
            people.forbids("olga", "olga may only answer", *patch(name, "merge", answered))
        # Two policies forbid this one: it is a change, and to another group.
        people.forbids("olga", "olga may", *patch(name, "merge", {"metadata": {"generateName": "nightly-"}}))
        assert people.annotations(name) == {}
    people["olga"].run(*annotate(name, f"{GUIDE}=true"))
    assert people.annotations(name) == {STORED: "true", STAMP: "olga"}
    people["olga"].run(*annotate(name, f"{STORED}-"))
    assert people.annotations(name) == {}


@case("approval.not-editing")
def who_may_only_approve_does_not_strip_a_flow(people: People, name: str) -> None:
    """Taking away is changing too."""
    made = gated(name, note="kept")
    made["metadata"]["finalizers"] = ["example.com/hold"]
    people.admin.create(made)
    try:
        if people.has_rbac:
            for field in ("labels", "annotations", "finalizers"):
                body = {"metadata": {field: None}}
                people.forbids("olga", f"changing metadata.{field}", *patch(name, "merge", body))
    finally:
        people.admin.run(*patch(name, "merge", {"metadata": {"finalizers": None}}))


@case("approval.edit-takes-answers")
def another_s_edit_of_the_steps_takes_an_early_answer_away(people: People, name: str) -> None:
    """Else the stamp would vouch for steps that the approver never saw."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true", "note=kept"))
    people["bob"].run(*patch(name, "merge", {"spec": {"executionPolicy": {"activeDeadlineSeconds": 900}}}))
    assert people.annotations(name) == {**APPROVED, "note": "kept"}
    people["bob"].run(*patch(name, "merge", {"spec": {"steps": [GATE, step("evil", "gate")]}}))
    assert people.annotations(name) == {"note": "kept"}
    people["alice"].run(*annotate(name, f"{GUIDE}=false"))
    templates = {"configMapTemplates": [{"metadata": {"name": "scripts"}, "data": {"run.sh": "echo evil"}}]}
    people["bob"].run(*patch(name, "merge", {"spec": {"resourceTemplates": templates}}))
    assert people.annotations(name) == {"note": "kept"}


@case("approval.edit-takes-answers")
def an_edit_that_brings_the_old_answer_along_takes_the_right(people: People, name: str) -> None:
    """By the guide's key, or with a stamp of one's own."""
    create(people, name)
    people["alice"].run(*annotate(name, f"{GUIDE}=true"))
    evil = {"spec": {"steps": [GATE, step("evil", "gate")]}}
    if people.has_rbac:
        for annotations in ({GUIDE: "true"}, {STORED: "true", STAMP: "bob"}):
            people.refuses("bob", name, *patch(name, "merge", {**evil, "metadata": {"annotations": annotations}}))
    people["bob"].run(*patch(name, "merge", {**evil, "metadata": {"annotations": {STAMP: "alice"}}}))
    assert people.annotations(name) == {}
    people["alice"].run(*patch(name, "merge", {"metadata": {"annotations": {GUIDE: "true"}}}))
    good = {"spec": {"steps": [GATE, step("good", "gate")]}, "metadata": {"annotations": {GUIDE: "true"}}}
    people["alice"].run(*patch(name, "merge", good))
    assert people.annotations(name) == APPROVED


@case("approval.no-own-service-account")
def no_service_account_of_the_namespace_approves(people: People, name: str) -> None:
    """A step could run as it. One of another namespace may, with the right."""
    create(people, name)
    own, other = (f"system:serviceaccount:{namespace}:approver-bot" for namespace in ("default", "kube-system"))
    with pytest.raises(KubectlFailed) as refused:
        people.impersonating(own).run(*annotate(name, f"{GUIDE}=true"))
    assert f"{own} may not approve steps of JobFlow {name}: any Pod of the namespace can run as" in refused.value.stderr
    people.impersonating(other).run(*annotate(name, f"{GUIDE}=true"))
    assert people.annotations(name) == {STORED: "true", STAMP: other}


@case("approval.one-object")
def an_answer_that_names_a_uid_is_for_no_other_flow(people: People, name: str) -> None:
    """Somebody puts another flow in the place of the one that was read."""
    create(people, name)
    read = people.admin.get("jobflow", name)["metadata"]["uid"]
    people["bob"].run("delete", "jobflow", name)
    people["bob"].create(gated(name))
    answer = {"metadata": {"uid": read, "annotations": {GUIDE: "true"}}}
    assert not people["alice"].succeeds(*patch(name, "merge", answer))
    assert people.annotations(name) == {}
    answer["metadata"]["uid"] = people.admin.get("jobflow", name)["metadata"]["uid"]
    people["alice"].run(*patch(name, "merge", answer))
    assert people.annotations(name) == APPROVED


@case("approval.rbac-one-flow")
def a_right_for_one_name_answers_no_create(people: People, name: str) -> None:
    """dave may approve `carols` and may make flows: one that he makes under the name brings no answer along."""
    people.admin.run("delete", "jobflow", "carols", "--ignore-not-found")
    answered = gated("carols", **{GUIDE: "true"})
    people.forbids("dave", "dave may not approve steps", "create", "--filename=-", stdin=answered)
    people.admin.run("delete", "jobflow", "carols", "--ignore-not-found")


@case("approval.ending-others")
def who_may_not_delete_flows_ends_none_and_holds_none_back(people: People, name: str) -> None:
    """mallory may only make flows: neither by Replace nor by another's group does she do more."""
    command = ("create", "--dry-run=server", "--filename=-")
    takes = "it takes the right to delete jobflows in workflow.zen.io"
    for field, policy in (
        ("concurrencyPolicy: Replace", {"concurrencyPolicy": "Replace"}),
        ("concurrencyGroup", {"concurrencyGroup": "nightly", "concurrencyPolicy": "Allow"}),
    ):
        made = gated(name)
        made["spec"]["executionPolicy"] = policy
        sentence = f"mallory may not end or hold back other JobFlows, as spec.executionPolicy.{field} does; {takes}"
        people.forbids("mallory", sentence, *command, stdin=made)
        people["bob"].run(*command, stdin=json.dumps(made))
    people["mallory"].run(*command, stdin=json.dumps(gated(name)))
