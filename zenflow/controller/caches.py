"""What the controller has seen of the cluster: the three caches, and by what they are looked up."""

from dataclasses import dataclass

from zenflow.controller.objects import FlowRecord, Job, Pod
from zenflow.runtime.cache import Cache

BY_OWNER = "owner"  # children by the UID of the controlling owner
BUSY = "busy"  # children that may still run, by namespace/concurrency group


@dataclass(frozen=True, slots=True)
class Caches:
    """Filled by their informers, read by everybody."""

    flows: Cache[FlowRecord]
    jobs: Cache[Job]
    pods: Cache[Pod]

    def is_orphan(self, pod: Pod) -> bool:
        """Whether its Job is gone: deleted, while the Pod may still be on its way out."""
        job = self.jobs.get(pod.job_key)
        return job is None or job.metadata.uid != pod.metadata.controller_uid


def group_of(record: FlowRecord) -> str:
    """A flow's concurrency group, with its namespace."""
    return f"{record.metadata.namespace}/{record.group}"
