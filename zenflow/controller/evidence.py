"""What the Pods of an attempt tell about it: exit codes, last words, and why one does not start. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from zenflow.controller.objects import UNREADABLE, ContainerStatus, Job, Pod, Terminated
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import POD_DELETED, ContainerExit, PodFailure, Trouble

# Waiting reasons of a container that do not pass by themselves as a rule, and what we call them.
_STUCK = {
    "CrashLoopBackOff": "CrashLoopBackOff",
    "CreateContainerConfigError": "CreateContainerConfigError",
    "CreateContainerError": "CreateContainerError",
    "ErrImageNeverPull": "ErrImageNeverPull",
    "ErrImagePull": "ImagePullBackOff",  # kubelet goes back and forth between the two
    "ImagePullBackOff": "ImagePullBackOff",
    "InvalidImageName": "InvalidImageName",
    "RunContainerError": "RunContainerError",
}
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def exits_of(pods: Iterable[Pod]) -> tuple[ContainerExit, ...]:
    """Every failed container of the Pods, the latest last; also one that was restarted since.

    Those that ended because their Pod was deleted come first: the Job controller deletes what still runs of a Job
    that has failed, and how that ends is not what it failed by.
    """
    found = [exited for pod in pods for status in pod.containers for exited in _failures(pod, status)]
    return tuple(sorted(found, key=lambda exited: (not exited.by_deletion, exited.finished_at or _LONG_AGO)))


def pod_failures_of(pods: Iterable[Pod]) -> tuple[PodFailure, ...]:
    """Every Pod that failed, or was taken away while it ran, by no fault of its containers; ordered as `exits_of`."""
    found = [failure for pod in pods if (failure := _pod_failure(pod)) is not None]
    return tuple(sorted(found, key=lambda each: (each.reason != POD_DELETED, each.failed_at or _LONG_AGO)))


def ended_at(pod: Pod) -> datetime | None:
    """When the last container of a Pod that is over ended; where none ever ran, when something else ended it."""
    times = [status.state.terminated.finished_at for status in pod.containers if status.state.terminated]
    known = [time for time in times if time is not None]
    changed = [c.last_transition_time for c in pod.status.conditions if c.type in ("DisruptionTarget", "Ready")]
    fallbacks = (*changed, pod.metadata.deletion_asked_at, pod.metadata.creation_timestamp)
    return max(known, default=None) or next((time for time in fallbacks if time is not None), None)


def trouble_of(pods: Iterable[Pod]) -> Trouble | None:
    """Why one of the Pods does not run: not scheduled, or a container that is stuck before its start."""
    return next((trouble for pod in pods for trouble in _troubles(pod)), None)


def suspension_of(job: Job) -> Trouble | None:
    """That somebody suspended the Job itself, as Kueue does."""
    suspended = job.condition("Suspended")
    if suspended is None:
        return None
    name = job.metadata.name
    return _trouble("JobSuspended", f"Job {name} is suspended", name, suspended.last_transition_time)


def unreadable_of(job: Job) -> Trouble | None:
    """That the Job's status can't be read: nobody knows how it stands until it changes."""
    unreadable = job.condition(UNREADABLE)
    if unreadable is None:
        return None
    meta = job.metadata
    return _trouble(UNREADABLE, f"Job {meta.name}: {unreadable.message}", meta.name, meta.creation_timestamp)


def is_news(old: Pod | None, new: Pod | None) -> bool:
    """Whether a change of a Pod tells something that a decision reads."""
    return _told(old) != _told(new)


def _told(pod: Pod | None) -> tuple[object, ...]:
    return (exits_of([pod]), pod_failures_of([pod]), trouble_of([pod])) if pod else ((), (), None)


def _failures(pod: Pod, status: ContainerStatus) -> Iterator[ContainerExit]:
    for state in (status.last_state, status.state):
        if state.terminated is not None and state.terminated.exit_code != 0:
            yield _exit(pod, status.name, state.terminated)


def _exit(pod: Pod, container: str, terminated: Terminated) -> ContainerExit:
    return ContainerExit(
        container=container,
        exit_code=terminated.exit_code,
        reason=terminated.reason,
        message=terminated.message,
        finished_at=terminated.finished_at,
        pod=pod.metadata.name,
        by_deletion=_is_by_deletion(pod, terminated),
    )


def _is_by_deletion(pod: Pod, terminated: Terminated) -> bool:
    asked_at = pod.metadata.deletion_asked_at
    return asked_at is not None and terminated.finished_at is not None and terminated.finished_at >= asked_at


def with_first_deletion(old: Pod, new: Pod) -> Pod:
    """The new state of a Pod with the time at which its deletion was first asked for.

    When its containers have ended the kubelet deletes it once more, by force: from then on the object says that it was
    asked for just now, after all of them had ended.
    """
    first, latest = old.metadata.deletion_asked_at, new.metadata.deletion_asked_at
    if first is None or latest is None or first >= latest:
        return new
    grace = old.metadata.deletion_grace_period_seconds
    metadata = replace(
        new.metadata, deletion_timestamp=old.metadata.deletion_timestamp, deletion_grace_period_seconds=grace
    )
    return replace(new, metadata=metadata)


def _pod_failure(pod: Pod) -> PodFailure | None:
    """What kubelet, the scheduler, the eviction API or the Pod garbage collector say; else that it was deleted."""
    meta, status = pod.metadata, pod.status
    if status.phase == "Succeeded" or not (status.phase == "Failed" or meta.deletion_timestamp):
        return None
    if status.phase == "Failed" and status.reason:
        return PodFailure(meta.name, status.reason, status.message, ended_at(pod))
    disrupted = next((c for c in status.conditions if c.type == "DisruptionTarget" and c.is_true), None)
    if disrupted is not None:
        return PodFailure(meta.name, disrupted.reason, disrupted.message, disrupted.last_transition_time)
    return PodFailure(meta.name, POD_DELETED, "", meta.deletion_asked_at) if _was_running(pod) else None


def _was_running(pod: Pod) -> bool:
    """Whether a container ran when the deletion of its Pod was asked for."""
    if pod.metadata.deletion_timestamp is None:
        return False
    for state in (status.state for status in pod.containers):
        if state.terminated is None and state.waiting is None:
            return True
        if state.terminated is not None and _is_by_deletion(pod, state.terminated):
            return True
    return False


def _troubles(pod: Pod) -> Iterator[Trouble]:
    for condition in pod.status.conditions:
        if condition.type == UNREADABLE:
            text = f"Pod {pod.metadata.name}: {condition.message}"
            yield _trouble(UNREADABLE, text, pod.metadata.name, pod.metadata.creation_timestamp)
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason:
            text = f"Pod {pod.metadata.name}: {condition.message}"
            yield _trouble(condition.reason, text, pod.metadata.name, condition.last_transition_time)
    for status in pod.containers:
        waiting = status.state.waiting
        if waiting is not None and waiting.reason in _STUCK:
            text = f"Pod {pod.metadata.name}, container {status.name}: {waiting.message or waiting.reason}"
            yield _trouble(_STUCK[waiting.reason], text, pod.metadata.name, pod.metadata.creation_timestamp)


def _trouble(reason: str, text: str, name: str, since: datetime | None) -> Trouble:
    return Trouble(reason, advise(reason, text, name), since)
