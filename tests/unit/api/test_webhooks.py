"""The webhook configurations as data. What they do is seen on a real API server (tests/e2e)."""

import json

import yaml

from zenflow.api import children_policy, policies, webhooks
from zenflow.cli import crd


def test_both_fail_closed_for_people_and_never_see_a_status() -> None:
    """They match what the policies match."""
    for configuration in webhooks.build(service="webhook", namespace="system"):
        flows = configuration["webhooks"][0]
        assert flows["rules"] == policies.MATCHED["resourceRules"]
        for webhook in configuration["webhooks"]:
            assert webhook["failurePolicy"] == "Fail"
            assert webhook["sideEffects"] == "None"


def test_jobs_and_pods_come_only_where_they_will_be_refused() -> None:
    """Neither the controller nor the Job controller waits for the webhook, for either may write them."""
    mutating, validating = webhooks.build(service="webhook", namespace="system")
    assert [webhook["name"] for webhook in mutating["webhooks"]] == [webhooks.NAME]
    _, children = validating["webhooks"]
    assert children["rules"] == children_policy.MATCHED["resourceRules"]
    conditions = {each["name"]: each["expression"] for each in children["matchConditions"]}
    assert conditions == {**children_policy.CONDITIONS, "stranger": f"!({children_policy.MAY})"}


def test_each_calls_its_own_path_of_the_service_or_the_url() -> None:
    """The caBundle is left to the controller."""
    by_service = webhooks.build(service="webhook", namespace="system")
    by_url = webhooks.build(url="https://host:9443/")
    assert [one["webhooks"][0]["clientConfig"] for one in by_service] == [
        {"service": {"name": "webhook", "namespace": "system", "path": path}} for path in ("/mutate", "/validate")
    ]
    assert [one["webhooks"][0]["clientConfig"] for one in by_url] == [
        {"url": "https://host:9443/mutate"},
        {"url": "https://host:9443/validate"},
    ]


def test_what_is_printed_is_what_is_built() -> None:
    """As YAML for kubectl."""
    printed = list(yaml.safe_load_all(crd.webhooks_text(service="system/webhook", url="")))
    assert printed == json.loads(json.dumps(webhooks.build(service="webhook", namespace="system")))
