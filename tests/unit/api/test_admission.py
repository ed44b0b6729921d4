"""Admission: AdmissionReview in, AdmissionReview out."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.bad_flows import BAD_FLOWS, BadFlow
from tests.support.jobflows import flow, job, manual, step, stored
from zenflow.api import admission, job_schema
from zenflow.api.editing import APPROVE, EDIT, END_OTHERS, May, Right

GUIDE, STORED, STAMP = "workflow.zen.io/approved/ok", "approved.workflow.zen.io/ok", "approved-by.workflow.zen.io/ok"


def review(  # each is a part of the request or of the world
    obj: Any,
    old: Any = None,
    *,
    mutating: bool = True,
    operation: str = "",
    may: May = lambda right: True,
    jobs: job_schema.JobSchema | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The response to a write by alice."""
    request = {
        "uid": "r-1",
        "operation": operation or ("UPDATE" if old else "CREATE"),
        "userInfo": {"username": "alice"},
        "object": obj,
        "oldObject": old,
        **more,
    }
    answer = admission.review({"request": request}, mutating=mutating, may=lambda _, right: may(right), jobs=jobs)
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert answer["response"]["uid"] == "r-1"
    response: dict[str, Any] = answer["response"]
    return response


def annotated(annotations: Mapping[str, str]) -> dict[str, Any]:
    return flow(manual("ok"), metadata={"annotations": dict(annotations)})


@pytest.mark.parametrize("mutating", [True, False], ids=["mutating", "validating"])
@pytest.mark.parametrize("bad", BAD_FLOWS, ids=lambda bad: bad.name)
def test_a_bad_flow_is_refused_in_the_words_of_lint(bad: BadFlow, mutating: bool) -> None:
    """As a Status of the API server's own shape, so that kubectl prints it as its own."""
    response = review(bad.obj, mutating=mutating)
    (cause,) = response["status"]["details"]["causes"]
    assert not response["allowed"]
    assert (response["status"]["code"], response["status"]["reason"]) == (422, "Invalid")
    assert f"{cause['field']}: {cause['message']}" == bad.sentence
    assert bad.sentence in response["status"]["message"]


TYPO: dict[str, Any] = job()
TYPO["spec"]["backofLimit"] = 0


def test_a_template_with_an_unknown_field_is_refused_where_a_schema_is_known() -> None:
    """By the webhook of the controller; an API server without it has no means to see inside of templates."""
    assert review(flow(step("a", template=TYPO)))["allowed"]
    response = review(flow(step("a", template=TYPO)), jobs=job_schema.shipped())
    assert 'did you mean "backoffLimit"?' in response["status"]["message"]


def test_the_templates_of_a_flow_that_has_started_are_not_judged_again() -> None:
    """It was let in under other rules, and its deadline may still be changed."""
    old = {**stored(flow(step("a", template=TYPO))), "status": {"startTime": "2026-01-01T00:00:00Z"}}
    new = {**old, "spec": {**old["spec"], "executionPolicy": {"activeDeadlineSeconds": 60}}}
    assert review(new, old, jobs=job_schema.shipped())["allowed"]


def test_a_good_flow_is_allowed_without_a_patch() -> None:
    """Most writes need nothing."""
    assert review(flow(step("a"))) == {"uid": "r-1", "allowed": True}


def test_the_guides_command_becomes_a_stamped_approval() -> None:
    """`kubectl annotate jobflow etl workflow.zen.io/approved/ok=true`, by alice."""
    response = review(annotated({GUIDE: "true", "x": "y"}), annotated({"x": "y"}))
    assert response["allowed"]
    assert response["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(response["patch"])) == [
        {"op": "add", "path": "/metadata/annotations", "value": {"x": "y", STORED: "true", STAMP: "alice"}}
    ]


