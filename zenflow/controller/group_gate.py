"""Who runs and who waits in each concurrency group, and the gate through which a flow starts (semantics.md, section 6).

Follows the caches change by change and wakes the flows that a change concerns: the next in line when one has ended,
not the whole group. Who must wait for whom is decided by `dag.flows`; whom it has to look at is known here.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from zenflow.api.types import ConcurrencyPolicy
from zenflow.controller.caches import Caches, group_of
from zenflow.controller.group_line import Line, Member
from zenflow.controller.objects import FlowRecord, Job, Pod
from zenflow.runtime.cache import Key


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Those of a group that decide about one flow of it.

    `before`: the next older one that waits, None for the first in line. `running`: the oldest of the others that run.
    `replacing`: those not older than the flow that replace, youngest first.
    """

    before: Member | None = None
    running: Member | None = None
    replacing: tuple[Member, ...] = ()


class GroupGate:
    """All groups. Safe for threads: informers' handlers tell it of changes, workers ask and enter."""

    def __init__(self, caches: Caches, wake: Callable[[Key], None], has_jobs: Callable[[FlowRecord], bool]) -> None:
        self._caches = caches
        self._wake = wake
        self._has_jobs = has_jobs  # its status may not know yet of a start that a crash cut short
        self._lock = threading.Lock()  # guards everything below
        self._lines: dict[str, Line] = {}  # by group, with namespace; none is empty
        self._groups: dict[str, str] = {}  # by flow UID: the group in which it counts
        # UIDs of flows that this process lets start, until the caches show it.
        self._entered: set[str] = set()
        self._announced: set[str] = set()  # UIDs of flows that have woken those they replace

    def flow_changed(self, old: FlowRecord | None, new: FlowRecord | None) -> None:
        """A handler of the flows' informer."""
        record = new or old
        assert record is not None
        self._follow(record.metadata.key, record.metadata.uid)

    def job_changed(self, old: Job | None, new: Job | None) -> None:
        """A handler of the Jobs' informer: a flow whose first Job is seen has started, whatever its status says yet."""
        job = new or old
        assert job is not None
        flow = self._caches.flows.get(job.flow_key)
        if (old is None or new is None) and flow is not None and flow.metadata.uid == job.metadata.controller_uid:
            self._follow(job.flow_key, flow.metadata.uid)
        if old is not None and not old.is_finished and (new is None or new.is_finished):
            self._freed(job.groups)

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A handler of the Pods' informer: the last Pod of a Job that is gone may be all that others wait for."""
        if old is not None and not old.is_over and (new is None or new.is_over) and self._caches.is_orphan(old):
            self._freed(old.groups)

    def enter(self, key: Key, uid: str) -> bool:
        """Let a flow start. False: it is gone, ended or suspended by now, or must wait for another that has entered.

        Two workers may decide to start two flows of a group from snapshots in which neither had started: the
        caches cannot rule that out, so the first through this gate wins. A flow that may run beside others always does.
        """
        with self._lock:
            record = self._record(key, uid)
            member = self._member(record)
            if record is None or member is None:
                return False
            line = self._lines.get(group_of(record))
            if member.policy is not ConcurrencyPolicy.ALLOW and line is not None and line.running(but=uid):
                return False
            self._entered.add(uid)
            woken = self._update(key, uid)
        self._wake_all(woken)
        return True

    def leave(self, key: Key, uid: str) -> None:
        """The flow has no Job and makes none now: for the look at the flow, to which the caches show all its Jobs."""
        if uid in self._entered:
            with self._lock:
                self._entered.discard(uid)
                woken = self._update(key, uid)
            self._wake_all(woken)

    def neighbours(self, record: FlowRecord) -> Neighbours:
        """Whom the flow has to look at."""
        meta = record.metadata
        assert meta.creation_timestamp is not None
        with self._lock:
            line = self._lines.get(group_of(record))
            if line is None:
                return Neighbours()
            replacing = tuple(each for each in line.replacing(meta.creation_timestamp) if each.uid != meta.uid)
            before = line.before((meta.creation_timestamp, meta.uid))
            return Neighbours(before, line.running(but=meta.uid), replacing)

    def announce(self, uid: str) -> None:
        """The flow's spec is good: wake the older flows that it replaces, once."""
        with self._lock:
            line = self._lines.get(self._groups.get(uid, ""))
            member = line.get(uid) if line is not None else None
            if line is None or member is None or not member.is_replacing or uid in self._announced:
                return
            self._announced.add(uid)
            older = list(line.older(member.place))
        self._wake_all(older)

    def _freed(self, groups: Iterable[str]) -> None:
        """Something that was left of an earlier flow is gone: wake the next in line, unless a flow runs."""
        with self._lock:
            lines = [self._lines[group] for group in groups if group in self._lines]
            first = [line.first() for line in lines if line.running() is None]
        self._wake_all(first)

    def _follow(self, key: Key, uid: str) -> None:
        """Bring what is known of a flow up to date with the caches, and wake the others whom that concerns."""
        with self._lock:
            woken = self._update(key, uid)
        self._wake_all(woken)

    def _update(self, key: Key, uid: str) -> list[Member | None]:
        record = self._record(key, uid)
        if record is None or record.has_started:
            self._entered.discard(uid)
        member = self._member(record)
        if member is None or not member.is_replacing:
            self._announced.discard(uid)
        group = group_of(record) if record is not None and member is not None else ""
        return self._move(uid, group, member)

    def _move(self, uid: str, group: str, now: Member | None) -> list[Member | None]:
        """Put a flow where it belongs; whom that concerns.

        Each that waits tells of the one before it, and the first in line of one that runs: see `dag.flows.waits_for`.
        """
        known = self._groups.get(uid, "")
        was = self._lines[known].get(uid) if known else None
        if (known, was) == (group, now):
            return []
        if known:
            self._lines[known].drop(uid)
        if now is None:
            self._groups.pop(uid, None)
        else:
            self._groups[uid] = group
            self._lines.setdefault(group, Line()).put(now)
        has_its_turn = was is not None and now is not None and now.is_running and known == group
        woken = [] if was is None or has_its_turn else [_concerned(self._lines[known], was)]
        if now is not None and not now.is_running:
            woken.append(_concerned(self._lines[group], now))
        if known and not self._lines[known]:
            del self._lines[known]
        return [each for each in woken if each is not None and each.uid != uid]

    def _record(self, key: Key, uid: str) -> FlowRecord | None:
        """The flow as the cache has it; None where it is gone, has ended, or another has its name."""
        record = self._caches.flows.get(key)
        return record if record is not None and record.metadata.uid == uid and not record.has_ended else None

    def _member(self, record: FlowRecord | None) -> Member | None:
        if record is None:
            return None
        meta = record.metadata
        assert meta.creation_timestamp is not None
        has_entered = meta.uid in self._entered
        is_running = has_entered or record.has_started or self._has_jobs(record)
        if (not has_entered and meta.deletion_timestamp is not None) or (not is_running and record.is_suspended):
            return None
        return Member(meta.key, meta.uid, meta.creation_timestamp, record.policy, is_running)

    def _wake_all(self, members: Iterable[Member | None]) -> None:
        for member in members:
            if member is not None:
                self._wake(member.key)


def _concerned(line: Line, changed: Member) -> Member | None:
    return line.first() if changed.is_running else line.behind(changed.place)
