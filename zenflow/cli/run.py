"""`zenflow run`: flows on this machine, to their end.

Puts a plan, a local cluster, the controller and a screen together, and goes round until every flow has ended or
somebody has had enough. One thread does it all.
"""

import getpass
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from zenflow.api import durations
from zenflow.api.names import APPROVED_PREFIX
from zenflow.api.types import FlowPhase, JobFlow
from zenflow.cli import home, plan, render, screen, warnings
from zenflow.cli.engine import CONTROLLER_USER, Engine, controller
from zenflow.cli.interrupts import Interrupts
from zenflow.cli.keys import Keys, NoKeys
from zenflow.cli.output import print_flows
from zenflow.cli.plan import Plan, Refused
from zenflow.cli.screen import Screen
from zenflow.cli.watching import FLOWS, FlowWatch, LogWatch
from zenflow.local.cluster import LocalCluster
from zenflow.runtime.client import Client
from zenflow.runtime.clock import Clock, SystemClock
from zenflow.runtime.errors import NotFound

OK, FAILED, BAD_FILE = 0, 1, 2
REFRESH = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    files: tuple[Path, ...]
    approve: frozenset[str]
    executor: str
    workdir: Path | None
    timeout: str | None
    output: str | None
    quiet: bool


def run(options: Options) -> int:
    """Run the flows; the exit status of the command."""
    try:
        limit = _limit(options.timeout)
        can_ask = Keys.are_there() and not options.quiet
        work = plan.make(options.files, options.approve, can_ask=can_ask, stdin=sys.stdin.buffer)
        shown = screen.choose(sys.stderr if options.output else sys.stdout, quiet=options.quiet)
        warnings.go_to(shown.warn)
        cluster = home.build(options.executor, options.workdir)
        try:
            return _run(work, cluster, shown, options, limit)
        finally:
            cluster.stop()
    except Refused as refused:
        for sentence in refused.sentences:
            screen.fail(sentence)
        return BAD_FILE


def _limit(timeout: str | None) -> float | None:
    try:
        return durations.parse(timeout).total_seconds() if timeout else None
    except ValueError as error:
        raise Refused([f"--timeout: {error}"]) from None


def _run(work: Plan, cluster: LocalCluster, shown: Screen, options: Options, limit: float | None) -> int:
    user = Client(cluster.api.as_user(getpass.getuser()))
    # Everything is accepted before anything runs: nothing is half applied.
    for item in work.others:
        home.create(cluster, user, item)
    uids = [home.create(cluster, user, item).uid for item in work.flows]
    with Interrupts() as interrupts, Keys() if work.asks else NoKeys() as keys:
        session = _Session(cluster, user, shown, uids, SystemClock())
        try:
            session.go(interrupts, keys, limit)
        finally:
            session.close()
    if options.output:
        print_flows([json.loads(session.watch.raw[uid]) for uid in uids], options.output)
    if interrupts.signal:
        return 128 + interrupts.signal
    return OK if all(flow.status.phase is FlowPhase.SUCCEEDED for flow in session.flows) else FAILED


class _Session:
    """One run, from its first step to its last."""

    def __init__(self, cluster: LocalCluster, user: Client, shown: Screen, uids: list[str], clock: Clock) -> None:
        self._client = user
        self._screen = shown
        self._uids = uids
        self._clock = clock
        self._engine = Engine(cluster, controller(cluster.api.as_user(CONTROLLER_USER), clock), clock)
        self.watch = FlowWatch(cluster.transport, clock, shown.changed)
        self._logs = LogWatch(cluster.transport, clock, shown.log)
        self._is_cancelled = False

    @property
    def flows(self) -> list[JobFlow]:
        """The flows as last seen, in the order of the files."""
        return [self.watch.flows[uid] for uid in self._uids if uid in self.watch.flows]

    def go(self, interrupts: Interrupts, keys: Keys | NoKeys, limit: float | None) -> None:
        """Go round until all is over. A second Ctrl-C raises KeyboardInterrupt."""
        deadline = None if limit is None else self._clock.monotonic() + limit
        while not self._is_over():
            self._engine.settle(REFRESH, self._look)
            self._screen.refresh(self.flows, self._clock.now(), self._question())
            if interrupts.signal:
                self._cancel("cancelling: waiting for what runs to end; Ctrl-C again kills it")
            elif deadline is not None and self._clock.monotonic() >= deadline:
                self._cancel("--timeout is over: cancelling what still runs")
            self._answer(keys.poll())
            self._engine.wait(REFRESH)

    def close(self) -> None:
        """Show how it ended and give everything back."""
        self._screen.close(self.flows, self._clock.now())
        for part in (self.watch, self._logs, self._engine):
            part.close()

    def _look(self) -> None:
        while self.watch.step() == 0:
            pass
        while self._logs.step() == 0:
            pass

    def _is_over(self) -> bool:
        ended = {uid for uid, flow in self.watch.flows.items() if flow.status.phase and flow.status.phase.is_terminal}
        done = self.watch.deleted if self._is_cancelled else ended | self.watch.deleted
        return done.issuperset(self._uids) and self._logs.is_drained

    def _cancel(self, sentence: str) -> None:
        if self._is_cancelled:
            return
        self._is_cancelled = True
        self._screen.say(sentence)
        for flow in self.flows:
            meta = flow.metadata
            try:
                self._client.delete(FLOWS, meta.name, meta.namespace, uid=meta.uid, propagation="Foreground")
            except NotFound:
                continue  # its time to live was over

    def _waiting(self) -> tuple[JobFlow, str, str] | None:
        """The first Manual step that waits for an answer: its flow, name and message."""
        if self._is_cancelled:
            return None
        found = ((flow, step) for flow in self.flows for step in render.waiting(flow))
        return next(((flow, step.name, step.message or "") for flow, step in found), None)

    def _question(self) -> str:
        waiting = self._waiting()
        return render.question(waiting[0], waiting[1], waiting[2]) if waiting else ""

    def _answer(self, keys: str) -> None:
        waiting = self._waiting()
        pressed = next((key for key in keys.lower() if key in "yn"), "")
        if waiting is None or not pressed:
            return
        meta = waiting[0].metadata
        value = "true" if pressed == "y" else "false"
        patch = {"metadata": {"uid": meta.uid, "annotations": {f"{APPROVED_PREFIX}{waiting[1]}": value}}}
        self._client.patch(FLOWS, meta.name, json.dumps(patch).encode(), meta.namespace)
