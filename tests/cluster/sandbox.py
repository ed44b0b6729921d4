"""A place where a cluster's processes live and from which nothing of them escapes.

The kernel does the cleaning up: every process is started inside a PID and a mount namespace whose first process reads a
pipe held by the test run. Closing the pipe, on purpose or because the test run was killed with SIGKILL, ends that
process, and with it the kernel ends every other one inside (container shims and containers included), their mounts and,
where asked for, their network. What stays behind is a folder under the system's temporary one; the next Sandbox removes
it.
"""

import fcntl
import ipaddress
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import build
from tests.support.waiting import eventually

PREFIX = "zenflow-cluster-"
# Reading, it waits; being a shell, it reaps what is orphaned inside. mount: kubelet hands mounts on to containers.
FIRST_PROCESS = "mount --make-rshared / && cat && exit 0"


@dataclass
class Daemon:
    """A running process of a sandbox. Its output goes to its own log file."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process itself, seen from outside; what the sandbox started is the nsenter that waits for it."""
        return eventually(lambda: only_child(self.process.pid), within=5, what=f"{self.name} starts", every=0.01)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 20) -> None:
        """Signal it and wait until it is gone."""
        if self.is_running():
            os.kill(self.pid, how)
        self.process.wait(within)

    def tail(self, lines: int = 20) -> str:
        written = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join((f"--- the end of {self.log}:", *written))


class Sandbox:
    """Folder, namespaces and daemons of one cluster. `network=True` gives it a network namespace of its own too.

    With one, it is joined to this machine by a veth pair in 198.18.N.0/24 (a range for testing, RFC 2544) and to
    nothing else: its default route leads to the pair, where nobody forwards. Without one, its daemons listen on
    127.0.0.1.
    """

    def __init__(self, *, network: bool = False) -> None:
        remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.daemons: list[Daemon] = []
        self._network = network
        with (self.folder / "lock").open("w") as lock:
            # Inherited by the first process: locked for as long as that one lives.
            fcntl.flock(lock, fcntl.LOCK_EX)
            flags = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *(("--net",) if network else ()))
            self._first = subprocess.Popen(
                ("unshare", *flags, "sh", "-c", FIRST_PROCESS),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(lock.fileno(),),
            )
        inside = eventually(lambda: only_child(self._first.pid), within=10, what="namespaces", every=0.01)
        self._enter = ("nsenter", f"--target={inside}", "--mount", "--pid", *(("--net",) if network else ()), "--")
        # The child is there a moment before its /proc is mounted.
        eventually(self._is_entered, within=10, what="namespaces with their own /proc", every=0.05)
        self.address = self._join(inside) if network else "127.0.0.1"

    def start(self, name: str, *command: str | Path) -> Daemon:
        """Start a process inside; it ends with the sandbox at the latest."""
        path = self.folder / "logs" / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as log:
            process = subprocess.Popen(
                (*self._enter, *map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        daemon = Daemon(name, path, process)
        self.daemons.append(daemon)
        return daemon

    def run(self, *command: str | Path) -> str:
        """Run a command inside to its end and return what it printed. Raises RuntimeError with what it said."""
        return run(*self._enter, *command)

    def wait(self, what: str, probe: Callable[[], bool], *, within: float = 90) -> None:
        """Wait for a property of the cluster. A daemon that dies meanwhile fails at once, with the end of its log."""

        def probe_the_living() -> bool:
            for daemon in self.daemons:
                if not daemon.is_running():
                    raise RuntimeError(f"{daemon.name} ended with {daemon.process.returncode}\n{daemon.tail()}")
            return probe()

        eventually(probe_the_living, within=within, what=what, else_show=self._tails)

    def close(self, *, keep_logs: bool = False) -> Path | None:
        """End every process, the last started first, and remove the folder; returns where kept logs are."""
        for daemon in reversed(self.daemons):
            if daemon.is_running():
                daemon.process.terminate()
        if self._first.stdin:
            self._first.stdin.close()
        self._first.wait(20)
        for daemon in self.daemons:
            daemon.process.wait(20)
        kept = build.CACHE / "logs" / self.folder.name if keep_logs else None
        if kept and (self.folder / "logs").is_dir():
            shutil.copytree(self.folder / "logs", kept, dirs_exist_ok=True)
        remove(self.folder)
        return kept

    def _tails(self) -> str:
        return "\n".join(daemon.tail() for daemon in self.daemons)

    def _is_entered(self) -> bool:
        return (
            subprocess.run((*self._enter, "readlink", "/proc/self"), capture_output=True, check=False).returncode == 0
        )

    def _join(self, inside: int) -> str:
        """Lay the veth pair, with the first network of the range that no other sandbox has, and return our address."""
        for number in range(256):
            network = ipaddress.ip_network(f"198.18.{number}.0/24")
            name = f"zenflow{number}"
            pair = ("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(inside))
            if subprocess.run(pair, capture_output=True, check=False).returncode == 0:
                break
        else:
            raise RuntimeError(f"no veth pair could be made: {' '.join(pair)}")
        run("ip", "address", "add", f"{network[1]}/24", "dev", name)
        run("ip", "link", "set", name, "up")
        for command in (
            "ip link set lo up",
            f"ip address add {network[2]}/24 dev eth0",
            "ip link set eth0 up",
            "ip route add default dev eth0",
            "sysctl -qw net.ipv4.ip_forward=1",
        ):
            self.run(*command.split())
        return str(network[2])


def only_child(pid: int) -> int | None:
    """The process that an unshare or nsenter forked. None until it has."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def remove_leftovers() -> None:
    """Remove the folders of sandboxes whose test run was killed; those of living ones are locked."""
    for folder in leftovers():
        remove(folder)


def leftovers() -> Iterator[Path]:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # alive, or just being made or removed by another run
            continue
        yield folder


def remove(folder: Path) -> None:
    """The folder, and the cgroups that a kubelet made under the same name."""
    # os.walk, not glob: groups of other clusters come and go meanwhile.
    for parent, groups, _ in os.walk("/sys/fs/cgroup"):
        if folder.name in groups:
            for nested in sorted(Path(parent, folder.name).glob("**/"), reverse=True):
                nested.rmdir()
            groups.remove(folder.name)
    shutil.rmtree(folder, ignore_errors=True)
