"""From a resolved container to a command line of this machine: what `plain` and `engine` share.

`host` resolves, `processes` starts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zenflow.local.loop.objects import Container, Pod
from zenflow.local.node.executor import RunId


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of this machine and where the container expects it."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A container with everything looked up: what remains is to start it."""

    run: RunId
    pod: Pod
    spec: Container
    command: tuple[str, ...]
    args: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    scratch: Path
    termination_file: Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start. `kill` is a command that ends what the process itself would leave running."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    kill: tuple[str, ...] = ()


class Launcher(Protocol):
    """How containers are run."""

    warning: str
    """What a user of this launcher must know, said once; empty for nothing."""

    def launch(self, container: Resolved) -> Launch:
        """The process that is this container. Raises StartError."""
        ...

    def warnings(self, pod: Pod) -> Sequence[str]:
        """What this Pod asks for and will not get, a sentence each."""
        ...

    def why_not_started(self, code: int, output: str) -> str:
        """If this exit code says that the container never started: why."""
        ...


def ignored(pod: Pod) -> list[str]:
    """The fields of each container that nobody here acts on."""
    return [
        f'container "{container.name}" has {", ".join(fields)}: the local cluster does not act on that'
        for container in (*pod.spec.init_containers, *pod.spec.containers)
        if (fields := _ignored_fields(container))
    ]


def _ignored_fields(container: Container) -> list[str]:
    values = {
        "livenessProbe": container.liveness_probe,
        "readinessProbe": container.readiness_probe,
        "startupProbe": container.startup_probe,
        "lifecycle": container.lifecycle,
        "resources": container.resources,
        "securityContext": container.security_context,
    }
    return [name for name, value in values.items() if value]
