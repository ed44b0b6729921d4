"""The project's own Kubernetes is what its fixtures promise: the ground of all tests on a real cluster."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_kubernetes.providers.base import AClusterManager  # type: ignore[import-untyped]

from tests.cluster.control_plane import ControlPlane
from tests.cluster.sandbox import PREFIX, Sandbox
from tests.support.kubectl import Kubectl
from tests.support.waiting import eventually


def job(name: str, script: str, **annotations: str) -> dict[str, object]:
    container = {"name": "main", "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    marks = {f"fake.zenflow.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    template = {"metadata": {"annotations": marks}, "spec": pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


def kubectl_of(k8s: AClusterManager) -> Kubectl:
    assert k8s.kubeconfig
    return Kubectl(k8s.kubeconfig)


@pytest.mark.control_plane
@pytest.mark.parametrize(("code", "condition"), [("0", "Complete"), ("7", "Failed")])
def test_a_pod_of_the_fake_node_ends_as_its_annotation_says(k8s: AClusterManager, code: str, condition: str) -> None:
    kubectl = kubectl_of(k8s)
    kubectl.apply(job(f"fake-{code}", f"exit {code}", exit_codes=code))
    kubectl.run("wait", f"--for=condition={condition}", f"job/fake-{code}", "--timeout=60s")


@pytest.mark.node
def test_a_container_really_runs(k8s: AClusterManager) -> None:
    """Its output comes from the command and not from a fake."""
    kubectl = kubectl_of(k8s)
    kubectl.apply(job("real", "echo $((6 * 7))"))
    kubectl.run("wait", "--for=condition=Complete", "job/real", "--timeout=60s")
    assert kubectl.run("logs", "job/real") == "42\n"


@pytest.mark.control_plane
def test_the_audit_log_counts_each_request_of_each_user(control_plane: ControlPlane) -> None:
    """Two gets by one user are two calls of that user and none of another."""
    since = control_plane.audit.position()
    for _ in range(2):
        control_plane.kubectl("watcher").run("get", "job", "none-such", "--ignore-not-found")
    calls = control_plane.audit.calls("watcher", since)
    assert {(call.verb, call.resource, count) for call, count in calls.items()} == {("get", "jobs", 2)}
    assert not control_plane.audit.calls("bob", since)


@pytest.mark.control_plane
def test_users_have_no_rights_but_those_a_test_gives(control_plane: ControlPlane) -> None:
    assert control_plane.kubectl("admin").run("auth", "can-i", "create", "jobs").strip() == "yes"
    assert not control_plane.kubectl("alice").succeeds("auth", "can-i", "create", "jobs")


@pytest.mark.control_plane
def test_nothing_of_a_killed_test_run_lives_on() -> None:
    """SIGKILL of the process that made a sandbox ends what it started there, and a next one removes the folder."""
    script = (
        "from tests.cluster.sandbox import Sandbox\n"
        "sandbox = Sandbox()\n"
        "daemon = sandbox.start('sleeper', 'sleep', '600')\n"
        "print(sandbox.folder, daemon.pid, flush=True)\n"
        "input()"
    )
    owner = subprocess.Popen(
        (sys.executable, "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert owner.stdin
    assert owner.stdout
    folder, pid = owner.stdout.readline().split()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), within=10, what=f"process {pid} is gone")
    assert PREFIX in folder

    def is_swept_by_the_next() -> bool:
        Sandbox().close()
        return not os.path.lexists(folder)

    # The kernel may take a moment to let go of what the dead held.
    eventually(is_swept_by_the_next, within=10, what=f"{folder} is removed")
