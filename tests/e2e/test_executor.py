"""Pods as real processes of this machine, on a local cluster that drives itself.

A shell's `$$` is written `$$$$` here: as Kubernetes does, the executor reads `$$` in a command as an escaped `$`.
"""

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.scripted_cluster import Object
from zenflow.local.cluster import LocalCluster, on_this_machine
from zenflow.local.containers.environment import CONFIG_MAPS, SECRETS
from zenflow.local.containers.volumes import CLAIMS
from zenflow.local.loop.objects import JOBS, PODS
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import NotFound, StreamEnded
from zenflow.runtime.transport import Request

EVENTS = Resource("", "v1", "events", "Event")
PATIENCE = 20.0


class Machine:
    """A started local cluster, read and written as `admin`."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.client = Client(cluster.transport)

    def create(self, resource: Resource, name: str, **fields: Any) -> Object:
        manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}, **fields}
        created: Object = msgspec.json.decode(self.client.create(resource, msgspec.json.encode(manifest), "default"))
        return created

    def run(self, script: str, name: str = "pod", *, pod: Mapping[str, Any] | None = None, **container: Any) -> Object:
        """Run a shell script as the container `main` of a Pod; the Pod as it ended."""
        self.begin(script, name, pod=pod, **container)
        return self.wait_for_phase(name, "Succeeded", "Failed")

    def begin(self, script: str, name: str = "pod", *, pod: Mapping[str, Any] | None = None, **container: Any) -> None:
        main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **container}
        self.create(PODS, name, spec={"restartPolicy": "Never", "containers": [main], **(pod or {})})

    def get(self, resource: Resource, name: str) -> Object | None:
        try:
            found: Object = msgspec.json.decode(self.client.get(resource, name, "default"))
        except NotFound:
            return None
        return found

    def wait_for_phase(self, name: str, *phases: str) -> Object:
        """The Pod as soon as it is in one of these phases."""
        return self.wait_for(PODS, name, lambda pod: pod is not None and pod["status"]["phase"] in phases) or {}

    def wait_for(self, resource: Resource, name: str, holds: Any) -> Object | None:
        """Wait, on the store's own condition, until something holds for an object."""
        store, deadline = self.cluster.api.store, time.monotonic() + PATIENCE
        while True:
            version = store.version
            found = self.get(resource, name)
            if holds(found):
                return found
            assert time.monotonic() < deadline, found
            store.wait(version, 1.0)

    def log(self, name: str = "pod", **options: str) -> str:
        path = PODS.path("default", name, "log")
        return self.cluster.transport.send(Request("GET", path, query=tuple(options.items()))).body.decode()

    def follow(self, name: str) -> list[str]:
        """All lines until the log ends."""
        request = Request("GET", PODS.path("default", name, "log"), query=(("follow", "true"),))
        stream, lines = self.cluster.api.stream(request), []
        with contextlib.suppress(StreamEnded):
            while True:
                lines += [line.decode() for line in stream.read()]
                stream.wait(PATIENCE)
        return lines

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of the Events about an object."""
        items = [msgspec.json.decode(item) for page in self.client.pages(EVENTS, "default") for item in page.items]
        return [(e["reason"], e["message"]) for e in items if e["involvedObject"]["name"] == name]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield from started(tmp_path / "work", {**os.environ, "HOME": "/home/somebody", "SECRET_OF_THE_USER": "x"})


def started(workdir: Path, environment: Mapping[str, str], executor: str = "process") -> Iterator[Machine]:
    cluster = on_this_machine(executor, workdir=workdir, environment=environment)
    cluster.start()
    try:
        yield Machine(cluster)
    finally:
        cluster.stop()


def end(pod: Object, container: str = "main") -> dict[str, Any]:
    """How a container ended."""
    status = next(s for s in pod["status"]["containerStatuses"] if s["name"] == container)
    terminated: dict[str, Any] = status["state"]["terminated"]
    return terminated


def test_a_job_of_one_process_completes(machine: Machine) -> None:
    """From Job to Pod to process and back."""
    main = {"name": "main", "image": "busybox", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [main]}}
    machine.create(JOBS, "job", spec={"template": template})
    job = machine.wait_for(JOBS, "job", lambda job: bool(job["status"].get("completionTime")))
    assert job is not None
    assert [c["type"] for c in job["status"]["conditions"]] == ["SuccessCriteriaMet", "Complete"]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$$$", 143), ("kill -9 $$$$", 137)]
)
def test_exit_codes_are_the_processs(machine: Machine, script: str, code: int) -> None:
    """A signal n is 128 + n."""
    assert end(machine.run(script))["exitCode"] == code


def test_stdout_and_stderr_are_one_log(machine: Machine) -> None:
    """In the order in which they were written, a last line without newline included."""
    machine.run("echo out; echo err >&2; printf last")
    assert machine.log().splitlines() == ["out", "err", "last"]


def test_a_log_can_be_followed_to_its_end(machine: Machine) -> None:
    """While the process runs."""
    machine.begin("echo one; sleep 0.3; echo two")
    machine.wait_for_phase("pod", "Running")
    assert machine.follow("pod") == ["one", "two"]


def test_the_termination_message_is_read_from_its_path(machine: Machine) -> None:
    """Named in the command, or told by TERMINATION_LOG."""
    named = machine.run("echo named > /dev/termination-log", "a")
    told = machine.run("echo told > $TERMINATION_LOG; exit 3", "b")
    assert (end(named)["message"], end(told)["message"]) == ("named\n", "told\n")


def test_a_failure_without_message_falls_back_on_the_log(machine: Machine) -> None:
    """terminationMessagePolicy FallbackToLogsOnError, and only for failures."""
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    failed = machine.run("echo why; exit 1", "a", **policy)
    fine = machine.run("echo why", "b", **policy)
    assert (end(failed)["message"], end(fine).get("message")) == ("why\n", None)


def test_variables_come_from_the_pod_and_its_sources(machine: Machine) -> None:
    """Literals, references, ConfigMap, Secret, own fields; expansion in args."""
    machine.create(CONFIG_MAPS, "settings", data={"color": "blue"})
    machine.create(SECRETS, "login", stringData={"user": "jo"})
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}},
        {"name": "LOGIN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    machine.run("", command=["sh", "-c"], args=["echo $(B) $COLOR $LOGIN $POD"], env=env)
    assert machine.log() == "12 blue jo pod\n"


def test_little_of_the_users_environment_is_inherited(machine: Machine) -> None:
    """PATH and HOME are; whatever else the user has set is not."""
    machine.run('echo "$HOME:${SECRET_OF_THE_USER:-none}"')
    assert machine.log() == "/home/somebody:none\n"


def test_a_container_waits_for_a_config_map_that_is_missing(machine: Machine) -> None:
    """CreateContainerConfigError names it."""
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]
    machine.begin("echo $A", env=env)
    pod = machine.wait_for(PODS, "pod", lambda pod: bool(pod["status"].get("containerStatuses")))
    assert pod is not None
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": 'configmap "late" not found',
    }


def test_containers_share_an_empty_dir(machine: Machine) -> None:
    """An init container writes where the main one reads, each under its own mountPath."""
    volume = {"name": "shared", "emptyDir": {}}
    init = {
        "name": "init",
        "image": "busybox",
        "command": ["sh", "-c", "echo hello > /out/file"],
        "volumeMounts": [{"name": "shared", "mountPath": "/out"}],
    }
    pod = {"volumes": [volume], "initContainers": [init]}
    machine.run("cat /in/file", pod=pod, volumeMounts=[{"name": "shared", "mountPath": "/in"}])
    assert machine.log() == "hello\n"


def test_config_maps_and_secrets_are_files(machine: Machine) -> None:
    """With items and modes."""
    machine.create(CONFIG_MAPS, "scripts", data={"run.sh": "#!/bin/sh\necho from a file\n"})
    machine.create(SECRETS, "login", stringData={"user": "jo"})
    volumes = [
        {"name": "bin", "configMap": {"name": "scripts", "defaultMode": 0o755}},
        {"name": "login", "secret": {"secretName": "login", "items": [{"key": "user", "path": "deep/name"}]}},
    ]
    mounts = [{"name": "bin", "mountPath": "/opt/bin"}, {"name": "login", "mountPath": "/etc/login"}]
    machine.run("/opt/bin/run.sh; cat /etc/login/deep/name", pod={"volumes": volumes}, volumeMounts=mounts)
    assert machine.log() == "from a file\njo\n"


def test_a_claim_outlives_its_pods(machine: Machine) -> None:
    """What one Pod writes the next one reads, and the claim is Bound."""
    resources = {"requests": {"storage": "1Gi"}}
    machine.create(CLAIMS, "data", spec={"accessModes": ["ReadWriteOnce"], "resources": resources})
    pod = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    mounts = [{"name": "data", "mountPath": "/data"}]
    machine.run("echo kept > /data/file", "writer", pod=pod, volumeMounts=mounts)
    machine.client.delete(PODS, "writer", "default")
    machine.run("cat /data/file", "reader", pod=pod, volumeMounts=mounts)
    claim = machine.get(CLAIMS, "data")
    assert claim is not None
    assert (machine.log("reader"), claim["status"]["phase"]) == ("kept\n", "Bound")


def test_a_volume_that_the_command_does_not_name_is_warned_of(machine: Machine) -> None:
    """An Event says which container will not find which path."""
    pod = {"volumes": [{"name": "data", "emptyDir": {}}]}
    machine.run("true", pod=pod, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    (warning,) = [message for reason, message in machine.events("pod") if reason == "NotSupported"]
    assert warning.startswith('container "main" mounts "/data", but names that path nowhere')


def test_a_volume_of_an_unknown_kind_fails_the_pod(machine: Machine) -> None:
    """With a message that says what there is."""
    pod = machine.run("true", pod={"volumes": [{"name": "far", "nfs": {"server": "s", "path": "/"}}]})
    assert (pod["status"]["reason"], "is of kind nfs" in pod["status"]["message"]) == ("UnsupportedVolume", True)


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"command": None, "args": ["x"]}, 'container "main" has no command'),
        ({"command": ["no-such-program"]}, "cannot start 'no-such-program'"),
        ({"workingDir": "/no/such/folder"}, 'workingDir "/no/such/folder" is no directory of this machine'),
    ],
)
def test_what_cannot_be_started_says_why(machine: Machine, container: dict[str, Any], message: str) -> None:
    """Exit code 128, reason StartError, and a sentence for a person."""
    ended = end(machine.run("true", **container))
    assert (ended["exitCode"], ended["reason"], ended["message"][: len(message)]) == (128, "StartError", message)


def test_each_container_has_a_folder_of_its_own(machine: Machine) -> None:
    """Files without a path do not meet."""
    machine.run("echo mine > file; ls", "a")
    machine.run("ls | wc -l", "b")
    assert (machine.log("a"), machine.log("b").strip()) == ("file\n", "0")


def test_deletion_ends_the_whole_process_group(machine: Machine, tmp_path: Path) -> None:
    """SIGTERM reaches children too, and the Pod goes when they have gone."""
    pids = tmp_path / "pids"
    machine.begin(f"sleep 1000 & echo $! > {pids}; wait")
    machine.wait_for_phase("pod", "Running")
    child = int(wait_for_text(pids))
    machine.client.delete(PODS, "pod", "default")
    machine.wait_for(PODS, "pod", lambda pod: pod is None)
    assert ends(child)


def test_who_ignores_sigterm_is_killed_after_its_grace(machine: Machine, tmp_path: Path) -> None:
    """terminationGracePeriodSeconds, then SIGKILL."""
    ready = tmp_path / "ready"
    pod = {"terminationGracePeriodSeconds": 1}
    machine.begin(f"trap '' TERM; echo $$$$ > {ready}; while :; do sleep 0.1; done", pod=pod)
    process = int(wait_for_text(ready))
    machine.client.delete(PODS, "pod", "default")
    machine.wait_for(PODS, "pod", lambda pod: pod is None)
    assert ends(process)


def test_what_a_process_leaves_behind_ends_with_it(machine: Machine, tmp_path: Path) -> None:
    """As in a container, whose first process takes all others along."""
    pids = tmp_path / "pids"
    machine.run(f"sleep 1000 >/dev/null 2>&1 & echo $! > {pids}")
    assert ends(int(wait_for_text(pids)))


def test_two_hundred_pods_do_not_fork_at_once(machine: Machine, tmp_path: Path) -> None:
    """No more run together than there are slots, and all come to their end."""
    folder = tmp_path / "running"
    folder.mkdir()
    script = f"touch {folder}/$$$$; ls {folder} | wc -l; rm {folder}/$$$$"
    for number in range(200):
        machine.begin(script, f"pod-{number}")
    for number in range(200):
        machine.wait_for_phase(f"pod-{number}", "Succeeded", "Failed")
    most = max(int(machine.log(f"pod-{number}")) for number in range(200))
    assert 1 <= most <= 4 * (os.cpu_count() or 1)


def test_stopping_the_cluster_ends_its_processes(tmp_path: Path) -> None:
    """Nothing of it stays."""
    pids = tmp_path / "pids"
    machines = started(tmp_path / "work", os.environ)
    machine = next(machines)
    machine.begin(f"echo $$$$ > {pids}; sleep 1000")
    process = int(wait_for_text(pids))
    machine.cluster.stop()
    assert ends(process)


ENGINE = f"""#!{sys.executable}
import os, sys
args = sys.argv[1:]
if args[0] == "kill":
    sys.exit(0)
