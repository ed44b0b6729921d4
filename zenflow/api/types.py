"""The JobFlow as values: frozen pydantic models, camelCase on the wire, defaults and bounds shared with the CRD.

Parsing is strict about types and silent about unknown fields, as the API server's pruning is.
What is wrong with a whole flow (cycles, unknown dependencies) is `api.validation`'s business.
Descriptions here become the CRD's, so `kubectl explain jobflow` reads them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from zenflow.api import durations, formats
from zenflow.api.bounds import MAX_INTEGER, bound

MAX_STEPS = 2000
MAX_DEPENDENCIES = 100
MAX_STATUS_MESSAGE = 1024
MAX_TEXT = 253
MAX_REASON = 128  # as that of an Event
MAX_RETRIES = 1000
DEFAULT_TTL_SECONDS = 86400
_INT32 = 2**31 - 1

# Strict, because the API server takes neither "3" nor true for a number. The pattern holds the limit of 63.
StepName = Annotated[str, Field(max_length=MAX_TEXT, pattern=formats.STEP_NAME.pattern)]
# Bounds of maps, which Kubernetes has by their sum alone; a whole spec is bounded by `sizes`.
MAX_ENTRIES = 1000
LabelValue = Annotated[str, Field(max_length=63)]
AnnotationValue = Annotated[str, Field(max_length=2**18)]
Data = Annotated[str, Field(max_length=2**20 * 4 // 3 + 4)]
Seconds = Annotated[int, Field(ge=1, le=_INT32, strict=True)]
Count = Annotated[int, Field(ge=0, le=_INT32, strict=True)]


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A date-time of a status may be written without a zone, which counts as UTC.
Time = Annotated[datetime, AfterValidator(_with_zone)]


class Model(BaseModel):
    """Base of all wire types."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        """A field set to null is a field left out, as the API server's pruning of nulls has it (`executionPolicy:`)."""
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data


_MESSAGE = bound(maxLength=MAX_STATUS_MESSAGE)
_REASON = bound(maxLength=MAX_REASON)
_NAME = bound(maxLength=MAX_TEXT)
_COUNT = bound(minimum=0, maximum=MAX_STEPS)
_GENERATION = bound(minimum=0, maximum=MAX_INTEGER)


class StepType(StrEnum):
    JOB = "Job"
    MANUAL = "Manual"


class BackoffType(StrEnum):
    EXPONENTIAL = "Exponential"
    LINEAR = "Linear"
    FIXED = "Fixed"


class ConcurrencyPolicy(StrEnum):
    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class PodFailureAction(StrEnum):
    IGNORE = "Ignore"
    COUNT = "Count"
    FAIL_JOB = "FailJob"


class ExitCodeOperator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"


class FlowPhase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    PAUSED = "Paused"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_terminal(self) -> bool:
        return self in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)


class StepPhase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    PENDING_APPROVAL = "PendingApproval"

    @property
    def is_terminal(self) -> bool:
        return self in (StepPhase.SUCCEEDED, StepPhase.FAILED, StepPhase.SKIPPED)


class Backoff(Model):
    """How long to wait before each retry."""

    type: BackoffType = Field(
        BackoffType.EXPONENTIAL,
        description="Exponential: duration * factor^n before retry n (from 0); Linear: duration * (n+1); "
        "Fixed: duration. Never more than 1h.",
    )
    factor: float = Field(
        2.0,
        ge=1.0,
        le=100.0,
        strict=True,
        allow_inf_nan=False,
        description="Factor of an Exponential backoff, from 1 to 100.",
    )
    duration: str = Field(
        "10s",
        max_length=64,
        pattern=durations.PATTERN,
        description='Base duration: a number and a unit (ms, s, m, h), such as "10s" or "1m30s".',
    )

    @property
    def base(self) -> timedelta:
        return durations.parse(self.duration)


class RetryPolicy(Model):
    """New Jobs for a step whose Job failed."""

    limit: int = Field(3, ge=0, le=MAX_RETRIES, strict=True, description="Retries after the first attempt.")
    backoff: Backoff = Field(default_factory=Backoff, description="Wait before each retry.")


