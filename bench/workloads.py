"""What is measured: chains of Jobs whose Pods finish at once, so only control plane and controller work."""

from dataclasses import dataclass
from typing import Any

NAMESPACE = "default"
CHAIN, LINK = "bench.zenflow.test/chain", "bench.zenflow.test/link"  # on every Job, whoever made it


@dataclass(frozen=True)
class Workload:
    """`flows` chains of `length` steps each, all submitted at once."""

    name: str
    flows: int
    length: int

    @property
    def steps(self) -> int:
        return self.flows * self.length

    def chains(self) -> list[str]:
        return [f"{self.name.lower()}-{number}" for number in range(self.flows)]


WORKLOADS = (Workload("W1", flows=1, length=30), Workload("W2", flows=100, length=5))


def job_template(chain: str, link: int) -> dict[str, Any]:
    """The Job of one link, the same for the floor and for a JobFlow's step."""
    container = {"name": "main", "image": "busybox", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": {CHAIN: chain, LINK: str(link)}},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


def jobflow(chain: str, length: int) -> dict[str, Any]:
    steps = []
    for link in range(length):
        step: dict[str, Any] = {"name": f"step-{link}", "template": job_template(chain, link)}
        if link:
            step["dependencies"] = [f"step-{link - 1}"]
        steps.append(step)
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": chain, "namespace": NAMESPACE},
        "spec": {"steps": steps},
    }
