"""What containers wrote, line by line with the time of each, for `kubectl logs`.

Executors append, the API server reads through `PodLogs.open_log`, each from its own thread.
stdout and stderr are one stream, in the order in which they arrived.
"""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zenflow.local.loop.objects import Pod
from zenflow.local.node.executor import RunId
from zenflow.local.streams import LogOptions
from zenflow.runtime.cache import Key
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import BadRequest, StreamEnded

# As much of a log as a termination message may hold (terminationMessagePolicy FallbackToLogsOnError).
TAIL_LINES = 80
TAIL_BYTES = 2048

_CHUNK = 2**20
_STAMP = "%Y-%m-%dT%H:%M:%S.%f000Z"


class ContainerLog:
    """The log of one run, in a file if a path is given, else in memory. Safe for threads.

    Kept as lines of `<RFC 3339 time> <text>`; positions are byte offsets.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._changed = threading.Condition()  # guards everything below
        self._path = path
        self._memory = bytearray()
        self._file = path.open("ab", buffering=0) if path else None
        self._size = 0
        self._closed = False
        self._readers = 0
        self._discarded = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def append(self, text: bytes, at: datetime) -> None:
        """Add one line, given without its newline. Ignored once closed."""
        line = at.astimezone(UTC).strftime(_STAMP).encode() + b" " + text + b"\n"
        with self._changed:
            if self._closed:
                return
            if self._file is not None:
                self._file.write(line)
            else:
                self._memory += line
            self._size += len(line)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come: who follows reads to the end and stops."""
        with self._changed:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None
            self._changed.notify_all()

    def open(self) -> None:
        """Somebody reads it: its file stays until as many have left."""
        with self._changed:
            self._readers += 1

    def leave(self) -> None:
        """One reader has left."""
        with self._changed:
            self._readers -= 1
            self._remove()

    def discard(self) -> None:
        """Nobody will ask for it again: its file goes as soon as nobody reads it."""
        with self._changed:
            self._discarded = True
            self._remove()

    def _remove(self) -> None:
        if self._discarded and self._readers <= 0 and self._path is not None:
            self._path.unlink(missing_ok=True)
            for folder in (self._path.parent, self._path.parent.parent):
                with suppress(OSError):  # other logs may lie there
                    folder.rmdir()

    def read(self, position: int) -> bytes:
        """Complete lines from a position on, as many as fit into a chunk; empty at the end."""
        if self._path is None:
            return bytes(self._memory[position:])
        with self._path.open("rb") as file:
            file.seek(position)
            chunk = file.read(_CHUNK)
            # A line longer than a chunk comes whole all the same.
            while chunk and not chunk.endswith(b"\n") and b"\n" not in chunk:
                more = file.read(_CHUNK)
                if not more:
                    break
                chunk += more
        return chunk[: chunk.rfind(b"\n") + 1]

    def wait(self, position: int, timeout: float) -> None:
        """Block until there is something after a position, nothing more will come, or `timeout` seconds passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._size > position, timeout)

    def tail(self) -> str:
        """The last lines, without times, as a termination message falls back on."""
        lines: deque[bytes] = deque(maxlen=TAIL_LINES)
        position = 0
        while chunk := self.read(position):
            position += len(chunk)
            lines.extend(line.partition(b" ")[2] for line in chunk.splitlines(keepends=True))
        return b"".join(lines)[-TAIL_BYTES:].decode(errors="replace")


class LogStream:
    """A log as `pods/NAME/log` answers with it. Implements `streams.LocalStream`."""

    def __init__(self, log: ContainerLog, options: LogOptions, since: str) -> None:
        self._log = log
        log.open()
        self._left = False
        self._options = options
        self._since = since.encode()
        self._position = 0
        self._budget = options.limit_bytes
        self._started = False
        self._done = False

    def read(self) -> Sequence[bytes]:
        if self._done:
            raise StreamEnded
        closed = self._log.is_closed  # before reading: what is appended after this is read next time
        lines = self._collect()
        if not lines and (closed or not self._options.follow):
            raise StreamEnded
        return lines

    def wait(self, timeout: float) -> None:
        self._log.wait(self._position, timeout)

    def close(self) -> None:
        self._done = True
        if not self._left:
            self._left = True
            self._log.leave()

    def _collect(self) -> Sequence[bytes]:
        """What is there now; the first time no more than the tail that was asked for."""
        limit = None if self._started else self._options.tail_lines
        lines: deque[bytes] = deque(maxlen=limit)
        while chunk := self._log.read(self._position):
            self._position += len(chunk)
            lines.extend(line for line in chunk.split(b"\n")[:-1] if line >= self._since)
            if limit is None and lines:
                break
        self._started = True
        return self._within_budget([self._shown(line) for line in lines])

    def _shown(self, line: bytes) -> bytes:
        return line if self._options.timestamps else line.partition(b" ")[2]

    def _within_budget(self, lines: list[bytes]) -> list[bytes]:
        if self._budget is None:
            return lines
        kept = []
        for line in lines:
            if self._budget <= 0:
                self._done = True
                break
            kept.append(line[: self._budget])
            self._budget -= len(line) + 1
        return kept


class PodLogs:
    """The logs of all runs that an executor keeps. Safe for threads."""

    def __init__(self, clock: Clock, root: Path | None = None) -> None:
        self._clock = clock
        self._root = root
        self._lock = threading.Lock()  # guards the mappings
        self._uids: dict[Key, str] = {}
        self._logs: dict[tuple[str, str], list[ContainerLog]] = {}  # (Pod uid, container) -> by attempt

    def begin(self, run: RunId, pod: Pod) -> ContainerLog:
        """The log of a run that starts now."""
        path = None
        if self._root is not None:
            folder = self._root / run.pod_uid / run.container
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{run.attempt}.log"
        log = ContainerLog(path)
        with self._lock:
            self._uids[pod.metadata.key] = run.pod_uid
            self._logs.setdefault((run.pod_uid, run.container), []).append(log)
        return log

    def discard(self, pod: Pod) -> None:
        """Forget the logs of a Pod, and remove their files. Streams that are open go on to their end."""
        with self._lock:
            if self._uids.get(pod.metadata.key) == pod.metadata.uid:
                del self._uids[pod.metadata.key]
            for container in (*pod.spec.init_containers, *pod.spec.containers):
                for log in self._logs.pop((pod.metadata.uid, container.name), ()):
                    log.discard()

    def open_log(self, namespace: str, pod: str, options: LogOptions) -> LogStream:
        """See `streams.LogSource`."""
        with self._lock:
            uid = self._uids.get(Key(namespace, pod), "")
            logs = tuple(self._logs.get((uid, options.container), ()))
        name = f'container "{options.container}" in pod "{pod}"'
        if options.previous and len(logs) < 2:
            raise BadRequest(400, "BadRequest", f"previous terminated {name} not found")
        if not logs:
            raise BadRequest(400, "BadRequest", f"{name} is waiting to start: ContainerCreating")
        return LogStream(logs[-2 if options.previous else -1], options, self._since(options))

    def _since(self, options: LogOptions) -> str:
        if options.since_seconds is not None:
            return (self._clock.now() - timedelta(seconds=options.since_seconds)).strftime(_STAMP)
        if options.since:
            return datetime.fromisoformat(options.since).astimezone(UTC).strftime(_STAMP)
        return ""