class Step(Model):
    """One node of the graph: a Job, or a Manual approval gate."""

    name: StepName = Field(description="Unique name of the step: a DNS label of at most 63 characters.")
    type: StepType = Field(StepType.JOB, description="Job runs the template; Manual waits for a person's approval.")
    # No pattern here: a name that no step can have is an unknown dependency.
    dependencies: tuple[Annotated[str, Field(max_length=MAX_TEXT)], ...] = Field(
        (), max_length=MAX_DEPENDENCIES, description="Steps that must be done before this one starts."
    )
    template: Mapping[str, Any] | None = Field(
        None, description="The batch/v1 Job to create. Required for a Job step, forbidden for a Manual one."
    )
    message: str = Field(
        "",
        max_length=MAX_STATUS_MESSAGE,
        pattern=formats.TEXT.pattern,
        description="Shown to the person who is asked to approve a Manual step.",
    )
    when: str = Field(
        "",
        max_length=64,
        pattern=formats.WHEN.pattern,
        description='"always" or "true" (as when empty) runs the step, "never" or "false" skips it.',
    )
    retry_policy: RetryPolicy | None = Field(
        None, description="Retries of this step; without it a failed Job fails the step."
    )
    timeout_seconds: Seconds | None = Field(
        None, description="Bound of the whole step from its first start, retries and waits included."
    )
    continue_on_failure: bool = Field(
        False, strict=True, description="Whether the flow goes on, and may still succeed, when this step fails."
    )


class OnExitCodes(Model):
    """Which exit codes of which container a rule is about."""

    container_name: str = Field(
        "",
        max_length=MAX_TEXT,
        pattern=formats.CONTAINER_NAME.pattern,
        description='Container to look at; by default "main", or any where no container is called main.',
    )
    operator: ExitCodeOperator = Field(description="In: the exit code is one of values; NotIn: it is none of them.")
    values: tuple[Annotated[int, Field(ge=0, le=255, strict=True)], ...] = Field(
        min_length=1, max_length=255, description="Exit codes."
    )


class PodFailureRule(Model):
    """What a failed attempt means."""

    action: PodFailureAction = Field(
        PodFailureAction.FAIL_JOB,
        description="Ignore: the step succeeds at once; Count: retried while retries are left, then the step succeeds; "
        "FailJob: an ordinary failure.",
    )
    on_exit_codes: OnExitCodes = Field(description="Exit codes the rule matches.")


class PodFailurePolicy(Model):
    """Rules read when an attempt has failed; the first that matches decides."""

    rules: tuple[PodFailureRule, ...] = Field((), max_length=20, description="Rules, first match wins.")


class ExecutionPolicy(Model):
    """How the flow as a whole runs."""

    concurrency_policy: ConcurrencyPolicy = Field(
        ConcurrencyPolicy.FORBID,
        description="Allow, Forbid (wait for older flows of the group) or Replace (end them first).",
    )
    concurrency_group: str = Field(
        "",
        max_length=MAX_TEXT,
        pattern=formats.TEXT.pattern,
        description="Flows of one namespace with the same group exclude each other; "
        "by default generateName without its dash, else the name.",
    )
    ttl_seconds_after_finished: Count = Field(
        DEFAULT_TTL_SECONDS, description="Seconds from completionTime until the flow is deleted; 0 at once."
    )
    backoff_limit: Count | None = Field(None, description="Budget of retries summed over all steps; none when unset.")
    active_deadline_seconds: Seconds | None = Field(
        None, description="Bound of the flow from startTime, pauses included."
    )
    pod_failure_policy: PodFailurePolicy | None = Field(None, description="What failed exit codes mean.")


class TemplateMeta(Model):
    """Metadata of a resource template."""

    name: str = Field(max_length=MAX_TEXT, pattern=formats.OBJECT_NAME.pattern, description="Exact name of the object.")
    labels: Mapping[str, LabelValue] = Field(
        default_factory=dict, max_length=MAX_ENTRIES, description="Labels of the object."
    )
    annotations: Mapping[str, AnnotationValue] = Field(
        default_factory=dict, max_length=MAX_ENTRIES, description="Annotations of the object."
    )


class VolumeClaimTemplate(Model):
    """A PersistentVolumeClaim made before any step and owned by the flow."""

    metadata: TemplateMeta = Field(description="Name, labels and annotations.")
    spec: Mapping[str, Any] = Field(description="A v1 PersistentVolumeClaimSpec.")


class ConfigMapTemplate(Model):
    """A ConfigMap made before any step and owned by the flow."""

    metadata: TemplateMeta = Field(description="Name, labels and annotations.")
    data: Mapping[str, Data] = Field(default_factory=dict, max_length=MAX_ENTRIES, description="Text by key.")
    binary_data: Mapping[str, Data] = Field(default_factory=dict, max_length=MAX_ENTRIES, description="Base64 by key.")


class ResourceTemplates(Model):
    """Objects made before any step, under exactly the names given."""

    volume_claim_templates: tuple[VolumeClaimTemplate, ...] = Field(
        (), max_length=100, description="PersistentVolumeClaims to create."
    )
    config_map_templates: tuple[ConfigMapTemplate, ...] = Field((), max_length=100, description="ConfigMaps to create.")


