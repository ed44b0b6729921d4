"""Containers by podman or docker. Pure but for looking up the engine's program."""

import shutil
from collections.abc import Mapping, Sequence

from zenflow.local.containers.launcher import Launch, Mount, Resolved, ignored
from zenflow.local.loop.objects import Pod
from zenflow.local.node.executor import RunId

_ENGINE_VARIABLES = ("DOCKER_", "CONTAINER", "CONTAINERS_", "XDG_", "BUILDAH_", "PODMAN_", "LD_")


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
        hostname = container.pod.spec.hostname or container.pod.metadata.name[:63].rstrip("-.")
        argv = [self._program, "run", "--rm", "--name", name, "--hostname", hostname]
        for key, value in container.environment.items():
            argv += ["--env", f"{key}={value}" if self._is_the_engines(key) else key]
        for mount in (*container.mounts, _termination_mount(container)):
            argv += ["--volume", f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"]
        if container.spec.working_dir:
            argv += ["--workdir", container.spec.working_dir]
        rest = container.args
        if container.command:
            argv += ["--entrypoint", container.command[0]]
            rest = (*container.command[1:], *container.args)
        argv += [container.spec.image, *rest]
        # By name only where that can be: command lines are seen by everybody, and values may be secret.
        told = {key: value for key, value in container.environment.items() if not self._is_the_engines(key)}
        environment = {**told, **self._inherited}
        return Launch(tuple(argv), environment, container.scratch, kill=(self._program, "kill", name))

    def _is_the_engines(self, name: str) -> bool:
        """Whether the engine's own client reads a variable of this name: then its value can't be handed on by name."""
        return name in self._inherited or name.startswith(_ENGINE_VARIABLES)

    def warnings(self, pod: Pod) -> Sequence[str]:
        return ignored(pod)

    def why_not_started(self, code: int, output: str) -> str:
        # 125 is the engine's own failure: an image it cannot pull, a mount it cannot make.
        return output.strip() or "the container engine failed" if code == 125 else ""


def _termination_mount(container: Resolved) -> Mount:
    return Mount(container.termination_file, container.spec.termination_message_path)


def _engine_name(run: RunId) -> str:
    return f"zenflow-{run.pod_uid}-{run.container}-{run.attempt}"
