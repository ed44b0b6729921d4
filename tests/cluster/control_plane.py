"""The control-plane tier: etcd, kube-apiserver, kube-controller-manager, kube-scheduler. Up in about ten seconds.

It is the whole of Kubernetes that JobFlows deal with: the real Job controller and garbage collector are part of it.
Pods don't run here; `fake_node` ends them as their annotations say, `node` adds a kubelet that runs them.

Without a network of its own the sandbox leaves it on 127.0.0.1, on free ports: tests, controllers and webhooks under
test are ordinary processes of this machine, and several control planes stand side by side.
"""

import os
import socket
import ssl
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import yaml

from tests.cluster.audit import AuditLog
from tests.cluster.sandbox import Daemon, Sandbox
from tests.cluster.users import COMPONENTS, Users
from tests.support.kubectl import Kubectl

SERVICES = "10.96.0.0/24"
ISSUER = "https://kubernetes.default.svc"


class ControlPlane:
    """Start with `start()`, end with the sandbox. `binaries` are paths by name, as `build.ensure` returns them."""

    def __init__(self, sandbox: Sandbox, binaries: dict[str, Path]) -> None:
        self.sandbox = sandbox
        self.binaries = binaries
        self.keys = sandbox.folder / "pki"
        self.users = Users(sandbox.folder)
        self.audit = AuditLog(sandbox.folder / "audit.log")
        self._etcd_port, self._peer_port, self._port = free_ports(3)
        self.server = f"https://{sandbox.address}:{self._port}"

    def start(self) -> None:
        """Wait until the API answers and a Pod could be made. Raises with the log of what failed."""
        self.prepare()
        self.start_etcd()
        self.start_api_server()
        self._start_with_kubeconfig(
            "kube-controller-manager",
            "controller-manager",
            f"--service-account-private-key-file={self.keys / 'sa.key'}",
            f"--root-ca-file={self.authority}",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
            "--concurrent-job-syncs=20",
        )
        self._start_with_kubeconfig("kube-scheduler", "scheduler", "--kube-api-qps=500", "--kube-api-burst=1000")
        # Made by the controller manager; without it no Pod is admitted.
        self.sandbox.wait(
            "default service account", lambda: self.kubectl().succeeds("get", "serviceaccount", "default")
        )

    def prepare(self) -> None:
        """Make the keys and users that everything else needs."""
        self.keys.mkdir()
        self.users.create()
        self._make_service_account_keys()
        bypass_proxies(self.sandbox.address)

    def kubeconfig(self, user: str = "admin") -> Path:
        return self.users.kubeconfig(user, self.server, self.authority)

    def kubectl(self, user: str = "admin") -> Kubectl:
        return Kubectl(self.kubeconfig(user), self.binaries["kubectl"])

    @property
    def authority(self) -> Path:
        """kube-apiserver makes a certificate of its own at its first start; the file holds the signer's too."""
        return self.keys / "apiserver.crt"

    def start_etcd(self) -> Daemon:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return self.sandbox.start(
            "etcd",
            self.binaries["etcd"],
            f"--data-dir={self.sandbox.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def start_api_server(self) -> Daemon:
        """Start it and wait until it is ready; may be stopped and started again."""
        folder = self.sandbox.folder
        policy = folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(audit_policy()))
        daemon = self.sandbox.start(
            "kube-apiserver",
            self.binaries["kube-apiserver"],
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--bind-address={self.sandbox.address}",
            f"--advertise-address={self.sandbox.address}",
            f"--secure-port={self._port}",
            f"--cert-dir={self.keys}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self.keys / 'sa.pub'}",
            f"--service-account-signing-key-file={self.keys / 'sa.key'}",
            f"--token-auth-file={self.users.token_file}",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit.path}",
            "--audit-log-maxsize=2000",
            "--max-requests-inflight=4000",
            "--max-mutating-requests-inflight=2000",
            # No Pod could reach a loopback address, and the API refuses to name one as an endpoint.
            *(("--endpoint-reconciler-type=none",) if self.sandbox.address == "127.0.0.1" else ()),
        )
        self.sandbox.wait("kube-apiserver is ready", self.is_ready)
        return daemon

    def is_ready(self) -> bool:
        if not self.authority.exists():
            return False
        request = urllib.request.Request(
            f"{self.server}/readyz", headers={"Authorization": f"Bearer {self.users.token('admin')}"}
        )
        try:
            context = ssl.create_default_context(cafile=str(self.authority))
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _start_with_kubeconfig(self, name: str, user: str, *flags: str) -> Daemon:
        common = (f"--kubeconfig={self.kubeconfig(user)}", "--leader-elect=false", "--secure-port=0")
        return self.sandbox.start(name, self.binaries[name], *common, *flags)

    def _make_service_account_keys(self) -> None:
        private, public = self.keys / "sa.key", self.keys / "sa.pub"
        self.sandbox.run("openssl", "genrsa", "-out", private, "2048")
        self.sandbox.run("openssl", "rsa", "-in", private, "-pubout", "-out", public)


def audit_policy() -> dict[str, object]:
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "None", "users": list(COMPONENTS)}, {"level": "Metadata"}],
    }


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on; all are held open until the last is found, so they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def bypass_proxies(address: str) -> None:
    """Tests talk to their cluster directly, whatever proxy this machine uses for the world."""
    known = os.environ.get("NO_PROXY", "").split(",")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(sorted({*filter(None, known), "127.0.0.1", address}))
