"""Counting a Job's Pods: who is active, who has ended and how, whose failure the Job's own policy overrules.

First half of what the Job controller decides; `job_plan` is the second. Pure: no requests, no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from zenflow.local.loop.objects import ContainerStatus, ExitCodesRequirement, Job, Pod, PodFailureRule


class PodOutcome(Enum):
    """What an ended Pod counts as."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    IGNORED = "Ignored"
    """Failed, but an Ignore rule of the Job's podFailurePolicy says it does not count."""
    REMOVED = "Removed"
    """Deleted by the Job controller itself, because there were too many or the Job is suspended: counts as nothing."""


@dataclass(frozen=True, slots=True)
class PodEnd:
    """The end of one Pod, counted once and remembered after the Pod is gone.

    `fails_job` is the message of the FailJob rule it matched, or empty.
    """

    outcome: PodOutcome
    at: datetime
    index: int | None = None
    fails_job: str = ""
    fails_index: bool = False
    """Whether it matched a FailIndex rule: its index is not tried again."""


@dataclass(frozen=True, slots=True)
class Census:
    """The Pods of one Job at one moment. `ended` is by Pod uid and includes Pods that no longer exist."""

    pods: tuple[Pod, ...]
    ended: Mapping[str, PodEnd]

    @property
    def active(self) -> tuple[Pod, ...]:
        """Pods that run or will run."""
        return tuple(p for p in self.pods if not p.is_terminal and not p.is_terminating)

    @property
    def terminating(self) -> int:
        """How many Pods were told to go and still run."""
        return sum(p.is_terminating for p in self.pods)

    @property
    def ready(self) -> int:
        """How many active Pods are ready."""
        return sum(p.is_ready for p in self.active)

    @property
    def failed(self) -> int:
        """Failures that count against backoffLimit."""
        return self._count(PodOutcome.FAILED)

    @property
    def succeeded(self) -> int:
        """Pods that succeeded; for an Indexed Job count `completed_indexes` instead."""
        return self._count(PodOutcome.SUCCEEDED)

    @property
    def completed_indexes(self) -> tuple[int, ...]:
        """Indexes with at least one success, in order."""
        succeeded = (e.index for e in self.ended.values() if e.outcome is PodOutcome.SUCCEEDED)
        return tuple(sorted({i for i in succeeded if i is not None}))

    @property
    def fails_job(self) -> str:
        """The message of the first FailJob rule that a Pod matched, or empty."""
        return next((e.fails_job for e in self.ended.values() if e.fails_job), "")

    def failures_since_success(self) -> tuple[int, datetime | None]:
        """How many Pods failed since one last succeeded, and when the latest of them did."""
        succeeded = [e.at for e in self.ended.values() if e.outcome is PodOutcome.SUCCEEDED]
        failed = [e.at for e in self.ended.values() if e.outcome in (PodOutcome.FAILED, PodOutcome.IGNORED)]
        # Times are whole seconds: a failure in the second of a success may well have come after it.
        recent = [at for at in failed if not succeeded or at >= max(succeeded)]
        return len(recent), max(recent, default=None)

    def _count(self, outcome: PodOutcome) -> int:
        return sum(e.outcome is outcome for e in self.ended.values())


def end_of(job: Job, pod: Pod, now: datetime, *, gone: bool = False) -> PodEnd | None:
    """How this Pod ended, or None while it may still succeed.

    A Pod that is being deleted counts as failed at once, unless the Job replaces Pods only when they
    have ended (podReplacementPolicy). `gone` says the Pod no longer exists.
    """
    if pod.status.phase == "Succeeded":
        return PodEnd(PodOutcome.SUCCEEDED, _finished_at(pod, now), pod.completion_index)
    if pod.status.phase == "Failed":
        return _failure(job, pod, now)
    if gone or (pod.is_terminating and not job.replaces_only_failed):
        return PodEnd(PodOutcome.FAILED, now, pod.completion_index)
    return None


def _failure(job: Job, pod: Pod, now: datetime) -> PodEnd:
    at = _finished_at(pod, now)
    rules = job.spec.pod_failure_policy.rules if job.spec.pod_failure_policy else ()
    for position, rule in enumerate(rules):
        why = _match(rule, pod)
        if why:
            outcome = PodOutcome.IGNORED if rule.action == "Ignore" else PodOutcome.FAILED
            message = f"{why} matching {rule.action} rule at index {position}" if rule.action == "FailJob" else ""
            return PodEnd(outcome, at, pod.completion_index, message, rule.action == "FailIndex")
    return PodEnd(PodOutcome.FAILED, at, pod.completion_index)


def _match(rule: PodFailureRule, pod: Pod) -> str:
    """Why the rule matches, as the real controller words it, or empty."""
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
            code = _exit_code(status, rule.on_exit_codes)
            if code:
                return f"Container {status.name} for pod {name} failed with exit code {code}"
        return ""
    for pattern in rule.on_pod_conditions:
        if any((c.type, c.status) == (pattern.type, pattern.status) for c in pod.status.conditions):
            return f"Pod {name} has condition {pattern.type}"
    return ""


def _exit_code(status: ContainerStatus, wanted: ExitCodesRequirement) -> int:
    """The container's exit code if the requirement holds for it, else 0, which no rule matches."""
    terminated = status.state.terminated
    if terminated is None or (wanted.container_name and wanted.container_name != status.name):
        return 0
    matches = (terminated.exit_code in wanted.values) is (wanted.operator == "In")
    return terminated.exit_code if matches else 0


def _finished_at(pod: Pod, now: datetime) -> datetime:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    times = [s.state.terminated.finished_at for s in statuses if s.state.terminated]
    return max((t for t in times if t is not None), default=now)


def format_indexes(indexes: Iterable[int]) -> str:
    """Sorted indexes as `status.completedIndexes` has them: `0,2-4,7`."""
    spans: list[list[int]] = []
    for index in indexes:
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    # Two neighbours are written with a comma, as the real controller does; a dash stands for three or more.
    return ",".join(
        str(first) if first == last else f"{first}{',' if last == first + 1 else '-'}{last}" for first, last in spans
    )