def test_who_may_not_approve_is_told_which_right_it_takes() -> None:
    """Forbidden, as RBAC would say it."""
    response = review(annotated({GUIDE: "true"}), annotated({}), may=nobody)
    assert (response["allowed"], response["status"]["code"]) == (False, 403)
    assert response["status"]["message"] == (
        'jobflows.workflow.zen.io "etl" is forbidden: alice may not approve steps of JobFlow etl; '
        "it takes the right to update jobflows/approval in workflow.zen.io"
    )


def test_taking_an_answer_back_takes_the_right() -> None:
    """Else a rejection could be undone by those who may not approve."""
    rejected = annotated({STORED: "false", STAMP: "bob"})
    assert not review(annotated({"x": "y"}), rejected, may=nobody)["allowed"]
    assert review(annotated({"x": "y"}), rejected)["allowed"]


def test_an_unstamped_answer_that_is_said_anew_takes_the_right_and_gets_the_stamp() -> None:
    """The policies may have stamped it a moment before the webhook sees it."""
    unseen = annotated({STORED: "true"})
    for anew in ({STORED: "true", GUIDE: "true"}, {STORED: "true", STAMP: "alice"}):
        assert not review(annotated(anew), unseen, may=nobody)["allowed"]
        assert review(annotated(anew), unseen)["allowed"]
    assert review(annotated({STORED: "true", STAMP: "alice"}), unseen, mutating=False)["allowed"]


def test_no_right_is_asked_for_where_nothing_takes_one() -> None:
    """Asking costs a request to the API server."""
    approved = annotated({STORED: "true", STAMP: "bob"})
    assert review(approved, approved, may=nobody)["allowed"]
    assert review(annotated({}), may=nobody)["allowed"]


def nobody(right: Right) -> bool:
    """Holds no right beside that to write flows."""
    return False


def test_who_may_only_answer_changes_nothing_else() -> None:
    """Approving is not editing."""
    old = annotated({})
    edited = {**old, "spec": {**old["spec"], "suspend": True}}
    answered = annotated({GUIDE: "true"})
    assert review(answered, old, may=lambda right: right == APPROVE)["allowed"]
    assert review(edited, old, may=lambda right: right == EDIT)["allowed"]
    refused = review(edited, old, may=lambda right: right == APPROVE)
    assert refused["status"]["message"] == (
        'jobflows.workflow.zen.io "etl" is forbidden: alice may only answer the Manual steps of JobFlow etl; '
        "changing spec takes the right to update jobflows in workflow.zen.io"
    )


def test_another_s_edit_of_the_steps_takes_an_early_answer_away() -> None:
    """Else the stamp would vouch for steps that the approver never saw. It takes no right to approve."""
    old = flow(manual("ok"), step("a", "ok"), metadata={"annotations": {STORED: "true", STAMP: "bob", "x": "y"}})
    edited = {**old, "spec": {"steps": [manual("ok"), step("b", "ok")]}}
    response = review(edited, old, may=lambda right: right == EDIT)
    (operation,) = json.loads(base64.b64decode(response["patch"]))
    assert operation["value"] == {"x": "y"}
    assert not review(edited, old, mutating=False)["allowed"], "it must not come through where nothing mutates"
    lifted = {**old, "spec": {**old["spec"], "suspend": False}}
    assert "patch" not in review(lifted, old), "lifting suspend changes nothing of what was approved"


def test_who_edits_and_answers_at_once_gives_the_answer() -> None:
    """The policy may have stamped it a moment before the webhook sees it."""
    old = flow(manual("ok"), step("a", "ok"), metadata={"annotations": {STORED: "true", STAMP: "alice"}})
    for annotations in ({GUIDE: "true"}, {STORED: "true", STAMP: "alice"}):
        edited = flow(manual("ok"), step("b", "ok"), metadata={"annotations": annotations})
        assert not review(edited, old, may=lambda right: right == EDIT)["allowed"]
        assert review(edited, old)["allowed"]
    assert review(edited, old, mutating=False)["allowed"]


