"""Jobs: defaults, the generated selector, what is fixed and what is wrong."""

from typing import Any

import pytest

from tests.support.embedded import JOBS, Embedded, job


def _template(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "busybox"}]
    return {"template": {"spec": {"restartPolicy": "Never", "containers": containers, **spec}}}


def test_a_job_is_filled_in() -> None:
    """The counts, modes and policies of batch/v1."""
    spec = Embedded().create(JOBS, job())["spec"]
    assert {name: spec[name] for name in spec if name not in ("template", "selector")} == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }


def test_a_work_queue_has_no_completions() -> None:
    """Parallelism alone leaves them open."""
    assert "completions" not in Embedded().create(JOBS, job(parallelism=3))["spec"]


def test_the_selector_is_the_jobs_own() -> None:
    """By uid, on the Job, its selector and its template."""
    created = Embedded().create(JOBS, job())
    uid = created["metadata"]["uid"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "job",
        "controller-uid": uid,
        "job-name": "job",
    }
    assert created["metadata"]["labels"] == labels
    assert created["spec"]["template"]["metadata"]["labels"] == labels
    assert created["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def test_a_template_lends_its_labels() -> None:
    """To a Job that has none."""
    body = job()
    body["spec"]["template"]["metadata"] = {"labels": {"app": "x"}}
    assert Embedded().create(JOBS, body)["metadata"]["labels"]["app"] == "x"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (_template(restartPolicy="Always"), 'restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (_template(restartPolicy=None), 'restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (_template(containers=[]), "spec.template.spec.containers: Required value"),
        ({"backoffLimit": -1}, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        ({"parallelism": -1}, "spec.parallelism: Invalid value: -1"),
        ({"ttlSecondsAfterFinished": -1}, "spec.ttlSecondsAfterFinished: Invalid value: -1"),
        ({"completionMode": "Some"}, 'Unsupported value: "Some": supported values: "NonIndexed", "Indexed"'),
        ({"completionMode": "Indexed", "parallelism": 2}, "spec.completions: Required value"),
        ({"backoffLimitPerIndex": 1}, "requires indexed completion mode"),
        ({"podReplacementPolicy": "Never"}, 'spec.podReplacementPolicy: Unsupported value: "Never"'),
        ({"selector": {"matchLabels": {"a": "b"}}}, "`selector` not auto-generated"),
        (
            {**_template(restartPolicy="OnFailure"), "podFailurePolicy": {"rules": [{"action": "Ignore"}]}},
            'only "Never" is supported when podFailurePolicy is specified',
        ),
    ],
)
def test_what_users_get_wrong(spec: dict[str, Any], told: str) -> None:
    """422 with the field's path."""
    refused = Embedded().ask("POST", JOBS, job(**spec))
    assert refused["code"] == 422
    assert told in refused["message"]


def test_a_name_must_be_a_label_value() -> None:
    """64 characters are refused because the Pods could not carry it."""
    refused = Embedded().ask("POST", JOBS, job("a" * 64))
    assert refused["message"].endswith(": must be no more than 63 bytes")
    assert {cause["field"] for cause in refused["details"]["causes"]} == {"spec.template.labels"}


@pytest.mark.parametrize(
    "patch",
    [
        {"completions": 2},
        {"completionMode": "Indexed"},
        {"selector": {"matchLabels": {"a": "b"}}},
        {"template": {"spec": {"activeDeadlineSeconds": 5}}},
        {"template": {"spec": {"nodeSelector": {"a": "b"}}}},
    ],
)
def test_most_of_a_job_is_fixed(patch: dict[str, Any]) -> None:
    """Once it is made."""
    server = Embedded()
    server.create(JOBS, job())
    assert "field is immutable" in server.merge(f"{JOBS}/job", {"spec": patch})["message"]


@pytest.mark.parametrize(
    "patch", [{"parallelism": 2}, {"suspend": True}, {"activeDeadlineSeconds": 9}, {"backoffLimit": 1}]
)
def test_some_of_it_may_change(patch: dict[str, Any]) -> None:
    """What does not change what was done already."""
    server = Embedded()
    server.create(JOBS, job())
    assert server.merge(f"{JOBS}/job", {"spec": patch})["spec"].items() >= patch.items()


@pytest.mark.parametrize(
    "template",
    [
        {"spec": {"nodeSelector": {"zone": "a"}}},
        {"metadata": {"name": "other"}},
        {"spec": {"containers": [{"name": "main", "image": "busybox:1", "resources": {"requests": {"cpu": "1"}}}]}},
    ],
)
def test_a_suspended_job_may_be_steered(template: dict[str, Any]) -> None:
    """Queueing systems choose its node and resources before they let it go."""
    server = Embedded()
    server.create(JOBS, job(suspend=True))
    before = server.get(f"{JOBS}/job")
    changed = server.merge(f"{JOBS}/job", {"spec": {"template": template}})
    assert changed["spec"]["template"] != before["spec"]["template"]


def test_a_suspended_job_runs_the_same() -> None:
    """What its containers are is fixed even then."""
    server = Embedded()
    server.create(JOBS, job(suspend=True))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other"}]}}}}
    refused = server.merge(f"{JOBS}/job", patch)
    assert [cause["field"] for cause in refused["details"]["causes"]] == ["spec.template.spec"]


def test_jobs_are_selected_by_their_successes() -> None:
    """`status.successful`, zero where nothing is said."""
    server = Embedded()
    server.create(JOBS, job("a"))
    server.create(JOBS, job("b"))
    server.merge(f"{JOBS}/b/status", {"status": {"succeeded": 1}})
    assert server.names(f"{JOBS}?fieldSelector=status.successful=1") == ["b"]
    assert server.names(f"{JOBS}?fieldSelector=status.successful=0") == ["a"]


def test_the_labels_of_a_job_are_its_own() -> None:
    """Those of its Pods are only the default: a Job that has labels does not get them."""
    server = Embedded()
    labelled = {**job("a"), "metadata": {"name": "a", "labels": {"team": "red"}}}
    assert server.create(JOBS, labelled)["metadata"]["labels"] == {"team": "red"}
    assert server.create(JOBS, job("b"))["metadata"]["labels"]["job-name"] == "b"
