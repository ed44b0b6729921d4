"""Child processes: started in groups of their own, read to their last line, waited for.

Knows nothing of Pods: `local.containers.launcher` says what to start, `local.containers.host` what an end means.
Two threads for each process, one for what it writes and one for its end, because nothing else waits for both
portably; how many run at once is bounded by the kubelet's slots.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from zenflow.local.containers.logs import ContainerLog
from zenflow.local.node.executor import RunId
from zenflow.runtime.clock import Clock

# A child of the process may hold its output open after it has ended: this much longer it is listened to, in seconds.
DRAIN = 1.0
# Output without a newline is cut into lines of this many bytes, as container runtimes do.
LONGEST_LINE = 16 * 1024
# A carriage return alone ends a line, too: else a progress bar would be seen only at its end.
_LINE_END = re.compile(rb"\n|\r(?!\n|\Z)")


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """A process that has ended; `code` is 128 + n when signal n ended it."""

    run: RunId
    code: int
    at: datetime


class Processes:
    """Runs processes and tells of their ends. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()  # guards the two below
        self._running: dict[RunId, subprocess.Popen[bytes]] = {}
        self._ended: deque[ProcessEnd] = deque()
        self._wake: Callable[[], None] = lambda: None

    def on_end(self, wake: Callable[[], None]) -> None:
        """Call `wake` from a thread of ours whenever `ended` has something new."""
        self._wake = wake

    def start(
        self, run: RunId, argv: Sequence[str], environment: Mapping[str, str], folder: Path, log: ContainerLog
    ) -> None:
        """Start a process in a session of its own, so that a terminal's Ctrl-C does not reach it. Raises OSError."""
        process = subprocess.Popen(
            argv,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with self._changed:
            self._running[run] = process
        name = f"{run.container}-{process.pid}"
        drain = _start_thread(f"log of {name}", self._copy, process.stdout, log)
        _start_thread(f"end of {name}", self._wait, run, process, drain, log)

    def signal(self, run: RunId, *, force: bool) -> None:
        """SIGTERM, or with `force` SIGKILL, to the process and all that it started. Unknown runs are ignored."""
        with self._changed:
            process = self._running.get(run)
            if process is not None:
                _signal_group(process.pid, signal.SIGKILL if force else signal.SIGTERM)

    def kill_after(self, argv: Sequence[str], environment: Mapping[str, str], run: RunId) -> None:
        """Run a command that ends what the process stands for, then kill the process; without waiting for either."""

        def kill() -> None:
            subprocess.run(argv, env=environment, capture_output=True, check=False)
            self.signal(run, force=True)

        _start_thread(f"kill of {run.container}", kill)

    def ended(self) -> Sequence[ProcessEnd]:
        """What has ended since the last call, in order."""
        with self._changed:
            ended = tuple(self._ended)
            self._ended.clear()
        return ended

    def join(self, timeout: float) -> None:
        """Wait until nothing runs any more, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout)

    def running(self) -> Sequence[RunId]:
        """What runs at the moment."""
        with self._changed:
            return tuple(self._running)

    def _copy(self, output: IO[bytes], log: ContainerLog) -> None:
        with output:
            rest = b""
            while data := _read_some(output):
                *lines, rest = _LINE_END.split(rest + data)
                for line in lines:
                    log.append(line, self._clock.now())
                while len(rest) > LONGEST_LINE:
                    log.append(rest[:LONGEST_LINE], self._clock.now())
                    rest = rest[LONGEST_LINE:]
            if rest:
                log.append(rest, self._clock.now())

    def _wait(
        self, run: RunId, process: subprocess.Popen[bytes], drain: Callable[[float], None], log: ContainerLog
    ) -> None:
        _wait_for_end(process)
        at = self._clock.now()
        with self._changed:
            # What it left behind in its group ends with it, as in a container. Under the lock and before its number is
            # free again: nobody must signal a group that is no longer ours.
            _signal_group(process.pid, signal.SIGKILL)
            code = process.wait()
            del self._running[run]
            self._changed.notify_all()
        drain(DRAIN)
        log.close()
        with self._changed:
            self._ended.append(ProcessEnd(run, code if code >= 0 else 128 - code, at))
        self._wake()


def _read_some(output: IO[bytes]) -> bytes:
    """What there is, without waiting for more of it; empty at the end."""
    return os.read(output.fileno(), 64 * 1024)


def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Block until the process has ended; where the system offers it (not on older macOS), without reaping it."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    # PermissionError is what macOS says of a group that only holds a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _start_thread(name: str, target: Callable[..., None], *args: object) -> Callable[[float], None]:
    """Run something beside, and return how to wait for it."""
    thread = threading.Thread(  # noqa: TID251 - a process is the world: somebody has to wait for it
        name=name, target=target, args=args, daemon=True
    )
    thread.start()
    return thread.join
