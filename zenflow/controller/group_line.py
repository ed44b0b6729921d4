"""One concurrency group: the flows that run in it, and those that wait for their turn, oldest first. Pure.

Kept in order as flows come and go, so that one change costs a search and not a look at every flow of the group.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from zenflow.api.types import ConcurrencyPolicy
from zenflow.runtime.cache import Key

# The order of arrival: creation, and by UID among the flows of one second.
Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Member:
    """A flow that counts in its group: it runs, or it waits for its turn.

    One that has ended, is being deleted, or was suspended before it started counts for nothing; what still runs of it
    does, see `Rivals.leftovers`.
    """

    key: Key
    uid: str
    created_at: datetime
    policy: ConcurrencyPolicy
    is_running: bool

    @property
    def place(self) -> Place:
        return self.created_at, self.uid

    @property
    def is_replacing(self) -> bool:
        """Whether it ends the older ones to have its turn."""
        return self.policy is ConcurrencyPolicy.REPLACE and not self.is_running


@dataclass(slots=True)
class Line:
    """The members of one group. Every method but `put` and `drop` only looks."""

    _members: dict[str, Member] = field(default_factory=dict)  # by UID
    _running: list[Place] = field(default_factory=list)  # this and the next two in order
    _waiting: list[Place] = field(default_factory=list)
    _replacing: list[Place] = field(default_factory=list)  # those of _waiting that replace

    def put(self, member: Member) -> None:
        """Take in a member, in place of what was known of it."""
        self.drop(member.uid)
        self._members[member.uid] = member
        for places in self._lists(member):
            insort(places, member.place)

    def drop(self, uid: str) -> None:
        """Forget a member, if it is one."""
        member = self._members.pop(uid, None)
        if member is not None:
            for places in self._lists(member):
                del places[bisect_left(places, member.place)]

    def get(self, uid: str) -> Member | None:
        """What is known of a flow."""
        return self._members.get(uid)

    def __len__(self) -> int:
        return len(self._members)

    def first(self) -> Member | None:
        """Of those that wait, the oldest: whose turn is next."""
        return self._members[self._waiting[0][1]] if self._waiting else None

    def behind(self, place: Place) -> Member | None:
        """Of those that wait, the next younger one."""
        index = bisect_right(self._waiting, place)
        return self._members[self._waiting[index][1]] if index < len(self._waiting) else None

    def before(self, place: Place) -> Member | None:
        """Of those that wait, the next older one."""
        index = bisect_left(self._waiting, place)
        return self._members[self._waiting[index - 1][1]] if index else None

    def running(self, but: str = "") -> Member | None:
        """Of those that run, the oldest, whose UID is not `but`."""
        return next((self._members[uid] for _, uid in self._running if uid != but), None)

    def replacing(self, since: datetime) -> Iterator[Member]:
        """Those created at or after a moment that replace, youngest first."""
        for place in reversed(self._replacing):
            if place[0] < since:
                return
            yield self._members[place[1]]

    def older(self, place: Place) -> Iterator[Member]:
        """All that came before."""
        for places in (self._running, self._waiting):
            yield from (self._members[uid] for _, uid in places[: bisect_left(places, place)])

    def _lists(self, member: Member) -> tuple[list[Place], ...]:
        if member.is_running:
            return (self._running,)
        return (self._waiting, self._replacing) if member.is_replacing else (self._waiting,)