class JobFlowSpec(Model):
    """What to run."""

    suspend: bool = Field(False, strict=True, description="While true nothing new starts; what runs goes on.")
    execution_policy: ExecutionPolicy = Field(
        default_factory=ExecutionPolicy, description="Concurrency, TTL, retry budget, deadline."
    )
    resource_templates: ResourceTemplates = Field(
        default_factory=ResourceTemplates, description="Objects made before any step."
    )
    steps: tuple[Step, ...] = Field(
        min_length=1,
        max_length=MAX_STEPS,
        description="The steps; their dependencies form a graph without cycles.",
    )


class JobRef(Model):
    """The Job of a step's latest attempt."""

    name: str = Field(description="Name of the Job.", **_NAME)
    uid: str = Field("", description="UID of the Job.", **_NAME)


class StepStatus(Model):
    """What is known of one step."""

    name: str = Field(description="Name of the step.", **_NAME)
    phase: StepPhase = Field(description="Pending, Running, Succeeded, Failed, Skipped or PendingApproval.")
    reason: str | None = Field(None, description="One CamelCase word: why it is in this phase.", **_REASON)
    message: str | None = Field(None, description="One sentence for a person.", **_MESSAGE)
    waiting_since: Time | None = Field(
        None, description="Since when it stands still for its reason; not set while nothing holds it up."
    )
    start_time: Time | None = Field(None, description="When its first attempt started, or its approval was asked for.")
    completion_time: Time | None = Field(None, description="When it reached its final phase.")
    retry_count: int = Field(0, description="Retries made.", **bound(minimum=0, maximum=MAX_RETRIES))
    next_retry_time: Time | None = Field(None, description="When the next retry starts.")
    exit_code: int | None = Field(
        None, description="Exit code of the last failed container.", **bound(minimum=-_INT32 - 1, maximum=_INT32)
    )
    job_ref: JobRef | None = Field(None, description="The Job of the latest attempt.")
    approved_by: str | None = Field(None, description="Who approved a Manual step.", **_MESSAGE)


class Progress(Model):
    """Counts of steps."""

    total_steps: int = Field(0, description="All steps.", **_COUNT)
    completed_steps: int = Field(0, description="Steps in a final phase.", **_COUNT)
    successful_steps: int = Field(0, description="Steps that succeeded.", **_COUNT)
    failed_steps: int = Field(0, description="Steps that failed.", **_COUNT)
    skipped_steps: int = Field(0, description="Steps that were skipped.", **_COUNT)
    summary: str = Field("", description="completedSteps/totalSteps, as printed by kubectl get.", **bound(maxLength=32))


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """A meta/v1 Condition."""

    type: str = Field(description="Complete, Failed or Paused.", **_REASON)
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(description="One CamelCase word.", **_REASON)
    message: str = Field("", description="One sentence for a person.", **_MESSAGE)
    last_transition_time: Time = Field(description="When status last changed.")
    observed_generation: int = Field(0, description="Generation of the spec this was computed from.", **_GENERATION)


class JobFlowStatus(Model):
    """A report; what happens next is derived from the Jobs."""

    phase: FlowPhase | None = Field(None, description="Pending, Running, Paused, Suspended, Succeeded or Failed.")
    message: str | None = Field(
        None, description="One sentence for a person: what it is doing or waiting for.", **_MESSAGE
    )
    observed_generation: int = Field(
        0, description="Generation of the spec this status was computed from.", **_GENERATION
    )
    waiting_since: Time | None = Field(
        None, description="Since when it is Pending, Paused or Suspended; not set in other phases."
    )
    start_time: Time | None = Field(None, description="When the flow started.")
    completion_time: Time | None = Field(None, description="When the flow ended.")
    conditions: tuple[Condition, ...] = Field((), description="Complete, Failed, Paused.", **bound(maxItems=20))
    progress: Progress | None = Field(None, description="Counts of steps.")
    steps: tuple[StepStatus, ...] = Field(
        (), description="One entry a step, in the order of spec.steps.", **bound(maxItems=MAX_STEPS)
    )


class FlowMeta(Model):
    """The metadata that decisions read."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    generate_name: str = ""
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    annotations: Mapping[str, str] = Field(default_factory=dict)


class JobFlow(Model):
    """One JobFlow object."""

    metadata: FlowMeta
    spec: JobFlowSpec
    status: JobFlowStatus = Field(default_factory=JobFlowStatus)
