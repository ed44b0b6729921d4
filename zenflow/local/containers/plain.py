"""Containers as plain processes of this machine. Pure: `local.containers.processes` starts what is said here."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from zenflow.local.containers.launcher import Launch, Resolved, ignored
from zenflow.local.containers.paths import Rewriter
from zenflow.local.loop.objects import Container, Pod
from zenflow.local.node.executor import StartError

# All that a container inherits of the user's own environment; anything else has to stand in the Pod.
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")


# Where a process finds its terminationMessagePath if it cannot be told by its command line.
TERMINATION_LOG = "TERMINATION_LOG"


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
            # A Pod has no kubeconfig: a step must not reach a cluster of the person who runs it by accident.
            "KUBECONFIG": os.devnull,
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
        return [*unseen, *ignored(pod)]

    def why_not_started(self, code: int, output: str) -> str:
        return ""


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
