"""One measurement: a subject runs a workload on a control plane of its own, and others do the counting.

Requests come from the API server's audit log, CPU and memory from /proc, times from an independent watch
(tests.support.recorder) that sees a Job complete and the next one appear on the same clock.
"""

import os
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.subjects import Subject
from bench.workloads import CHAIN, LINK, Workload
from tests.cluster import build
from tests.cluster.audit import Call
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_node import FakeNode
from tests.cluster.sandbox import Sandbox
from tests.support.program import Program
from tests.support.record import Record
from tests.support.recorder import Recorder
from tests.support.waiting import eventually

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Result:
    """`latencies` are seconds from a Job's Complete to the creation of the next in its chain, in ascending order."""

    subject: str
    workload: Workload
    calls: Counter[Call]
    cpu: float
    memory_peak: int
    latencies: tuple[float, ...]
    wall: float

    @property
    def requests_per_step(self) -> float:
        """Without the Lease, which is renewed as time goes by, whatever there is to do."""
        lease = sum(count for call, count in self.calls.items() if call.resource == "leases")
        return (self.calls.total() - lease) / self.workload.steps

    @property
    def cpu_per_thousand(self) -> float:
        return self.cpu / self.workload.steps * 1000

    def percentile(self, percent: int) -> float:
        """Nearest rank: a time that was really measured."""
        rank = -(-percent * len(self.latencies) // 100)
        return self.latencies[max(rank, 1) - 1]


def measure(subject: Subject, workload: Workload) -> Result:
    """Start a cluster, run the workload to its end, stop the cluster."""
    sandbox = Sandbox()
    with closing(sandbox), tempfile.TemporaryDirectory() as folder:
        control_plane = ControlPlane(sandbox, build.ensure(build.CONTROL))
        control_plane.start()
        FakeNode(control_plane).start()
        recorder = Recorder(control_plane.kubeconfig("watcher"), Path(folder))
        recorder.start()
        run = subject(control_plane, workload, Path(folder))
        run.start()
        position, cpu_before = control_plane.audit.position(), cpu_seconds(run.pid)
        run.submit()
        # The witness first: it writes anyway, and asking the API server all the time would slow it down.
        done = partial(are_complete, recorder, run, workload)
        eventually(done, within=600, what=f"the Jobs of {workload.name} of {subject.name}", every=0.5)
        eventually(run.is_finished, within=60, what=f"the end of {workload.name} of {subject.name}", every=0.1)
        cpu, memory = cpu_seconds(run.pid) - cpu_before, peak_memory(run.pid)
        calls = control_plane.audit.calls(subject.name, position)
        record = recorder.record()
        run.stop()
        recorder.stop()
    return Result(subject.name, workload, calls, cpu, memory, latencies(record), wall(record))


def are_complete(recorder: Recorder, run: Program, workload: Workload) -> bool:
    """Whether every Job of the workload was seen to be Complete. Raises RuntimeError when the subject has died."""
    if run.process.poll() is not None:
        raise RuntimeError(run.output())
    jobs = recorder.record().jobs.values()
    return sum(job.completed_at is not None for job in jobs) == workload.steps


def latencies(record: Record) -> tuple[float, ...]:
    """For each link that has a predecessor: from the predecessor's Complete to its own creation."""
    links = {(job.labels[CHAIN], int(job.labels[LINK])): job for job in record.jobs.values()}
    found = []
    for (chain, link), job in links.items():
        if link:
            before = links[chain, link - 1].completed_at
            assert before is not None, f"{job.name} was created before its predecessor was complete"
            found.append(job.created_at - before)
    return tuple(sorted(found))


def wall(record: Record) -> float:
    """From the first Job's creation to the last Job's end."""
    jobs = record.jobs.values()
    return max(job.ended_at or 0 for job in jobs) - min(job.created_at for job in jobs)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, up to now (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_memory(pid: int) -> int:
    """The most bytes a process ever had in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
