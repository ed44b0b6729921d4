"""The version of Kubernetes stands in one place."""

import re
from pathlib import Path

from zenflow.local.version import KUBERNETES

MODULES = Path("tests/cluster/go.mod")


def test_the_version_imitated_is_the_one_that_the_tests_build() -> None:
    """What conformance was compared with, and what `kubectl version` shows, can't differ."""
    built = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", MODULES.read_text(), re.M)
    assert built is not None
    assert built[1] == KUBERNETES
