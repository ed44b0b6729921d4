"""From a resolved container to a command line of this machine: as a plain process, or by podman or docker.

Pure but for looking up the engine's program. `local.hosting` resolves, `local.processes` starts.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zenflow.local.executor import RunId, StartError
from zenflow.local.paths import Rewriter
from zenflow.local.workloads import Container, Pod

# All that a container inherits of the user's own environment; anything else has to stand in the Pod.
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
# Where a process finds its terminationMessagePath if it cannot be told by its command line.
TERMINATION_LOG = "TERMINATION_LOG"


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


class PlainLauncher:
    """Containers as processes of this machine, without images, mounts or isolation.

    The command is looked up on this machine. Paths of volumes are replaced in command, args, env and workingDir.
    The working directory is one of the container's own unless workingDir names one that exists.
    """

    warning = "containers run as plain processes of this machine: images are not used, nothing is isolated"

    def __init__(self, inherited: Mapping[str, str]) -> None:
        self._inherited = {name: inherited[name] for name in INHERITED if name in inherited}

    def launch(self, container: Resolved) -> Launch:
        places = {mount.target: str(mount.source) for mount in container.mounts}
        places[container.spec.termination_message_path] = str(container.termination_file)
        rewrite = Rewriter(places).rewrite
        if not container.command:
            raise StartError(
                f'container "{container.spec.name}" has no command: the entrypoint of image '
                f'"{container.spec.image}" is not known here, so set command (or use --executor podman or docker)'
            )
        own = {name: rewrite(value) for name, value in container.environment.items()}
        environment = {
            **self._inherited,
            "HOSTNAME": container.pod.spec.hostname or container.pod.metadata.name,
            TERMINATION_LOG: str(container.termination_file),
            **own,
        }
        argv = tuple(rewrite(text) for text in (*container.command, *container.args))
        return Launch(argv, environment, _folder(container, rewrite(container.spec.working_dir)))

    def warnings(self, pod: Pod) -> Sequence[str]:
        unseen = [
            f'container "{container.name}" mounts "{mount.mount_path}", but names that path nowhere in command, args, '
            "env or workingDir: as a plain process it will not find the volume there"
            for container in (*pod.spec.init_containers, *pod.spec.containers)
            for mount in container.volume_mounts
            if not _names(container, mount.mount_path)
        ]
        return [*unseen, *_ignored(pod)]

    def why_not_started(self, code: int, output: str) -> str:
        return ""


class EngineLauncher:
    """Containers by podman or docker: real images, real mounts."""

    warning = ""

    def __init__(self, engine: str, inherited: Mapping[str, str]) -> None:
        """Raises FileNotFoundError where the engine is not installed."""
        program = shutil.which(engine, path=inherited.get("PATH"))
        if program is None:
            raise FileNotFoundError(f"the executor {engine!r} needs {engine} on the PATH, and there is none")
        self._program = program
        # The engine's own client needs to find its configuration; the container sees none of this.
        self._inherited = dict(inherited)

    def launch(self, container: Resolved) -> Launch:
        name = _engine_name(container.run)
        argv = [self._program, "run", "--rm", "--name", name, "--hostname", container.pod.metadata.name[:63]]
        for key, value in container.environment.items():
            argv += ["--env", f"{key}={value}"]
        for mount in (*container.mounts, _termination_mount(container)):
            argv += ["--volume", f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"]
        if container.spec.working_dir:
            argv += ["--workdir", container.spec.working_dir]
        rest = container.args
        if container.command:
            argv += ["--entrypoint", container.command[0]]
            rest = (*container.command[1:], *container.args)
        argv += [container.spec.image, *rest]
        return Launch(tuple(argv), self._inherited, container.scratch, kill=(self._program, "kill", name))

    def warnings(self, pod: Pod) -> Sequence[str]:
        return _ignored(pod)

    def why_not_started(self, code: int, output: str) -> str:
        # 125 is the engine's own failure: an image it cannot pull, a mount it cannot make.
        return output.strip() or "the container engine failed" if code == 125 else ""


def _ignored(pod: Pod) -> list[str]:
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


def _folder(container: Resolved, working_dir: str) -> Path:
    if not working_dir:
        return container.scratch
    folder = Path(working_dir)
    if not folder.is_dir():
        raise StartError(f'workingDir "{container.spec.working_dir}" is no directory of this machine')
    return folder


def _names(container: Container, path: str) -> bool:
    mentions = Rewriter({path: path}).mentions
    texts = (*container.command, *container.args, *(v.value for v in container.env), container.working_dir)
    return any(mentions(path, text) for text in texts)


def _termination_mount(container: Resolved) -> Mount:
    return Mount(container.termination_file, container.spec.termination_message_path)


def _engine_name(run: RunId) -> str:
    return f"zenflow-{run.pod_uid}-{run.container}-{run.attempt}"