def test_no_service_account_of_the_flow_s_own_namespace_approves() -> None:
    """A step of the flow may run as it."""
    old = flow(manual("ok"), metadata={"namespace": "data"})
    answered = flow(manual("ok"), metadata={"namespace": "data", "annotations": {GUIDE: "true"}})
    own, other = ({"username": f"system:serviceaccount:{namespace}:bot"} for namespace in ("data", "ops"))
    assert review(answered, old, userInfo=other)["allowed"]
    assert review(answered, old, userInfo=own)["status"]["message"] == (
        'jobflows.workflow.zen.io "etl" is forbidden: system:serviceaccount:data:bot may not approve steps of JobFlow '
        "etl: any Pod of the namespace can run as this ServiceAccount; approve as a person or from another namespace"
    )


def test_who_may_not_delete_flows_makes_none_that_ends_others() -> None:
    """By Replace it would."""
    replacing = flow(step("a"), executionPolicy={"concurrencyPolicy": "Replace"})
    assert review(replacing, may=lambda right: right == END_OTHERS)["allowed"]
    assert review(replacing, may=nobody)["status"]["message"] == (
        'jobflows.workflow.zen.io "etl" is forbidden: alice may not end or hold back other JobFlows, as '
        "spec.executionPolicy.concurrencyPolicy: Replace does; it takes the right to delete jobflows in workflow.zen.io"
    )


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        (
            {"workflow.zen.io/approved/okay": "true"},
            'metadata.annotations[approved.workflow.zen.io/okay]: Not found: "okay": '
            "the flow has no Manual step of this name; name one of its Manual steps",
        ),
        (
            {GUIDE: "yes"},
            f'metadata.annotations[{STORED}]: Unsupported value: "yes": supported values: "false", "true"',
        ),
    ],
    ids=["unknown-step", "unclear"],
)
def test_an_approval_that_would_never_be_read_is_refused(annotations: dict[str, str], sentence: str) -> None:
    """Else its author would wait for a flow that waits for its author."""
    assert sentence in review(annotated(annotations), annotated({}))["status"]["message"]


def test_a_forged_stamp_is_undone_and_seen() -> None:
    """The mutating route removes it; the validating one refuses what was changed after that."""
    forged = annotated({STORED: "true", STAMP: "bob"})
    (operation,) = json.loads(base64.b64decode(review(forged)["patch"]))
    assert operation["value"] == {STORED: "true", STAMP: "alice"}
    assert not review(forged, mutating=False)["allowed"]


def test_what_is_stored_already_can_be_annotated_and_deleted() -> None:
    """A rule made later must not hold a finalizer for ever."""
    bad = flow(step("a", "nosuch"))
    labelled = {**bad, "metadata": {**bad["metadata"], "labels": {"x": "y"}}}
    assert review(labelled, bad)["allowed"]
    assert review(None, bad, operation="DELETE")["allowed"]
    assert not review({**bad, "spec": {**bad["spec"], "suspend": True}}, bad)["allowed"]


def test_the_status_subresource_is_let_through() -> None:
    """The controller's own writes are never stopped by our webhook."""
    assert review(flow(step("a", "nosuch")), flow(step("a")), subResource="status")["allowed"]


def test_the_steps_of_a_started_flow_stay() -> None:
    """In the words of the policy."""
    old = flow(step("a"))
    response = review(flow(step("b")), {**old, "status": {"startTime": "2026-01-01T00:00:00Z"}})
    assert response["status"]["message"] == (
        'JobFlow.workflow.zen.io "etl" is invalid: spec.steps: Forbidden: the flow has started and this can\'t change '
        "any more; create a new flow instead"
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"request": None},
        {"request": {}},
        {"request": {"uid": 3}},
        *({"request": {"uid": "u", field: [7]}} for field in ("object", "oldObject", "userInfo")),
    ],
    ids=repr,
)
def test_garbage_is_no_review(body: dict[str, Any]) -> None:
    """The route answers it with 400."""
    with pytest.raises(admission.MalformedReview):
        admission.review(body, mutating=True, may=lambda _, right: True)
