"""Flows and their worlds for tests, as values: say what is special about a case and leave the rest out.

Times are seconds after `START`, and names of steps are all that a test must invent:

    scene = Scene.of(job("a"), job("b", "a")).failed("a", 3, end=5).now(7)
    decide(scene.snapshot())

A Scene is frozen: each word returns another one, so cases can share a beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from zenflow.api.names import APPROVED_BY_PREFIX, APPROVED_PREFIX, job_name
from zenflow.api.types import (
    Backoff,
    ConcurrencyPolicy,
    ExecutionPolicy,
    ExitCodeOperator,
    FlowMeta,
    FlowPhase,
    JobFlow,
    JobFlowSpec,
    JobFlowStatus,
    OnExitCodes,
    PodFailureAction,
    PodFailurePolicy,
    PodFailureRule,
    ResourceTemplates,
    RetryPolicy,
    Step,
    StepType,
)
from zenflow.dag.graph import Graph, build
from zenflow.dag.snapshot import JOB_DELETED, Attempt, ContainerExit, Outcome, Refusal, Rival, Snapshot, Trouble

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
FLOW = "flow"
UID = "uid-flow"


def at(seconds: float) -> datetime:
    """A moment of a test."""
    return START + timedelta(seconds=seconds)


def job(name: str, *dependencies: str, **fields: Any) -> Step:
    """A Job step; `retries=2` is short for a retryPolicy with the default backoff."""
    if "retries" in fields:
        fields["retry_policy"] = RetryPolicy(limit=fields.pop("retries"))
    return Step(name=name, dependencies=dependencies, template={"spec": {}}, **fields)


def gate(name: str, *dependencies: str, **fields: Any) -> Step:
    """A Manual step."""
    return Step(name=name, type=StepType.MANUAL, dependencies=dependencies, **fields)


def retrying(limit: int, **backoff: Any) -> RetryPolicy:
    """A retryPolicy with a backoff of one's own."""
    return RetryPolicy(limit=limit, backoff=Backoff(**backoff))


def on_exit(
    action: PodFailureAction, *codes: int, container: str = "", operator: ExitCodeOperator = ExitCodeOperator.IN
) -> PodFailureRule:
    """One rule of a podFailurePolicy."""
    return PodFailureRule(
        action=action, on_exit_codes=OnExitCodes(container_name=container, operator=operator, values=codes)
    )


def rules(*each: PodFailureRule) -> PodFailurePolicy:
    """A podFailurePolicy."""
    return PodFailurePolicy(rules=each)


def exited(code: int, container: str = "main", message: str = "") -> ContainerExit:
    """A container that failed."""
    return ContainerExit(container=container, exit_code=code, reason="Error", message=message)


def rival(name: str, created: float, **facts: Any) -> Rival:
    """Another flow of the group, created `created` seconds after START (ours is created at 0); by default a
    Forbid flow that runs."""
    defaults: dict[str, Any] = {"policy": ConcurrencyPolicy.FORBID, "has_started": True, "has_ended": False}
    return Rival(name=name, uid=f"uid-{name}", created_at=at(created), **{**defaults, **facts})


