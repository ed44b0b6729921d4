"""Jobs and Pods as the local controllers see them: the fields they read, decoded from raw JSON.

Everything else of an object is dropped while decoding. What is written goes out as plain dicts, never as these.
"""

from datetime import datetime
from typing import Any

import msgspec

from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Resource

JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
JOB_CONTROLLER = "kubernetes.io/job-controller"
"""The value of spec.managedBy that means the same as none."""


class Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all decoded types: camelCase names, unknown fields ignored."""


class PodMeta(ObjectMeta, frozen=True, rename="camel", kw_only=True):
    """ObjectMeta with what a graceful deletion adds."""

    deletion_grace_period_seconds: int | None = None


class Condition(Wire, frozen=True, kw_only=True):
    """A condition of a Job or a Pod."""

    type: str
    status: str = "True"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    last_probe_time: datetime | None = None


class KeySelector(Wire, frozen=True, kw_only=True):
    """A key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    optional: bool = False


class FieldSelector(Wire, frozen=True, kw_only=True):
    """A field of the Pod itself."""

    field_path: str


class ResourceSelector(Wire, frozen=True, kw_only=True):
    """A request or limit of a container."""

    resource: str
    container_name: str = ""


class EnvSource(Wire, frozen=True, kw_only=True):
    """Where the value of a variable comes from; exactly one is set."""

    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    field_ref: FieldSelector | None = None
    resource_field_ref: ResourceSelector | None = None


class EnvVar(Wire, frozen=True, kw_only=True):
    """One environment variable."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class ObjectReference(Wire, frozen=True, kw_only=True):
    """A ConfigMap or Secret by name."""

    name: str = ""
    optional: bool = False


class EnvFrom(Wire, frozen=True, kw_only=True):
    """All keys of a ConfigMap or Secret as variables."""

    prefix: str = ""
    config_map_ref: ObjectReference | None = None
    secret_ref: ObjectReference | None = None


class VolumeMount(Wire, frozen=True, kw_only=True):
    """Where a container sees a volume."""

    name: str
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False


class Container(Wire, frozen=True, kw_only=True):
    """One container of a Pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    working_dir: str = ""
    volume_mounts: tuple[VolumeMount, ...] = ()
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    restart_policy: str = ""
    liveness_probe: dict[str, Any] | None = None
    readiness_probe: dict[str, Any] | None = None
    startup_probe: dict[str, Any] | None = None
    lifecycle: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None
    security_context: dict[str, Any] | None = None


class PodSpec(Wire, frozen=True, kw_only=True):
    """What to run. `volumes` stay as plain dicts: see `local.containers.volumes`."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int = 30
    active_deadline_seconds: int | None = None
    hostname: str = ""
    node_name: str = ""
    service_account_name: str = ""


class Terminated(Wire, frozen=True, kw_only=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Wire, frozen=True, kw_only=True):
    """The state of a container, as far as the Job controller reads it."""

    terminated: Terminated | None = None


class ContainerStatus(Wire, frozen=True, kw_only=True):
    """What the kubelet says of one container."""

    name: str
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodStatus(Wire, frozen=True, kw_only=True):
    """What the kubelet says of a Pod."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Wire, frozen=True, kw_only=True):
    """A v1 Pod."""

    metadata: PodMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def is_terminating(self) -> bool:
        """Whether it was told to go and has not ended yet."""
        return self.metadata.deletion_timestamp is not None and not self.is_terminal

    @property
    def is_ready(self) -> bool:
        """Whether its Ready condition holds."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def completion_index(self) -> int | None:
        """The index of a Pod of an Indexed Job."""
        value = self.metadata.annotations.get(COMPLETION_INDEX, "")
        return int(value) if value.isdecimal() else None


class ExitCodesRequirement(Wire, frozen=True, kw_only=True):
    """`onExitCodes` of a rule of a Job's podFailurePolicy."""

    operator: str
    values: tuple[int, ...] = ()
    container_name: str = ""


class PodConditionPattern(Wire, frozen=True, kw_only=True):
    """One entry of `onPodConditions`."""

    type: str
    status: str = "True"


class PodFailureRule(Wire, frozen=True, kw_only=True):
    """A rule of a Job's own podFailurePolicy."""

    action: str
    on_exit_codes: ExitCodesRequirement | None = None
    on_pod_conditions: tuple[PodConditionPattern, ...] = ()


class PodFailurePolicy(Wire, frozen=True, kw_only=True):
    """A Job's own podFailurePolicy."""

    rules: tuple[PodFailureRule, ...] = ()


class SuccessPolicyRule(Wire, frozen=True, kw_only=True):
    """Which indexes, or how many, suffice."""

    succeeded_indexes: str | None = None
    succeeded_count: int | None = None


class SuccessPolicy(Wire, frozen=True, kw_only=True):
    """When an Indexed Job is done before all its indexes are."""

    rules: tuple[SuccessPolicyRule, ...] = ()


class JobSpec(Wire, frozen=True, kw_only=True):
    """What to run, and how often. `template` is the Pod template as it stands in the Job."""

    template: dict[str, Any] = msgspec.field(default_factory=dict)
    parallelism: int = 1
    completions: int | None = None
    completion_mode: str = "NonIndexed"
    backoff_limit: int = 6
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool = False
    pod_failure_policy: PodFailurePolicy | None = None
    pod_replacement_policy: str = ""
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    success_policy: SuccessPolicy | None = None
    managed_by: str = JOB_CONTROLLER


class JobStatus(Wire, frozen=True, kw_only=True):
    """What the Job controller last wrote."""

    active: int = 0
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    failed_indexes: str | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()


class Job(Wire, frozen=True, kw_only=True):
    """A batch/v1 Job."""

    metadata: ObjectMeta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def is_indexed(self) -> bool:
        """Whether each completion has an index of its own."""
        return self.spec.completion_mode == "Indexed"

    @property
    def replaces_only_failed(self) -> bool:
        """Whether a Pod fails only by ending, not by being deleted; a podFailurePolicy implies it."""
        return self.spec.pod_replacement_policy == "Failed" or self.spec.pod_failure_policy is not None

    @property
    def is_managed_elsewhere(self) -> bool:
        """Whether another controller than this has it (KEP-4368)."""
        return self.spec.managed_by != JOB_CONTROLLER

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, if it is true."""
        return next((c for c in self.status.conditions if c.type == type_ and c.status == "True"), None)

    @property
    def is_finished(self) -> bool:
        """Whether it is Complete or Failed: nothing of it changes any more."""
        return self.condition("Complete") is not None or self.condition("Failed") is not None
