"""Specs as far as they can be read."""

import json
from typing import Any

import pytest

from zenflow.controller.library import Library
from zenflow.controller.objects import decode_flow

CYCLE = [{"name": "a", "dependencies": ["a"], "template": {"spec": {}}}]


def remains(policy: Any) -> int:
    """How long a bad flow with that executionPolicy is kept."""
    meta = {"name": "f", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"}
    spec = {"steps": CYCLE, "executionPolicy": policy}
    reading = Library().reading(decode_flow(json.dumps({"metadata": meta, "spec": spec}).encode()))
    assert reading.problems
    assert reading.graph is None
    return reading.spec.execution_policy.ttl_seconds_after_finished


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [({"ttlSecondsAfterFinished": 7}, 7), (None, 86400), ({"ttlSecondsAfterFinished": "no"}, 86400)],
    ids=["readable", "none", "unreadable"],
)
def test_a_bad_spec_is_kept_as_long_as_it_says(policy: Any, seconds: int) -> None:
    """A flow that is bad still ends, and goes."""
    assert remains(policy) == seconds
