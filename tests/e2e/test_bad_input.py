"""A bad flow is refused with one clear sentence wherever it is sent, and nothing of it is applied."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane, free_ports
from tests.e2e import policies
from tests.e2e.target import ZENFLOW, Target
from tests.support.bad_flows import BAD_FLOWS, BadFlow
from tests.support.jobflows import flow, step
from tests.support.kubectl import Kubectl, KubectlFailed
from tests.support.program import ROOT, Program
from tests.support.waiting import eventually

CYCLE = flow(step("a", "b"), step("b", "a"), metadata={"name": "cycle"})
SENTENCE = "cycle of dependencies: a -> b -> a; remove one of them"
DATA = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data"}}


def refusal(kubectl: Kubectl, obj: object) -> str:
    """What the server says; the test fails where it takes the object. kubectl's own checks would come before it."""
    with pytest.raises(KubectlFailed) as refused:
        kubectl.run("create", "--validate=false", "--filename=-", stdin=json.dumps(obj))
    return refused.value.stderr


@pytest.fixture(scope="module")
def with_policies(control_plane: ControlPlane) -> Kubectl:
    """The real API server with the CRD and the admission policies in force."""
    kubectl = control_plane.kubectl()
    kubectl.run("apply", "--server-side", f"--filename={ROOT / 'deploy' / 'crds'}")
    kubectl.run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
    kubectl.apply(DATA)
    policies.install(kubectl)
    return kubectl


@pytest.mark.control_plane
@pytest.mark.proves("changes.limits")
@pytest.mark.parametrize("bad", [bad for bad in BAD_FLOWS if bad.server], ids=lambda bad: bad.name)
def test_the_real_api_server_says_what_is_wrong(bad: BadFlow, with_policies: Kubectl) -> None:
    """By schema, CRD rules and policies."""
    assert bad.server in refusal(with_policies, bad.obj)


@pytest.mark.proves("changes.limits")
@pytest.mark.parametrize("bad", BAD_FLOWS, ids=lambda bad: bad.name)
def test_the_embedded_api_server_says_what_lint_says(bad: BadFlow, embedded_access: tuple[Kubectl, Path]) -> None:
    """Word for word."""
    embedded_access[0].apply(DATA)
    assert bad.sentence in refusal(embedded_access[0], bad.obj)


@pytest.mark.audited
def test_a_cycle_that_no_rule_can_find_is_the_controller_s_to_refuse(target: Target) -> None:
    """The flow is Failed with reason InvalidSpec and shows the path; nothing of it was started."""
    target.submit({**CYCLE, "metadata": {"name": "cycle"}})
    outcome = target.finish("cycle")
    assert outcome.phase == "Failed"
    condition = next(one for one in outcome.flow["status"]["conditions"] if one["type"] == "Failed")
    assert condition["reason"] == "InvalidSpec"
    assert SENTENCE in outcome.flow["status"]["message"]
    assert target.kubectl.get("jobs", "--selector=jobflow=cycle")["items"] == []


@pytest.fixture
def webhook(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Program]:
    """The controller's webhook, known to the API server; the policies play no part."""
    (port,) = free_ports(1)
    certificate, key = make_certificate(tmp_path)
    files = (f"--certificate={certificate}", f"--private-key={key}", f"--webhook-port={port}")
    flags = ("--bind-address=127.0.0.1", "--metrics-port=0", "--lease-namespace=kube-system", *files)
    kubeconfig = control_plane.kubeconfig("zenflow")
    program = Program((*ZENFLOW, "controller", f"--kubeconfig={kubeconfig}", *flags), tmp_path / "webhook.log")
    program.start()
    kubectl = control_plane.kubectl()
    kubectl.apply(configuration(f"https://127.0.0.1:{port}/validate", certificate.read_bytes()))
    yield program
    kubectl.run("delete", "validatingwebhookconfiguration", "jobflows.workflow.zen.io")
    assert program.stop() == 0


@pytest.mark.control_plane
def test_where_the_webhook_is_on_a_cycle_is_never_stored(
    control_plane: ControlPlane, with_policies: Kubectl, webhook: Program
) -> None:
    """The same sentence, at the create."""
    assert control_plane is not None

    def refused() -> bool:
        assert webhook.process.poll() is None, webhook.output()
        try:
            with_policies.create(CYCLE)
        except KubectlFailed as failed:
            return SENTENCE in failed.stderr
        with_policies.run("delete", "jobflow", CYCLE["metadata"]["name"], "--namespace=data")
        return False

    eventually(refused, within=30, what="the webhook refuses the cycle", else_show=webhook.output)


@pytest.mark.control_plane
def test_where_the_webhook_is_on_a_typo_in_a_template_is_never_stored(
    control_plane: ControlPlane, with_policies: Kubectl, webhook: Program
) -> None:
    """The API server itself has no means to see it."""
    assert control_plane is not None
    made = step("a")
    made["template"]["spec"]["backofLimit"] = 0
    typo = flow(made, metadata={"name": "typo"})

    def refused() -> bool:
        assert webhook.process.poll() is None, webhook.output()
        try:
            with_policies.create(typo)
        except KubectlFailed as failed:
            return 'did you mean "backoffLimit"?' in failed.stderr
        with_policies.run("delete", "jobflow", "typo", "--namespace=data")
        return False

    eventually(refused, within=30, what="the webhook refuses the typo", else_show=webhook.output)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1, as files."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=webhook"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def configuration(url: str, authority: bytes) -> dict[str, Any]:
    rule = {
        "apiGroups": ["workflow.zen.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["jobflows"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "jobflows.workflow.zen.io"},
        "webhooks": [
            {
                "name": "jobflows.workflow.zen.io",
                "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
                "rules": [rule],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
