"""The node tier: containerd, kubelet and kube-proxy beside a control plane whose sandbox has a network of its own.

Containers run here for real, with Debian's runc and CNI plugins. The node is Ready about ten seconds after start.
"""

import json
from pathlib import Path

import yaml

from tests.cluster import images
from tests.cluster.control_plane import ControlPlane

PODS = "10.244.0.0/24"
CGROUPS = Path("/sys/fs/cgroup")


class Node:
    """One node of a running control plane; ends with its sandbox."""

    name = "node1"

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._sandbox = control_plane.sandbox
        self._binaries = control_plane.binaries
        self._folder = control_plane.sandbox.folder
        self._socket = self._folder / "containerd" / "containerd.sock"

    def start(self) -> None:
        """Returns when the node is Ready and busybox is there to run."""
        self._start_proxy()
        self._start_containerd()
        self.load(self._busybox())
        self._start_kubelet()
        self._sandbox.wait("the node is Ready", self._is_ready)
        self._control_plane.kubectl().apply(*NEVER_PULL)
        self._sandbox.wait("Pods take the images that are there", self._never_pulls)

    def load(self, archive: Path) -> None:
        """Give the node the images of an archive, as `docker save` and `buildah push` write them."""
        self._sandbox.run(
            self._binaries["ctr"], f"--address={self._socket}", "--namespace=k8s.io", "images", "import", archive
        )

    def _start_proxy(self) -> None:
        """Pods reach the API server at its service address through it."""
        self._sandbox.start(
            "kube-proxy",
            self._binaries["kube-proxy"],
            f"--kubeconfig={self._control_plane.kubeconfig('kube-proxy')}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={PODS}",
            f"--hostname-override={self.name}",
        )

    def _start_containerd(self) -> None:
        networks = self._folder / "cni"
        networks.mkdir()
        (networks / "10-bridge.conflist").write_text(json.dumps(self._network()))
        config = self._folder / "containerd.toml"
        config.write_text(CONTAINERD.format(folder=self._socket.parent, pause=images.PAUSE, networks=networks))
        # containerd looks for its shim, and the shim for runc, in PATH.
        path = f"PATH={self._binaries['containerd-shim-runc-v2'].parent}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        self._sandbox.start("containerd", "env", path, self._binaries["containerd"], f"--config={config}")
        self._sandbox.wait("containerd listens", self._socket.exists)

    def _network(self) -> dict[str, object]:
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(self._folder / "cni-addresses"),
        }
        bridge = {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": True, "hairpinMode": True}
        portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{**bridge, "ipam": addresses}, portmap]}

    def _busybox(self) -> Path:
        archive = self._folder / "images.tar"
        images.write_archive(archive)
        return archive

    def _start_kubelet(self) -> None:
        config = self._folder / "kubelet.yaml"
        config.write_text(yaml.safe_dump(self._kubelet_configuration()))
        self._make_cgroups()
        self._sandbox.start(
            "kubelet",
            self._binaries["kubelet"],
            f"--config={config}",
            f"--kubeconfig={self._control_plane.kubeconfig('kubelet')}",
            f"--root-dir={self._folder / 'kubelet'}",
            f"--cert-dir={self._folder / 'kubelet' / 'pki'}",
            f"--hostname-override={self.name}",
            f"--node-ip={self._sandbox.address}",
        )

    def _kubelet_configuration(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "podLogsDir": str(self._folder / "pod-logs"),
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            # A kubelet removes every Pod cgroup it does not know below its root: each has one of its own.
            "cgroupRoot": f"/{self._folder.name}",
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "maxPods": 200,
            "resolvConf": "",
            "serializeImagePulls": False,
        }

    def _make_cgroups(self) -> None:
        """kubelet wants its root to be there: one folder in cgroup v2, one for each controller in v1."""
        unified = (CGROUPS / "cgroup.controllers").exists()
        for hierarchy in (CGROUPS,) if unified else (each for each in CGROUPS.iterdir() if each.is_dir()):
            (hierarchy / self._folder.name).mkdir(exist_ok=True)

    def _never_pulls(self) -> bool:
        """A new policy takes a moment to be seen."""
        kubectl = self._control_plane.kubectl()
        pod = kubectl.run("run", "probe", "--image=busybox:latest", "--dry-run=server", "--output=yaml")
        return "imagePullPolicy: IfNotPresent" in pod

    def _is_ready(self) -> bool:
        nodes = self._control_plane.kubectl().get("nodes")["items"]
        conditions = (condition for node in nodes for condition in node["status"].get("conditions", ()))
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


# `busybox:latest`, as people write it, asks for a pull each time, and there is no registry to pull from.
POLICY = "never-pull.zenflow.test"
ADMISSION = "admissionregistration.k8s.io/v1"
PODS_CREATED = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
PRESENT = """
Object{spec: Object.spec{containers: object.spec.containers.map(each, Object.spec.containers{
  name: each.name, imagePullPolicy: "IfNotPresent"})}}
"""
NEVER_PULL = (
    {
        "apiVersion": ADMISSION,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "matchConstraints": {"resourceRules": [PODS_CREATED]},
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": PRESENT}}],
        },
    },
    {
        "apiVersion": ADMISSION,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY},
        "spec": {"policyName": POLICY},
    },
)

# restrict_oom_score_adj: where the machine itself is a container without CAP_SYS_RESOURCE, no score may be lowered.
CONTAINERD = """\
version = 3
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{networks}"
[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""
