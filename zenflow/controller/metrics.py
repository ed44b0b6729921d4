"""What a controller counts about flows and steps as it happens: once for each change, by whoever published it.

How things stand now is not counted here but read from the caches at each scrape (`controller.census`), so that it
survives restarts and never drifts. No flow's or step's name is ever a label.
"""

from datetime import datetime
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from zenflow.api.types import FlowPhase, JobFlow, JobFlowStatus, StepPhase, StepStatus
from zenflow.controller.changes import changed_steps
from zenflow.controller.reasons import label

# A flow may take a second or some days.
_LONG: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 259200)
# From seeing that a step may start to having its Job: milliseconds, unless something is wrong.
_SHORT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# Shown as 0 from the start, so that the first one is an increase.
_FLOW_ENDS: Final = (
    (FlowPhase.SUCCEEDED, "StepsSucceeded"),
    *(
        (FlowPhase.FAILED, reason)
        for reason in ("StepFailed", "DeadlineExceeded", "BackoffLimitExceeded", "Replaced", "InvalidSpec")
    ),
)
_STEP_ENDS: Final = (
    (StepPhase.SUCCEEDED, ""),
    *((StepPhase.FAILED, reason) for reason in ("JobFailed", "JobDeleted", "TimedOut", "InvalidTemplate", "Rejected")),
)
_REFUSALS: Final = ("QuotaExceeded", "Forbidden", "InvalidTemplate", "ResourceConflict", "BeingDeleted")
_ANSWERS: Final = {"Approved": "approved", "Rejected": "rejected"}


class FlowMetrics:
    """Counters and histograms of flows and steps; registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._declare_flows(registry)
        self._declare_steps(registry)
        self._declare_jobs(registry)
        build = Gauge("zenflow_build_info", "1, with the version that runs.", ["version"], registry=registry)
        build.labels(version("zenflow")).set(1)

    def _declare_flows(self, registry: CollectorRegistry) -> None:
        self.flows_completed = Counter(
            "zenflow_flows_completed", "Flows that ended, by phase and reason.", ["phase", "reason"], registry=registry
        )
        self.flow_duration = Histogram(
            "zenflow_flow_duration_seconds",
            "From the start of a flow to its end.",
            ["phase"],
            registry=registry,
            buckets=_LONG,
        )
        self.flow_wait = Histogram(
            "zenflow_flow_start_delay_seconds",
            "From the creation of a flow to its start: the wait for its turn.",
            registry=registry,
            buckets=_LONG,
        )
        for phase, reason in _FLOW_ENDS:
            self.flows_completed.labels(phase.value, reason)
        for phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED):
            self.flow_duration.labels(phase.value)

    def _declare_steps(self, registry: CollectorRegistry) -> None:
        self.steps_completed = Counter(
            "zenflow_steps_completed", "Steps that ended, by phase and reason.", ["phase", "reason"], registry=registry
        )
        self.step_duration = Histogram(
            "zenflow_step_duration_seconds",
            "From the first start of a step with a Job to its end, retries included.",
            ["phase"],
            registry=registry,
            buckets=_LONG,
        )
        self.approval_duration = Histogram(
            "zenflow_approval_duration_seconds",
            "From asking for an approval to its answer.",
            ["answer"],
            registry=registry,
            buckets=_LONG,
        )
        self.retries = Counter("zenflow_step_retries", "Retries made.", registry=registry)
        for phase, reason in _STEP_ENDS:
            self.steps_completed.labels(phase.value, reason)
        for phase in (StepPhase.SUCCEEDED, StepPhase.FAILED):
            self.step_duration.labels(phase.value)
        for answer in _ANSWERS.values():
            self.approval_duration.labels(answer)

    def _declare_jobs(self, registry: CollectorRegistry) -> None:
        self.job_creations = Counter("zenflow_job_creations", "Jobs created.", registry=registry)
        self.job_deletions = Counter("zenflow_job_deletions", "Jobs deleted.", registry=registry)
        self.refusals = Counter(
            "zenflow_creation_refusals",
            "Children that the API server refused to create, by reason.",
            ["reason"],
            registry=registry,
        )
        for reason in _REFUSALS:
            self.refusals.labels(reason)
        self.start_latency = Histogram(
            "zenflow_step_start_latency_seconds",
            "From the news that the last dependency's Job has ended to the answer that the step's Job is created.",
            registry=registry,
            buckets=_SHORT,
        )

    def published(self, flow: JobFlow, status: JobFlowStatus) -> None:
        """Count what a published status changed against the one it replaces: O(changed steps)."""
        for was, now in changed_steps(flow.status, status):
            self._count_step(was, now)
        if flow.status.start_time is None and status.start_time is not None:
            self.flow_wait.observe(_seconds(flow.metadata.creation_timestamp, status.start_time))
        if status.phase is not None and status.phase.is_terminal and status.phase is not flow.status.phase:
            self.flows_completed.labels(status.phase.value, label(end_reason(status))).inc()
            if status.start_time is not None and status.completion_time is not None:
                seconds = _seconds(status.start_time, status.completion_time)
                self.flow_duration.labels(status.phase.value).observe(seconds)

    def _count_step(self, was: StepStatus, now: StepStatus) -> None:
        if now.retry_count > was.retry_count:
            self.retries.inc(now.retry_count - was.retry_count)
        if not now.phase.is_terminal or was.phase is now.phase:
            return
        self.steps_completed.labels(now.phase.value, label(now.reason or "")).inc()
        if now.start_time is None or now.completion_time is None:
            return
        seconds = _seconds(now.start_time, now.completion_time)
        if now.job_ref is not None:
            self.step_duration.labels(now.phase.value).observe(seconds)
        elif now.reason in _ANSWERS:
            self.approval_duration.labels(_ANSWERS[now.reason]).observe(seconds)


def end_reason(status: JobFlowStatus) -> str:
    """Why a flow ended as it did: the reason of its condition Complete or Failed."""
    return next((c.reason for c in status.conditions if c.type in ("Complete", "Failed")), "")


def _seconds(start: datetime, end: datetime) -> float:
    """Never negative: two clocks may have set the times."""
    return max(0.0, (end - start).total_seconds())
