"""Logs: what is kept, what is shown, and how followers end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import EPOCH, VirtualClock
from tests.support.workloads import pod
from zenflow.local.containers.logs import ContainerLog, PodLogs
from zenflow.local.node.executor import RunId
from zenflow.local.streams import LocalStream, LogOptions
from zenflow.runtime.errors import BadRequest, StreamEnded


@pytest.fixture(params=["memory", "file"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> PodLogs:
    """Both ways of keeping."""
    return PodLogs(VirtualClock(), tmp_path if request.param == "file" else None)


def begin(logs: PodLogs, attempt: int = 0) -> ContainerLog:
    return logs.begin(RunId("p", "main", attempt), pod("p"))


def write(log: ContainerLog, *lines: str) -> None:
    """One line a second, from EPOCH on."""
    for second, line in enumerate(lines):
        log.append(line.encode(), EPOCH + timedelta(seconds=second))


def read_all(stream: LocalStream) -> list[str]:
    """All lines until the stream ends."""
    lines: list[str] = []
    try:
        while True:
            lines += [line.decode() for line in stream.read()]
    except StreamEnded:
        return lines


def show(logs: PodLogs, **options: Any) -> list[str]:
    return read_all(logs.open_log("default", "p", LogOptions(container="main", **options)))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ["one", "", "three"]),
        ({"tail_lines": 2}, ["", "three"]),
        ({"tail_lines": 0}, []),
        ({"limit_bytes": 6}, ["one", "", "t"]),
        ({"since": "2026-01-01T00:00:02Z"}, ["three"]),
        ({"since": "2026-01-01T01:00:01+01:00"}, ["", "three"]),
        ({"timestamps": True, "tail_lines": 1}, ["2026-01-01T00:00:02.000000000Z three"]),
    ],
)
def test_options_choose_what_is_shown(logs: PodLogs, options: dict[str, Any], shown: list[str]) -> None:
    """Those of `kubectl logs`."""
    write(begin(logs), "one", "", "three")
    assert show(logs, **options) == shown


def test_a_follower_sees_what_comes_and_ends_with_the_log(logs: PodLogs) -> None:
    """An empty read means: nothing yet; the end comes when the container has ended."""
    log = begin(logs)
    write(log, "one")
    stream = logs.open_log("default", "p", LogOptions(container="main", follow=True))
    first, nothing = stream.read(), stream.read()
    write(log, "two")
    log.close()
    assert (first, nothing, read_all(stream)) == ([b"one"], [], ["two"])


def test_the_previous_run_can_be_read(logs: PodLogs) -> None:
    """After a restart."""
    write(begin(logs, 0), "first")
    write(begin(logs, 1), "second")
    assert (show(logs, previous=True), show(logs)) == (["first"], ["second"])


@pytest.mark.parametrize(
    ("started", "previous", "message"),
    [
        (False, False, 'container "main" in pod "p" is waiting to start: ContainerCreating'),
        (True, True, 'previous terminated container "main" in pod "p" not found'),
    ],
)
def test_a_log_that_is_not_there_is_refused(logs: PodLogs, started: bool, previous: bool, message: str) -> None:
    """In the kubelet's words."""
    if started:
        begin(logs)
    with pytest.raises(BadRequest, match=message):
        show(logs, previous=previous)


def test_the_tail_is_short_and_keeps_the_end(logs: PodLogs) -> None:
    """At most 80 lines and 2 KiB, as a termination message falls back on."""
    log = begin(logs)
    write(log, *[f"line {n} {'x' * 20}" for n in range(200)])
    tail = log.tail()
    assert (len(tail.encode()) <= 2048, tail.count("\n") <= 80, tail.endswith(f"line 199 {'x' * 20}\n")) == (True,) * 3


def test_a_line_longer_than_a_chunk_comes_whole(tmp_path: Path) -> None:
    """Files are read in pieces; lines are not."""
    log = ContainerLog(tmp_path / "log")
    write(log, "x" * 3_000_000, "y")
    first = log.read(0)
    assert [len(line) for line in first.split(b"\n")[:1]] == [len("2026-01-01T00:00:00.000000000Z ") + 3_000_000]


def test_nothing_is_kept_after_the_end(logs: PodLogs) -> None:
    """A reader that comes late must not break."""
    log = begin(logs)
    log.close()
    write(log, "late")
    assert show(logs) == []


def test_what_is_too_old_at_the_beginning_does_not_end_a_log(tmp_path: Path) -> None:
    """However long the beginning is."""
    logs = PodLogs(VirtualClock(), tmp_path)
    log = begin(logs)
    for _ in range(20):
        log.append(b"x" * 100_000, EPOCH)
    log.append(b"new", EPOCH + timedelta(hours=1))
    log.close()
    assert show(logs, since="2026-01-01T00:30:00Z") == ["new"]


def test_the_files_of_a_pod_that_is_gone_go_when_nobody_reads_them(tmp_path: Path) -> None:
    """Who reads gets to the end first."""
    logs = PodLogs(VirtualClock(), tmp_path)
    log = begin(logs)
    write(log, "one")
    stream = logs.open_log("default", "p", LogOptions(container="main", follow=True))
    logs.discard(pod("p"))
    write(log, "two")
    log.close()
    assert read_all(stream) == ["one", "two"]
    stream.close()
    assert list(tmp_path.iterdir()) == []