rest, entrypoint, volumes = args[1:], None, {{}}
while rest[0].startswith("--"):
    flag = rest.pop(0)
    if flag == "--rm":
        continue
    value = rest.pop(0)
    if flag == "--env":
        os.environ.update([value.split("=", 1)] if "=" in value else ())
    elif flag == "--entrypoint":
        entrypoint = value
    elif flag == "--volume":
        source, target = value.split(":")[:2]
        volumes[target] = source
image, *command = rest
if image == "missing":
    print("Error: no such image")
    sys.exit(125)
print("image", image, "volumes", *sorted(volumes), flush=True)
os.execvp(entrypoint or command[0], [entrypoint, *command] if entrypoint else command)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with a `podman` that runs the command itself and tells what it was given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "podman"
    program.write_text(ENGINE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{programs}:{os.environ['PATH']}"
    yield from started(tmp_path / "work", {**os.environ, "PATH": path}, "podman")


def test_a_container_engine_gets_image_mounts_and_variables(engine: Machine) -> None:
    """Paths stay as they are: the engine mounts them."""
    pod = {"volumes": [{"name": "data", "emptyDir": {}}]}
    env = [{"name": "A", "value": "1"}]
    engine.run("echo $A /data", pod=pod, env=env, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    assert engine.log() == "image busybox volumes /data /dev/termination-log\n1 /data\n"


def test_an_engine_that_cannot_start_a_container_says_why(engine: Machine) -> None:
    """Exit code 125 is the engine's own."""
    ended = end(engine.run("true", image="missing"))
    assert (ended["reason"], ended["message"]) == ("StartError", "Error: no such image")


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(FileNotFoundError, match="needs docker on the PATH"):
        on_this_machine("docker", workdir=tmp_path, environment={"PATH": str(tmp_path)})


def wait_for_text(path: Path) -> str:
    """The content of a file as soon as it has a whole line."""
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline, path
        os.sched_yield()
    return path.read_text().strip()


def ends(process: int) -> bool:
    """Whether a process ends within a moment: a signal is sent at once, but dying takes its time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not is_alive(process):
            return True
        os.sched_yield()
    return False


def is_alive(process: int) -> bool:
    """Whether a process runs; a zombie, which only waits for its parent to notice, does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
