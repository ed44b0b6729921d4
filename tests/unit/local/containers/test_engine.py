"""Containers by podman or docker."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.containers import resolved
from tests.support.workloads import pod
from zenflow.local.containers.engine import EngineLauncher


@pytest.fixture
def engine(tmp_path: Path) -> EngineLauncher:
    """A launcher that finds a podman."""
    program = tmp_path / "podman"
    program.touch(mode=0o755)
    return EngineLauncher("podman", {"PATH": str(tmp_path)})


def test_an_engine_is_told_everything(engine: EngineLauncher, tmp_path: Path) -> None:
    """Paths stay as they are, the command takes the entrypoint's place."""
    container = resolved(("sh", "-c"), ("cat /data",), environment={"A": "1"}, workingDir="/w")
    assert " ".join(engine.launch(container).argv) == (
        f"{tmp_path}/podman run --rm --name zenflow-uid-main-2 --hostname p --env A --volume /real:/data:ro "
        "--volume /scratch/message:/dev/termination-log --workdir /w --entrypoint sh busybox -c cat /data"
    )


def test_an_engine_knows_the_images_entrypoint(engine: EngineLauncher) -> None:
    """Args alone are args of it."""
    assert engine.launch(resolved((), ("x",))).argv[-2:] == ("busybox", "x")


def test_an_engines_container_is_ended_by_its_name(engine: EngineLauncher, tmp_path: Path) -> None:
    """Killing the client would leave it running."""
    assert engine.launch(resolved()).kill == (f"{tmp_path}/podman", "kill", "zenflow-uid-main-2")


@pytest.mark.parametrize(("code", "why"), [(125, "no such image"), (1, ""), (0, "")])
def test_only_the_engines_own_code_means_not_started(engine: EngineLauncher, code: int, why: str) -> None:
    """125; everything else is the container's."""
    assert engine.why_not_started(code, "no such image\n") == why


def test_values_are_not_seen_in_the_list_of_processes(engine: EngineLauncher, tmp_path: Path) -> None:
    """The engine takes them from its own environment, but for those that it reads itself."""
    launch = engine.launch(resolved(environment={"TOKEN": "secret", "PATH": "/bin", "DOCKER_HOST": "x"}))
    assert not any("secret" in word for word in launch.argv)
    assert (launch.environment["TOKEN"], launch.environment["PATH"]) == ("secret", str(tmp_path))
    assert {"PATH=/bin", "DOCKER_HOST=x"} <= set(launch.argv)


def test_a_container_has_the_host_name_that_the_pod_gives(engine: EngineLauncher) -> None:
    """Else the Pod's own."""
    container = replace(resolved(), pod=pod("p", spec={"hostname": "db"}))
    argv = engine.launch(container).argv
    assert argv[argv.index("--hostname") + 1] == "db"