@dataclass(frozen=True, slots=True)
class Scene:
    """A flow, its Jobs and the clock; `snapshot()` is what a decision sees of it."""

    flow: JobFlow
    graph: Graph
    time: float = 0.0
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    rivals: tuple[Rival, ...] = ()
    leftovers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    resource_refusals: Mapping[str, Refusal] = field(default_factory=dict)
    resources_ready: bool = True

    @classmethod
    def of(cls, *steps: Step, **policy: Any) -> "Scene":
        """A flow nobody has looked at yet. `policy` are fields of its executionPolicy."""
        meta = FlowMeta(name=FLOW, namespace="default", uid=UID, creation_timestamp=START)
        spec = JobFlowSpec(steps=steps, execution_policy=ExecutionPolicy(**policy))
        return cls(JobFlow(metadata=meta, spec=spec), build(steps))

    def snapshot(self) -> Snapshot:
        """All that a decision may look at."""
        return Snapshot(
            now=at(self.time),
            flow=self.flow,
            graph=None if self.problems else self.graph,
            problems=self.problems,
            attempts=self.attempts,
            rivals=self.rivals,
            leftovers=self.leftovers,
            refusals=self.refusals,
            resource_refusals=self.resource_refusals,
            resources_ready=self.resources_ready,
        )

    def now(self, seconds: float) -> "Scene":
        """At another time."""
        return replace(self, time=seconds)

    # What became of the Jobs. Each word adds the step's next attempt.

    def running(self, step: str, *, since: float = 0, **facts: Any) -> "Scene":
        """Its Job is under way."""
        return self._attempt(step, Outcome.ACTIVE, created_at=at(since), **facts)

    def succeeded(self, step: str, *, since: float = 0, end: float = 0) -> "Scene":
        """Its Job is Complete."""
        return self._attempt(step, Outcome.SUCCEEDED, created_at=at(since), finished_at=at(end))

    def failed(self, step: str, *codes: int, since: float = 0, end: float = 0, **facts: Any) -> "Scene":
        """Its Job is Failed; the exit codes are those of its container `main`, one a Pod."""
        exits = tuple(exited(code) for code in codes)
        told = {"exits": exits, "reason": "BackoffLimitExceeded", "message": "Job has reached its limit", **facts}
        return self._attempt(step, Outcome.FAILED, created_at=at(since), finished_at=at(end), **told)

    def deleted(self, step: str, *, since: float = 0, end: float | None = 0, **facts: Any) -> "Scene":
        """Somebody deleted its Job while it ran; without an end nobody saw when."""
        told = {"reason": JOB_DELETED, "message": "Job was deleted while the step ran", "is_gone": True, **facts}
        finished_at = None if end is None else at(end)
        return self._attempt(step, Outcome.FAILED, created_at=at(since), finished_at=finished_at, **told)

    def troubled(self, step: str, *, since: float, reason: str = "ImagePullBackOff") -> "Scene":
        """Its Job is under way, but the Pod cannot start."""
        return self.running(step, since=since, trouble=Trouble(reason, f"Pod x: {reason}", at(since)))

    def without_jobs_of(self, step: str) -> "Scene":
        """As if its Jobs had never been."""
        return replace(self, attempts={name: each for name, each in self.attempts.items() if name != step})

    # What people and the API server said.

    def answered(self, step: str, answer: str, by: str = "jane") -> "Scene":
        """A person's word on a Manual step: "true" approves it, "false" rejects it. `by` nobody: admission was off."""
        said = {APPROVED_PREFIX + step: answer} | ({APPROVED_BY_PREFIX + step: by} if by else {})
        return self._meta(annotations={**self.flow.metadata.annotations, **said})

    def suspended(self, is_suspended: bool = True) -> "Scene":
        """spec.suspend is set, or lifted."""
        return self._spec(suspend=is_suspended)

    def being_deleted(self) -> "Scene":
        """The flow has a deletionTimestamp."""
        return self._meta(deletion_timestamp=at(self.time))

    def with_templates(self, templates: ResourceTemplates, **refusals: Refusal) -> "Scene":
        """The flow has resource templates that are not there yet; refusals are by kind."""
        told = {f"{kind}/x": refusal for kind, refusal in refusals.items()}
        return replace(self._spec(resource_templates=templates), resources_ready=False, resource_refusals=told)

    def with_resources(self) -> "Scene":
        """The objects of its resource templates are there."""
        return replace(self, resources_ready=True, resource_refusals={})

    def refused(self, step: str, reason: str, *, until: float | None = None) -> "Scene":
        """The API server did not take its Job: for good, or for a while."""
        retry_at = None if until is None else at(until)
        refusal = Refusal(reason, f"{reason} it is", is_final=until is None, retry_at=retry_at)
        return replace(self, refusals={**self.refusals, step: refusal})

    def beside(self, *rivals: Rival, leftovers: tuple[str, ...] = ()) -> "Scene":
        """Other flows of the group, and Jobs of flows that are no more."""
        return replace(self, rivals=rivals, leftovers=leftovers)

    def invalid(self, *problems: str) -> "Scene":
        """The spec is wrong."""
        return replace(self, problems=problems)

    # What is on record.

    def recorded(self, status: JobFlowStatus | None) -> "Scene":
        """The flow's status is this, as it reads after a round trip over the wire; None changes nothing."""
        if status is None:
            return self
        wire = status.model_dump_json(by_alias=True, exclude_none=True)
        return replace(self, flow=self.flow.model_copy(update={"status": JobFlowStatus.model_validate_json(wire)}))

    def started(self, seconds: float = 0) -> "Scene":
        """The flow has had its turn; nothing else is on record."""
        return self.recorded(JobFlowStatus(phase=FlowPhase.RUNNING, start_time=at(seconds)))

    def _attempt(self, step: str, outcome: Outcome, **facts: Any) -> "Scene":
        before = self.attempts.get(step, ())
        number = len(before) + 1
        name = job_name(FLOW, UID, step, number)
        attempt = Attempt(
            step=step, number=number, job_name=name, job_uid=job_uid(step, number), outcome=outcome, **facts
        )
        return replace(self, attempts={**self.attempts, step: (*before, attempt)})

    def _meta(self, **fields: Any) -> "Scene":
        metadata = self.flow.metadata.model_copy(update=fields)
        return replace(self, flow=self.flow.model_copy(update={"metadata": metadata}))

    def _spec(self, **fields: Any) -> "Scene":
        spec = self.flow.spec.model_copy(update=fields)
        return replace(self, flow=self.flow.model_copy(update={"spec": spec}))


def job_uid(step: str, attempt: int) -> str:
    """The UID of an attempt's Job in a Scene."""
    return f"uid-{step}-{attempt}"
