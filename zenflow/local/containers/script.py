"""An Executor that runs nothing: outcomes are data, time is the clock's.

For simulations and tests. Needs no files and no threads, so a whole cluster runs in one thread on a virtual clock.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from zenflow.local.containers.logs import PodLogs
from zenflow.local.loop.objects import Container, Pod
from zenflow.local.node.executor import Exit, NotReady, RunId, StartError
from zenflow.local.streams import LocalStream, LogOptions
from zenflow.runtime.clock import Clock

TERMINATED = 128 + 15
KILLED = 128 + 9


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of a container goes.

    `seconds` None: runs until it is stopped. `obeys` False: ends only by force. `start_error` set: cannot be started.
    `lacks` set: waits for what it lacks, and its start is tried again with the same outcome.
    """

    seconds: float | None = 0.0
    exit_code: int = 0
    message: str = ""
    log: tuple[str, ...] = ()
    obeys: bool = True
    start_error: str = ""
    lacks: str = ""


Script = Callable[[Pod, Container, int], Outcome]
"""The outcome of a container's n-th start, counted from 0."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Outcomes for the Pods that carry these labels: one for each start, the last for all further ones."""

    labels: Mapping[str, str]
    outcomes: tuple[Outcome, ...]
    container: str = ""

    def matches(self, pod: Pod, container: Container) -> bool:
        """Whether the rule is about this container of this Pod."""
        labels = pod.metadata.labels
        about_container = not self.container or self.container == container.name
        return about_container and all(labels.get(key) == value for key, value in self.labels.items())


def by_rules(*rules: Rule, otherwise: Outcome | None = None) -> Script:
    """A script from rules, first match wins; by default everything else succeeds at once."""
    fallback = Rule({}, (otherwise or Outcome(),))

    def outcome(pod: Pod, container: Container, attempt: int) -> Outcome:
        rule = next((rule for rule in rules if rule.matches(pod, container)), fallback)
        return rule.outcomes[min(attempt, len(rule.outcomes) - 1)]

    return outcome


class ScriptExecutor:
    """Plays a script. Used by one thread; see `executor.Executor` for the contract."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock
        self._logs = PodLogs(clock)
        self._running: dict[RunId, Outcome] = {}
        self._agenda: list[tuple[float, int, Exit]] = []
        self._order = count()

    def on_exit(self, wake: Callable[[], None]) -> None:
        """Nobody needs waking: see `next_due`."""

    def prepare(self, pod: Pod) -> Sequence[str]:
        return ()

    def start(self, run: RunId, pod: Pod, container: Container) -> None:
        outcome = self._script(pod, container, run.attempt)
        if outcome.lacks:
            raise NotReady("CreateContainerConfigError", outcome.lacks)
        log = self._logs.begin(run, pod)
        if outcome.start_error:
            log.close()
            raise StartError(outcome.start_error)
        for line in outcome.log:
            log.append(line.encode(), self._clock.now())
        log.close()
        self._running[run] = outcome
        if outcome.seconds is not None:
            self._end(run, outcome.exit_code, outcome.message, outcome.seconds)

    def stop(self, run: RunId, *, force: bool) -> None:
        outcome = self._running.get(run)
        if outcome is not None and (force or outcome.obeys):
            self._end(run, KILLED if force else TERMINATED, "", 0.0)

    def exits(self) -> Sequence[Exit]:
        now = self._clock.monotonic()
        ended = []
        while self._agenda and self._agenda[0][0] <= now:
            _, _, exit_ = heapq.heappop(self._agenda)
            # What was stopped has ended already.
            if self._running.pop(exit_.run, None) is not None:
                ended.append(exit_)
        return ended

    def next_due(self) -> float | None:
        return self._agenda[0][0] if self._agenda else None

    def discard(self, pod: Pod) -> None:
        self._logs.discard(pod)

    def close(self) -> None:
        self._running.clear()
        self._agenda.clear()

    def open_log(self, namespace: str, pod: str, options: LogOptions) -> LocalStream:
        return self._logs.open_log(namespace, pod, options)

    def _end(self, run: RunId, code: int, message: str, seconds: float) -> None:
        at = self._clock.now() + timedelta(seconds=seconds)
        due = self._clock.monotonic() + seconds
        heapq.heappush(self._agenda, (due, next(self._order), Exit(run, code, at, message)))
