"""The children that are created: the template, plus exactly what the docs say is added."""

import json
from datetime import UTC, datetime
from typing import Any

from zenflow.api.types import FlowMeta, JobFlow, JobFlowSpec
from zenflow.controller import manifests

POD = {"containers": [{"name": "main", "image": "busybox", "command": ["true"]}]}


def flow(step: dict[str, Any], **spec: Any) -> JobFlow:
    meta = FlowMeta(name="etl", namespace="data", uid="u-1", creation_timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    return JobFlow(metadata=meta, spec=JobFlowSpec.model_validate({"steps": [{"name": "load", **step}], **spec}))


def job(template: dict[str, Any], attempt: int = 1, **step: Any) -> dict[str, Any]:
    made = flow({"template": template, **step})
    result: dict[str, Any] = json.loads(manifests.job(made, made.spec.steps[0], attempt))
    return result


def template(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": POD}, **spec}}


def test_a_job_carries_the_four_labels_on_itself_and_its_pods() -> None:
    """`kubectl get jobs -l jobflow=etl` and the watches' selector find it."""
    made = job(template(), attempt=2)
    labels = {
        "jobflow": "etl",
        "workflow.zen.io/step": "load",
        "workflow.zen.io/attempt": "2",
        "workflow.zen.io/flow-uid": "u-1",
    }
    assert made["metadata"]["labels"] == labels
    assert made["spec"]["template"]["metadata"]["labels"] == labels


def test_a_job_is_controlled_by_its_flow() -> None:
    """Ownership is by UID, and the garbage collector takes the Job with the flow."""
    [owner] = job(template())["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("JobFlow", "u-1", True)


def test_labels_and_annotations_of_the_template_are_kept() -> None:
    """What the user wrote reaches the Job and the Pods."""
    written = template()
    written["metadata"] = {"labels": {"team": "a"}, "annotations": {"note": "x"}, "name": "mine"}
    made = job(written)
    assert made["metadata"]["labels"]["team"] == "a"
    assert made["metadata"]["annotations"]["note"] == "x"
    assert made["metadata"]["name"].startswith("etl-load-1-")


def test_restart_policy_defaults_to_never_and_is_kept_when_chosen() -> None:
    """batch/v1 has no default that a Job may use."""
    assert job(template())["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    chosen = {"spec": {"template": {"spec": {**POD, "restartPolicy": "OnFailure"}}}}
    assert job(chosen)["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_the_last_lines_of_a_failed_container_become_its_message_unless_it_chooses() -> None:
    """Evidence is read from the Pod, so the Pod must have it."""
    container = job(template())["spec"]["template"]["spec"]["containers"][0]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    chosen = {"containers": [{**POD["containers"][0], "terminationMessagePolicy": "File"}]}
    made = job({"spec": {"template": {"spec": chosen}}})
    assert made["spec"]["template"]["spec"]["containers"][0]["terminationMessagePolicy"] == "File"


def test_attempts_do_not_multiply_where_the_step_retries() -> None:
    """With a retryPolicy the Job itself does not retry, unless the template says so."""
    assert job(template(), retryPolicy={})["spec"]["backoffLimit"] == 0
    assert job(template(backoffLimit=2), retryPolicy={})["spec"]["backoffLimit"] == 2
    assert "backoffLimit" not in job(template())["spec"]


def test_a_failure_that_the_flow_judges_is_not_retried_by_the_job_first() -> None:
    """Ignore means at once, and not after six retries in ten minutes."""
    made = flow({"template": template()}, executionPolicy={"podFailurePolicy": {"rules": []}})
    spec = json.loads(manifests.job(made, made.spec.steps[0], 1))["spec"]
    assert spec["backoffLimit"] == 0


def test_a_limit_for_each_index_stays_the_only_one() -> None:
    """With backoffLimit 0 beside it the first failure of any index would end the Job."""
    made = job(template(backoffLimitPerIndex=1, completionMode="Indexed", completions=4), retryPolicy={})
    assert "backoffLimit" not in made["spec"]


def test_what_kubernetes_generated_in_a_pasted_job_is_left_out() -> None:
    """The API server refuses the selector and the labels of another Job."""
    labels = {"batch.kubernetes.io/controller-uid": "u-0", "batch.kubernetes.io/job-name": "ok", "team": "a"}
    written = template(selector={"matchLabels": {"batch.kubernetes.io/controller-uid": "u-0"}})
    written["metadata"] = {"labels": dict(labels), "uid": "u-0", "creationTimestamp": None}
    written["spec"]["template"]["metadata"] = {"labels": dict(labels), "creationTimestamp": None}
    made = job({**written, "status": {"succeeded": 1}})
    ours = {"jobflow", "workflow.zen.io/step", "workflow.zen.io/attempt", "workflow.zen.io/flow-uid"}
    assert "selector" not in made["spec"]
    assert "status" not in made
    assert "uid" not in made["metadata"]
    for metadata in (made["metadata"], made["spec"]["template"]["metadata"]):
        assert set(metadata["labels"]) == ours | {"team"}


def test_children_live_as_long_as_the_flow() -> None:
    """A Job that deleted itself would take its logs with it."""
    assert "ttlSecondsAfterFinished" not in job(template(ttlSecondsAfterFinished=5))["spec"]


def test_a_job_and_its_pods_carry_the_concurrency_group() -> None:
    """What still runs of a flow that is gone must keep its group busy."""
    made = job(template())
    group = {"workflow.zen.io/concurrency-group": "etl"}
    assert made["metadata"]["annotations"] == made["spec"]["template"]["metadata"]["annotations"] == group


def test_what_is_no_container_is_left_for_the_api_server_to_refuse() -> None:
    """The step fails with its words, and the flow does not hang."""
    odd = {"containers": ["main"], "initContainers": "prepare"}
    made = job({"spec": {"template": {"spec": odd}}})["spec"]["template"]["spec"]
    assert (made["containers"], made["initContainers"]) == (["main"], "prepare")


def test_the_template_itself_is_never_changed() -> None:
    """It is shared by every attempt."""
    written = template()
    before = json.dumps(written)
    job(written, retryPolicy={})
    assert json.dumps(written) == before


def test_resource_templates_keep_their_exact_names_and_are_owned() -> None:
    """Steps refer to them by name."""
    made = flow(
        {"template": template()},
        resourceTemplates={
            "configMapTemplates": [{"metadata": {"name": "config"}, "data": {"key": "value"}}],
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
        },
    )
    templates = made.spec.resource_templates
    config = json.loads(manifests.config_map(made, templates.config_map_templates[0]))
    claim = json.loads(manifests.claim(made, templates.volume_claim_templates[0]))
    assert (config["metadata"]["name"], config["data"]) == ("config", {"key": "value"})
    assert (claim["metadata"]["name"], claim["spec"]["accessModes"]) == ("data", ["ReadWriteOnce"])
    assert {one["metadata"]["ownerReferences"][0]["uid"] for one in (config, claim)} == {"u-1"}
