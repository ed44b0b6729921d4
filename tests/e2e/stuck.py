"""Flows that stand still, each for another reason, and what `kubectl get` and `kubectl describe` must say of them.

All are submitted at once, so that the half minute after which a stuck Pod is told of passes once for all of them.
"""

from dataclasses import dataclass
from typing import Any

from tests.e2e.flows import Work, flow, step

WAITING, MESSAGE = "fake.zenflow.test/waiting", "fake.zenflow.test/message"
RESTRICTED, LIMITED = "stuck-restricted", "stuck-limited"
GROUP = {"executionPolicy": {"concurrencyGroup": "stuck"}}
HOUR = {"retryPolicy": {"limit": 1, "backoff": {"type": "Fixed", "duration": "1h"}}}
NAMESPACES = (
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": RESTRICTED, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    },
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LIMITED}},
    {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-jobs", "namespace": LIMITED},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    },
)
CLAIM = {
    "metadata": {"name": "stuck-claim"},
    "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Ti"}}},
}


@dataclass(frozen=True)
class Stuck:
    """A flow, the sentences that tell its cause and remedy, and the reason of its Event, if it has one."""

    flow: dict[str, Any]
    cause: tuple[str, ...]
    remedy: str
    event: str

    @property
    def name(self) -> str:
        return str(self.flow["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.flow["metadata"]["namespace"])


def changed(name: str, *, fake: str = "", message: str = "", main: dict[str, Any] | None = None, **pod: Any) -> Any:
    """A step whose Pod has other fields, and waits for that reason where kwok plays it."""
    found = step(name)
    template = found["template"]["spec"]["template"]
    template["spec"].update(pod)
    template["spec"]["containers"][0].update(main or {})
    if fake:
        template["metadata"]["annotations"].update({WAITING: fake, MESSAGE: message})
    return found


def volume(**source: Any) -> dict[str, Any]:
    return {
        "volumes": [{"name": "data", **source}],
        "main": {"volumeMounts": [{"name": "data", "mountPath": "/data"}], "command": ["ls", "/data"]},
    }


def elsewhere(namespace: str, found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "metadata": {**found["metadata"], "namespace": namespace}}


MISSING = 'configmap "nowhere" not found'
FROM_CONFIG = {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "nowhere", "key": "x"}}}]}
PULL = 'Back-off pulling image "registry.invalid/none:1"'
SECURITY = "violates PodSecurity"

EVERYWHERE = (
    Stuck(
        flow("stuck-approval", {"name": "ask", "type": "Manual", "message": "Is it time?"}, **GROUP),
        ("Waiting for approval of ask", "Is it time?"),
        "kubectl patch jobflow stuck-approval --type=merge -p ",
        "ApprovalRequired",
    ),
    Stuck(
        flow("stuck-turn", step("a"), **GROUP),
        ("Waiting for JobFlow stuck-approval of the same concurrency group to end",),
        "Remedy: wait, delete stuck-approval, or set executionPolicy.concurrencyPolicy to Allow",
        "Waiting",
    ),
    Stuck(
        flow("stuck-suspended", step("a"), suspend=True),
        ("Suspended",),
        "set spec.suspend to false to start it",
        "Suspended",
    ),
    Stuck(
        flow("stuck-backoff", step("flaky", work=Work(codes=(3,)), **HOUR)),
        ("Step flaky waits for its retry 1 at ", "exited with 3"),
        "Next Retry Time",
        "StepRetry",
    ),
    Stuck(
        flow("stuck-configmap", changed("a", fake="CreateContainerConfigError", message=MISSING, main=FROM_CONFIG)),
        ("(CreateContainerConfigError)", MISSING),
        "Remedy: create what is missing",
        "CreateContainerConfigError",
    ),
    Stuck(
        flow("stuck-claim", changed("a", **volume(persistentVolumeClaim={"claimName": "nowhere"}))),
        ('persistentvolumeclaim "nowhere" not found',),
        "Remedy: ",
        "",
    ),
    Stuck(
        flow("stuck-queued", step("a", work=Work(seconds=600))),
        ("(JobSuspended)", "is suspended"),
        "kubectl patch job stuck-queued-a-1-",
        "JobSuspended",
    ),
)
WITH_CONTAINERS = (
    Stuck(
        flow("stuck-secret", changed("a", **volume(secret={"secretName": "nowhere"}))),
        ("(FailedMount)", 'secret "nowhere" not found'),
        "Remedy: create what is missing",
        "FailedMount",
    ),
)
REAL = (
    Stuck(
        flow(
            "stuck-image",
            changed("a", fake="ImagePullBackOff", message=PULL, main={"image": "registry.invalid/none:1"}),
        ),
        ("(ImagePullBackOff)", "registry.invalid/none:1"),
        "Remedy: correct the image's name in a new flow",
        "ImagePullBackOff",
    ),
    Stuck(
        flow("stuck-node", changed("a", nodeSelector={"zenflow.test/disk": "none"})),
        ("(Unschedulable)", "node affinity/selector"),
        "Remedy: add or free nodes",
        "Unschedulable",
    ),
    Stuck(
        flow(
            "stuck-unbound",
            changed("a", **volume(persistentVolumeClaim={"claimName": "stuck-claim"})),
            resourceTemplates={"volumeClaimTemplates": [CLAIM]},
        ),
        ("(Unschedulable)", "unbound immediate PersistentVolumeClaims"),
        "Remedy: add or free nodes or volumes that fit",
        "Unschedulable",
    ),
    Stuck(
        elsewhere(RESTRICTED, flow("stuck-security", step("a"))),
        ("(FailedCreate)", SECURITY),
        "Remedy: allow its Pods",
        "FailedCreate",
    ),
    Stuck(
        elsewhere(LIMITED, flow("stuck-quota", step("a"))),
        ("(QuotaExceeded)", "exceeded quota: no-jobs"),
        "Remedy: raise the quota",
        "QuotaExceeded",
    ),
)
