"""The admission policies: the same as the generated file, each bound, each in the words of validation.

What they do is seen on a real API server (tests/e2e): no CEL is evaluated here.
"""

import pytest

from tests.support.program import ROOT
from zenflow.api import policies
from zenflow.cli import crd as rendering


@pytest.mark.parametrize("folder", ["deploy/manifests", "charts/zen-flow/files"])
def test_the_file_is_what_the_code_says(folder: str) -> None:
    """`make generate` was run after the last change of a policy."""
    assert (ROOT / folder / "admission-policies.yaml").read_text() == rendering.text(policies=True)


def test_each_policy_is_followed_by_its_binding_and_fails_closed() -> None:
    """A policy without binding does nothing."""
    documents = policies.build()
    for policy, binding in zip(documents[::2], documents[1::2], strict=True):
        assert binding["kind"] == policy["kind"] + "Binding"
        assert binding["spec"]["policyName"] == policy["metadata"]["name"]
        assert policy["spec"]["failurePolicy"] == "Fail"


def test_no_policy_matches_a_subresource() -> None:
    """Status writes of the controller and of the kubelet neither pay for policies nor are stopped by them."""
    for policy in policies.build()[::2]:
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]:
            assert not [resource for resource in rule["resources"] if "/" in resource or resource == "*"]
            assert "DELETE" not in rule["operations"]
