"""One Pod on its way: which container is started, restarted or stopped next.

The kubelet keeps a PodWorker for each Pod it runs and calls `advance` whenever something may have changed.
Decides on the state of its containers and the clock alone; acts through the Executor; never talks to the API server.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from zenflow.local.loop.objects import Container, Pod
from zenflow.local.loop.outgoing import EventType
from zenflow.local.node import pod_status
from zenflow.local.node.executor import Executor, Exit, NotReady, Rejected, RunId, StartError
from zenflow.local.node.pod_status import ContainerEnd, PodView, Record, Role, Running, Waiting

# The kubelet restarts a container at once after its first failure, then 10 s after each, doubled up to 5 min.
FIRST_BACKOFF = timedelta(seconds=10)
MAX_BACKOFF = timedelta(minutes=5)
# A container that ran this long is well again: its next failure counts as its first.
HEALTHY_AFTER = timedelta(minutes=10)
# How long to wait before asking again for what a Pod needs and does not have.
NOT_READY_RETRY = timedelta(seconds=5)
START_ERROR_CODE = 128

Tell = Callable[[EventType, str, str], None]


class PodWorker:
    """Runs one Pod. Times are the wall clock's; `tell` records an Event about the Pod."""

    def __init__(self, pod: Pod, executor: Executor, now: datetime, tell: Tell) -> None:
        self.pod = pod
        self.look_again_at: datetime | None = None
        self._executor = executor
        self._tell = tell
        self._started_at = now
        self._prepared = False
        self._stop_by: datetime | None = None
        self._killed = False
        self._reason = ""
        self._message = ""
        self._backoff: dict[str, timedelta] = {}
        self._conditions: dict[str, Any] = {}
        self.records = [_init_record(c) for c in pod.spec.init_containers]
        waiting = Waiting("PodInitializing" if self.records else "ContainerCreating")
        self.records += [Record(c, Role.MAIN, waiting) for c in pod.spec.containers]

    @property
    def is_stopping(self) -> bool:
        """Whether its containers were told to end for good."""
        return self._stop_by is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it runs or will run."""
        return not self._any_running() and pod_status.phase(self._view()) in ("Succeeded", "Failed")

    def status(self, now: datetime) -> dict[str, Any]:
        """The status to publish; condition times are kept from the last call where nothing changed."""
        status = pod_status.build(self._view(), now)
        self._conditions = {condition["type"]: condition for condition in status["conditions"]}
        return status

    def exited(self, ended: Exit) -> None:
        """Take note of the end of a run."""
        record = next(r for r in self.records if r.spec.name == ended.run.container)
        started_at = record.state.started_at if isinstance(record.state, Running) else ended.at
        reason = ended.reason or ("Completed" if ended.code == 0 else "Error")
        record.state = ContainerEnd(ended.code, reason, ended.message, started_at, ended.at)

    def stop(self, now: datetime, grace: float, *, reason: str = "", message: str = "") -> None:
        """Tell all containers to end, and after `grace` seconds make them. A later call may only shorten the time."""
        if self._stop_by is not None:
            self._stop_by = min(self._stop_by, now + timedelta(seconds=grace))
            return
        self._reason, self._message = reason, message
        self._stop_by = now + timedelta(seconds=grace)
        for record in self.records:
            if record.is_running:
                self._tell("Normal", "Killing", f"Stopping container {record.spec.name}")
                self._executor.stop(self._run(record), force=grace == 0)

    def advance(self, now: datetime) -> None:
        """Do all that can be done now, and say in `look_again_at` when time alone will bring something to do."""
        self.look_again_at = None
        if self._past_deadline(now):
            message = "Pod was active on the node longer than the specified deadline"
            grace = self.pod.spec.termination_grace_period_seconds
            self.stop(now, grace, reason="DeadlineExceeded", message=message)
        if self._stop_by is not None:
            self._enforce(now, self._stop_by)
        elif self._prepare(now):
            self._run_containers(now)

    def _past_deadline(self, now: datetime) -> bool:
        seconds = self.pod.spec.active_deadline_seconds
        if seconds is None or self.is_stopping:
            return False
        deadline = self._started_at + timedelta(seconds=seconds)
        self._wake(deadline)
        return now >= deadline

    def _enforce(self, now: datetime, stop_by: datetime) -> None:
        if not self._any_running() or self._killed:
            return
        if now < stop_by:
            self._wake(stop_by)
            return
        self._killed = True
        for record in self.records:
            if record.is_running:
                self._executor.stop(self._run(record), force=True)

    def _prepare(self, now: datetime) -> bool:
        if self._prepared:
            return True
        try:
            warnings = self._executor.prepare(self.pod)
        except NotReady as problem:
            self._tell("Warning", "FailedMount", problem.message)
            self._wake(now + NOT_READY_RETRY)
            return False
        except Rejected as problem:
            self._reason, self._message = problem.reason, problem.message
            self._tell("Warning", problem.reason, problem.message)
            return False
        except Exception as problem:
            self._tell("Warning", "FailedMount", _said(problem))
            self._wake(now + NOT_READY_RETRY)
            return False
        for warning in warnings:
            self._tell("Warning", "NotSupported", warning)
        self._prepared = True
        return True

    def _run_containers(self, now: datetime) -> None:
        """Init containers one after another, each sidecar as soon as its turn comes, then all the others at once."""
        view = self._view()
        for record in view.of(Role.INIT, Role.SIDECAR):
            self._ensure(record, now)
            if record.role is Role.INIT and not pod_status.succeeded(record):
                if pod_status.is_over(view, record):
                    self._stop_sidecars(now)
                return
            if not record.attempts:
                return
        for record in view.of(Role.MAIN):
            self._ensure(record, now)
        if all(pod_status.is_over(view, r) for r in view.of(Role.MAIN)):
            self._stop_sidecars(now)

    def _stop_sidecars(self, now: datetime) -> None:
        if self._view().of(Role.SIDECAR):
            self.stop(now, self.pod.spec.termination_grace_period_seconds)
            self._enforce(now, self._stop_by or now)

    def _ensure(self, record: Record, now: datetime) -> None:
        """Have the container run, if it has not run yet or its policy wants it again."""
        if record.is_running:
            return
        if record.ended is None:
            self._start(record, now)
        elif pod_status.will_restart(self._view(), record):
            self._restart(record, record.ended, now)

    def _restart(self, record: Record, ended: ContainerEnd, now: datetime) -> None:
        name = record.spec.name
        if ended.finished_at - ended.started_at >= HEALTHY_AFTER:
            self._backoff.pop(name, None)
        delay = self._backoff.get(name, timedelta())
        if now < ended.finished_at + delay:
            self._wake(ended.finished_at + delay)
            if record.last is not ended:
                self._wait_in_backoff(record, ended, delay)
            return
        record.last = ended
        self._start(record, now)
        if not isinstance(record.state, Waiting):
            self._backoff[name] = min(delay * 2, MAX_BACKOFF) if delay else FIRST_BACKOFF

    def _wait_in_backoff(self, record: Record, ended: ContainerEnd, delay: timedelta) -> None:
        meta = self.pod.metadata
        container, pod = record.spec.name, f"{meta.name}_{meta.namespace}({meta.uid})"
        seconds = int(delay.total_seconds())
        record.last = ended
        record.state = Waiting(
            "CrashLoopBackOff", f"back-off {seconds}s restarting failed container={container} pod={pod}"
        )
        self._tell("Warning", "BackOff", f"Back-off restarting failed container {container} in pod {pod}")

    def _start(self, record: Record, now: datetime) -> None:
        run = RunId(self.pod.metadata.uid, record.spec.name, record.attempts)
        try:
            self._executor.start(run, self.pod, record.spec)
        except NotReady as problem:
            self._wait_for_better(record, problem, now)
            return
        except StartError as problem:
            self._tell("Warning", "Failed", f"Error: {problem}")
            self._count_start(record)
            record.state = ContainerEnd(START_ERROR_CODE, "StartError", str(problem), now, now)
            # The policy decides about a restart at once, as after any other end.
            self._wake(now)
            return
        except Exception as problem:
            self._wait_for_better(record, NotReady("CreateContainerError", _said(problem)), now)
            return
        self._count_start(record)
        record.state = Running(now)
        self._tell("Normal", "Created", f"Created container: {record.spec.name}")
        self._tell("Normal", "Started", f"Started container {record.spec.name}")

    def _wait_for_better(self, record: Record, problem: NotReady, now: datetime) -> None:
        """Try again later; an Event is recorded once for each reason."""
        if record.state != Waiting(problem.reason, problem.message):
            self._tell("Warning", "Failed", f"Error: {problem.message}")
        record.state = Waiting(problem.reason, problem.message)
        self._wake(now + NOT_READY_RETRY)

    def _count_start(self, record: Record) -> None:
        record.restarts = record.attempts
        record.attempts += 1

    def _run(self, record: Record) -> RunId:
        return RunId(self.pod.metadata.uid, record.spec.name, record.attempts - 1)

    def _any_running(self) -> bool:
        return any(record.is_running for record in self.records)

    def _wake(self, at: datetime) -> None:
        self.look_again_at = at if self.look_again_at is None else min(self.look_again_at, at)

    def _view(self) -> PodView:
        return PodView(
            records=self.records,
            restart_policy=self.pod.spec.restart_policy,
            started_at=self._started_at,
            stopping=self.is_stopping,
            reason=self._reason,
            message=self._message,
            conditions=self._conditions,
        )


def _said(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"


def _init_record(spec: Container) -> Record:
    role = Role.SIDECAR if spec.restart_policy == "Always" else Role.INIT
    return Record(spec, role, Waiting("PodInitializing"))
