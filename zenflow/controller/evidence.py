"""What the Pods of an attempt tell about it: exit codes, last words, and why one does not start. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from zenflow.controller.objects import UNREADABLE, ContainerStatus, Job, Pod, Terminated
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import ContainerExit, Trouble

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


def exits_of(pods: Iterable[Pod]) -> tuple[ContainerExit, ...]:
    """Every failed container of the Pods, the latest last; also one that was restarted since."""
    found = [exited for pod in pods for status in _containers(pod) for exited in _failures(status)]
    return tuple(sorted(found, key=lambda exited: exited.finished_at.timestamp() if exited.finished_at else 0.0))


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
    return (exits_of([pod]), trouble_of([pod])) if pod else ((), None)


def _containers(pod: Pod) -> Iterator[ContainerStatus]:
    yield from pod.status.init_container_statuses
    yield from pod.status.container_statuses


def _failures(status: ContainerStatus) -> Iterator[ContainerExit]:
    for state in (status.last_state, status.state):
        if state.terminated is not None and state.terminated.exit_code != 0:
            yield _exit(status.name, state.terminated)


def _exit(container: str, terminated: Terminated) -> ContainerExit:
    return ContainerExit(
        container=container,
        exit_code=terminated.exit_code,
        reason=terminated.reason,
        message=terminated.message,
        finished_at=terminated.finished_at,
    )


def _troubles(pod: Pod) -> Iterator[Trouble]:
    for condition in pod.status.conditions:
        if condition.type == UNREADABLE:
            text = f"Pod {pod.metadata.name}: {condition.message}"
            yield _trouble(UNREADABLE, text, pod.metadata.name, pod.metadata.creation_timestamp)
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason:
            text = f"Pod {pod.metadata.name}: {condition.message}"
            yield _trouble(condition.reason, text, pod.metadata.name, condition.last_transition_time)
    for status in _containers(pod):
        waiting = status.state.waiting
        if waiting is not None and waiting.reason in _STUCK:
            text = f"Pod {pod.metadata.name}, container {status.name}: {waiting.message or waiting.reason}"
            yield _trouble(_STUCK[waiting.reason], text, pod.metadata.name, pod.metadata.creation_timestamp)


def _trouble(reason: str, text: str, name: str, since: datetime | None) -> Trouble:
    return Trouble(reason, advise(reason, text, name), since)
