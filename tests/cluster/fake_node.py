"""kwok in the place of kubelet: Pods end as their annotations say (kwok/stages.yaml), at once by default.

A node costs nothing, so the control plane and the controller under test have the machine to themselves.
"""

from pathlib import Path

from tests.cluster.control_plane import ControlPlane

STAGES = Path(__file__).parent / "kwok" / "stages.yaml"
MANAGED = "kwok.zenflow.test/managed"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "fake", "annotations": {MANAGED: "true"}, "labels": {"kubernetes.io/hostname": "fake"}},
}


class FakeNode:
    """One Node, as large as one likes, of a running control plane."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def start(self) -> None:
        """Returns once Pods can be scheduled."""
        control_plane = self._control_plane
        control_plane.kubectl().apply(NODE)
        control_plane.sandbox.start(
            "kwok",
            control_plane.binaries["kwok"],
            f"--kubeconfig={control_plane.kubeconfig('kwok')}",
            f"--config={STAGES}",
            f"--manage-nodes-with-annotation-selector={MANAGED}=true",
            "--node-lease-duration-seconds=40",
        )
        control_plane.sandbox.wait("the fake node is schedulable", self._is_schedulable, within=60)

    def _is_schedulable(self) -> bool:
        node = self._control_plane.kubectl().get("node", "fake")
        return not node["spec"].get("taints")
