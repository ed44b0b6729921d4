"""The Executor that really runs containers, on this machine.

Puts together volumes, environment, a launcher (plain processes, podman or docker), processes and logs. All it makes
lies below one directory, which goes when it is closed.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from zenflow.local.containers.environment import ApiConfiguration, expand, expand_all, resolve
from zenflow.local.containers.launcher import Launch, Launcher, Mount, Resolved
from zenflow.local.containers.logs import ContainerLog, PodLogs
from zenflow.local.containers.processes import ProcessEnd, Processes
from zenflow.local.containers.volumes import PodVolumes
from zenflow.local.loop.objects import Container, Pod, VolumeMount
from zenflow.local.node.executor import Exit, RunId, StartError
from zenflow.local.streams import LocalStream, LogOptions
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock

# As much as Kubernetes keeps of a termination message.
MESSAGE_BYTES = 4096
# How long `close` waits for processes that were killed, in seconds.
CLOSE_PATIENCE = 5.0

log = structlog.get_logger()


class HostExecutor:
    """See `executor.Executor` for the contract.

    `root` must not contain white space: it is put into shell commands. With `keep` it outlives `close`.
    """

    def __init__(self, launcher: Launcher, client: Client, root: Path, clock: Clock, *, keep: bool = False) -> None:
        if any(character.isspace() for character in str(root)):
            raise ValueError(f"the working directory must not contain white space: {str(root)!r}")
        self._launcher = launcher
        self._root = root
        self._keep = keep
        self._configuration = ApiConfiguration(client)
        self._volumes = PodVolumes(root, client, self._configuration)
        self._logs = PodLogs(clock, root / "logs")
        self._processes = Processes(clock)
        self._clock = clock
        self._started: dict[RunId, tuple[Resolved, Launch, ContainerLog]] = {}
        self._warned: set[str] = set()

    def on_exit(self, wake: Callable[[], None]) -> None:
        self._processes.on_end(wake)

    def prepare(self, pod: Pod) -> Sequence[str]:
        self._volumes.prepare(pod)
        warnings = self._launcher.warnings(pod)
        for warning in (self._launcher.warning, *warnings):
            self._warn_once(warning)
        return warnings

    def start(self, run: RunId, pod: Pod, container: Container) -> None:
        resolved = self._resolve(run, pod, container)
        output = self._logs.begin(run, pod)
        try:
            launch = self._launcher.launch(resolved)
            self._processes.start(run, launch.argv, launch.environment, launch.folder, output)
        except (OSError, ValueError) as error:
            output.close()
            raise StartError(f"cannot start {launch.argv[0]!r}: {error}") from error
        except StartError:
            output.close()
            raise
        self._started[run] = resolved, launch, output

    def stop(self, run: RunId, *, force: bool) -> None:
        started = self._started.get(run)
        if started is None:
            return
        _, launch, _ = started
        if force and launch.kill:
            # Killing the engine's client alone would leave the container running.
            self._processes.kill_after(launch.kill, launch.environment, run)
        else:
            self._processes.signal(run, force=force)

    def exits(self) -> Sequence[Exit]:
        return [self._exit(ended) for ended in self._processes.ended()]

    def next_due(self) -> float | None:
        return None

    def discard(self, pod: Pod) -> None:
        self._logs.discard(pod)
        self._volumes.discard(pod)

    def close(self) -> None:
        for run in self._processes.running():
            self.stop(run, force=True)
        self._processes.join(CLOSE_PATIENCE)
        if not self._keep:
            shutil.rmtree(self._root, ignore_errors=True)

    def open_log(self, namespace: str, pod: str, options: LogOptions) -> LocalStream:
        return self._logs.open_log(namespace, pod, options)

    def _warn_once(self, warning: str) -> None:
        """The Pod's Events tell of each Pod; the log tells of each matter."""
        if warning and warning not in self._warned:
            self._warned.add(warning)
            log.warning(warning)

    def _resolve(self, run: RunId, pod: Pod, container: Container) -> Resolved:
        environment = resolve(pod, container, self._configuration)
        home = self._volumes.home(pod) / "containers" / container.name / str(run.attempt)
        scratch = home / "work"
        scratch.mkdir(parents=True, exist_ok=True)
        termination_file = home / "termination-log"
        termination_file.touch()
        # As the kubelet does: the container may run as anybody.
        termination_file.chmod(0o666)
        return Resolved(
            run=run,
            pod=pod,
            spec=container,
            command=expand_all(container.command, environment),
            args=expand_all(container.args, environment),
            environment=environment,
            mounts=tuple(self._mount(pod, mount, environment) for mount in container.volume_mounts),
            scratch=scratch,
            termination_file=termination_file,
        )

    def _mount(self, pod: Pod, mount: VolumeMount, environment: dict[str, str]) -> Mount:
        try:
            folder = self._volumes.path(pod, mount.name)
        except KeyError:
            raise StartError(f'volumeMount "{mount.name}" names no volume of the Pod') from None
        within = mount.sub_path or expand(mount.sub_path_expr, environment)
        source = folder / within
        if not source.resolve().is_relative_to(folder.resolve()):
            raise StartError(f'subPath "{within}" leads out of its volume')
        if not source.exists():
            source.mkdir(parents=True)
        return Mount(source, mount.mount_path, mount.read_only)

    def _exit(self, ended: ProcessEnd) -> Exit:
        resolved, _, output = self._started.pop(ended.run)
        why = self._launcher.why_not_started(ended.code, output.tail())
        message = why or self._message(resolved, ended.code, output)
        return Exit(ended.run, ended.code, ended.at, message, "StartError" if why else "")

    def _message(self, resolved: Resolved, code: int, output: ContainerLog) -> str:
        """The termination message; of a failure without one the end of the log, if the container asks for that."""
        try:
            with resolved.termination_file.open("rb") as file:
                message = file.read(MESSAGE_BYTES).decode(errors="replace")
        except OSError:
            message = ""
        if not message and code != 0 and resolved.spec.termination_message_policy == "FallbackToLogsOnError":
            return output.tail()
        return message
