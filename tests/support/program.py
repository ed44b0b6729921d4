"""A program under test as the process it is in life: started, watched, killed, started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


class Program:
    """One command line; each `start` is a new process that appends to the same log file.

    It ends with the test run, however that ends: the kernel kills it when the thread that started it is gone.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = tuple(map(str, command))
        self.log = log
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ("setpriv", "--pdeathsig=KILL", "--", *self.command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=ROOT,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"not started: {self.command}")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        stdin = self.process.stdin
        if stdin:
            stdin.write(line.encode() + b"\n")
            stdin.flush()

    def wait_for_output(self, text: str, *, within: float) -> None:
        """Wait until the log holds a text. A program that ended before it came fails at once."""

        def said() -> bool:
            if text in self.output():
                return True
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command} ended with {self.process.returncode}:\n{self.output()}")
            return False

        eventually(said, within=within, what=f"{text!r} from {self.command}", else_show=self.output)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        """Make sure that it is gone, however it is."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def stop(self, within: float = 60) -> int:
        """SIGTERM, as kubelet sends it, and its exit status. One that is not gone in time is killed and fails."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            if self._process.stdin:
                self._process.stdin.close()
