"""Containers as plain processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import resolved
from tests.support.workloads import pod
from zenflow.local.containers.launcher import Resolved
from zenflow.local.containers.plain import PlainLauncher
from zenflow.local.node.executor import StartError

USER = {"PATH": "/usr/bin:/bin", "HOME": "/home/jo", "AWS_SECRET_ACCESS_KEY": "x"}


def test_a_process_gets_real_paths_in_command_args_and_env() -> None:
    """And its termination message's file."""
    container = resolved(("sh", "-c"), ("cat /data/x >/dev/termination-log",), environment={"IN": "/data/y"})
    launch = PlainLauncher(USER).launch(container)
    assert (launch.argv[2], launch.environment["IN"]) == ("cat /real/x >/scratch/message", "/real/y")


def test_a_process_inherits_little_and_its_own_variables_win() -> None:
    """PATH and HOME, no secrets and no way to a cluster of the person; what the Pod sets is what counts."""
    environment = PlainLauncher(USER).launch(resolved(environment={"HOME": "/data"})).environment
    assert environment == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/real",
        "KUBECONFIG": "/dev/null",
        "HOSTNAME": "p",
        "TERMINATION_LOG": "/scratch/message",
    }


def test_a_process_starts_in_a_folder_of_its_own() -> None:
    """Unless workingDir names another."""
    launcher = PlainLauncher(USER)
    assert launcher.launch(resolved()).folder == Path("/scratch")
    assert launcher.launch(resolved(workingDir="/")).folder == Path("/")


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (resolved((), ("x",)), 'container "main" has no command: the entrypoint of image "busybox" is not known here'),
        (resolved(workingDir="/no/such"), 'workingDir "/no/such" is no directory of this machine'),
    ],
)
def test_a_process_that_cannot_be_is_refused_in_a_sentence(container: Resolved, message: str) -> None:
    """No image, so no entrypoint; no root file system, so only folders that are there."""
    with pytest.raises(StartError, match=message):
        PlainLauncher(USER).launch(container)


@pytest.mark.parametrize(
    ("container", "warned"),
    [
        ({"command": ["cat", "/data/x"]}, False),
        ({"command": ["cat"], "args": ["/data"]}, False),
        ({"command": ["cat"], "env": [{"name": "D", "value": "/data"}]}, False),
        ({"command": ["cat"], "workingDir": "/data"}, False),
        ({"command": ["cat", "/database"]}, True),
    ],
)
def test_a_mount_that_nothing_names_is_warned_of(container: Mapping[str, Any], warned: bool) -> None:
    """The process has no other way to find it."""
    main = {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/data"}], **container}
    assert bool(PlainLauncher(USER).warnings(pod(spec={"containers": [main]}))) is warned


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({}, []),
        ({"resources": {}, "securityContext": {}}, []),
        (
            {"livenessProbe": {"exec": {}}, "resources": {"limits": {"cpu": "1"}}},
            ['container "main" has livenessProbe, resources: the local cluster does not act on that'],
        ),
    ],
)
def test_fields_that_nobody_acts_on_are_named(fields: Mapping[str, Any], warnings: list[str]) -> None:
    """Rather than ignored in silence."""
    main = {"name": "main", "command": ["true"], **fields}
    assert PlainLauncher(USER).warnings(pod(spec={"containers": [main]})) == warnings
