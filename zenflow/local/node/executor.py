"""The seam between the kubelet and what really runs containers, as CRI is on a node.

`kubelet` holds the rules (order, restarts, phases, conditions). An Executor only makes ready, starts, stops and tells
of ends: `local.containers.host` as processes or by a container engine, `local.containers.script` from a list of
outcomes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from zenflow.local.loop.objects import Container, Pod
from zenflow.local.streams import LogSource


class NotReady(Exception):
    """Something the Pod needs is not there yet (a ConfigMap, a claim): tried again. `reason` is a waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Rejected(Exception):
    """This executor can never run the Pod. `reason` becomes the reason of the failed Pod."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class StartError(Exception):
    """The container could not be started, as with a command that does not exist. Counts as an exit with code 128."""


@dataclass(frozen=True, slots=True)
class RunId:
    """One start of one container: `attempt` counts its starts from 0."""

    pod_uid: str
    container: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one run. `message` is its termination message, already cut to size."""

    run: RunId
    code: int
    at: datetime
    message: str = ""
    reason: str = ""


class Executor(LogSource, Protocol):
    """Runs containers for the kubelet. Methods are called by one thread, and none of them waits for a container.

    Also the source of `pods/NAME/log`, from any thread.
    """

    def on_exit(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from whatever thread, when `exits` has something to say."""
        ...

    def prepare(self, pod: Pod) -> Sequence[str]:
        """Make the Pod's volumes, twice is once. Returns warnings for people. Raises NotReady or Rejected."""
        ...

    def start(self, run: RunId, pod: Pod, container: Container) -> None:
        """Start a container. Raises NotReady or StartError."""
        ...

    def stop(self, run: RunId, *, force: bool) -> None:
        """Ask a run to end, or (with `force`) end it. Its Exit comes as any other; unknown runs are ignored."""
        ...

    def exits(self) -> Sequence[Exit]:
        """The runs that ended since the last call, in order."""
        ...

    def next_due(self) -> float | None:
        """When, on the monotonic clock, a run ends that nobody will wake us for; None where `on_exit` wakes."""
        ...

    def discard(self, pod: Pod) -> None:
        """The Pod is gone and nothing of it runs: give back what was kept for it, its logs too."""
        ...

    def close(self) -> None:
        """End everything that runs and remove what was made. Waits for a moment at most."""
        ...
