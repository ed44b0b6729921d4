"""Kubernetes Events: what a person should be told about an object, where `kubectl describe` shows it.

Called after the status is written, never before. An Event is a courtesy: it is sent once, may be lost, and
nothing is ever decided by one.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.errors import NotFound, RuntimeFault
from zenflow.text import as_message, as_reason

EVENTS = Resource("", "v1", "events", "Event")
# In place of a reason that is none.
UNNAMED = "Unknown"
# client-go's spam filter: so many requests about one object at once, then one in five minutes.
BURST, REFILL_SECONDS = 25, 300.0
# Series and budgets remembered. Beyond that the oldest are forgotten, and told of again as if new.
REMEMBERED = 4096


@dataclass(slots=True)
class _Series:
    """One Event object and how often it has happened."""

    namespace: str
    name: str
    first: str
    count: int = 1

    @property
    def is_worth_telling(self) -> bool:
        """At 2, 4, 8, …: a thousand repeats cost ten requests."""
        return self.count & (self.count - 1) == 0


class EventRecorder:
    """Records Events on behalf of one component. Safe for threads; never raises a refusal.

    The same reason and message about the same object becomes a count on one Event. The count is written
    when it doubles, so it may lag behind what happened.
    """

    def __init__(self, client: Client, clock: Clock, *, component: str, instance: str = "") -> None:
        self._client = client
        self._clock = clock
        self._component = component
        self._instance = instance
        self._lock = threading.Lock()  # guards the two below
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # uid -> requests left, as of when

    def record(
        self, reference: Mapping[str, str], type_: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Tell of something that happened to the object.

        `reference` is a core/v1 ObjectReference (apiVersion, kind, name, namespace, uid, resourceVersion); `reason` a
        CamelCase word; `message` a sentence. Both are made what a terminal and the API server can take.
        """
        reason, message = as_reason(reason, UNNAMED), as_message(message)
        key = (reference.get("uid", ""), reference.get("name", ""), type_, reason, message)
        with self._lock:
            series = self._series.get(key)
            is_new = series is None
            if series is None:
                series = self._series[key] = self._new_series(reference, key)
            else:
                series.count += 1
            self._series.move_to_end(key)
            _trim(self._series)
            if not (series.is_worth_telling and self._may_spend(key[0])):
                return
        try:
            self._tell(series, reference, key, is_new)
        except RuntimeFault:
            return

    def _tell(self, series: _Series, reference: Mapping[str, str], key: tuple[str, ...], is_new: bool) -> None:
        if not is_new:
            repeat = {"count": series.count, "lastTimestamp": _timestamp(self._clock.now())}
            try:
                self._client.patch(EVENTS, series.name, msgspec.json.encode(repeat), series.namespace)
                return
            except NotFound:
                pass  # never arrived, or the API server's hour for Events is over: it is created with the count it has
        self._client.create(EVENTS, msgspec.json.encode(self._body(series, reference, key)), series.namespace)

    def _new_series(self, reference: Mapping[str, str], key: tuple[str, ...]) -> _Series:
        now = self._clock.now()
        suffix = hashlib.sha256("\n".join((*key, now.isoformat())).encode()).hexdigest()[:16]
        name = f"{reference['name'][:200]}.{suffix}"
        return _Series(reference.get("namespace") or "default", name, _timestamp(now))

    def _body(self, series: _Series, reference: Mapping[str, str], key: tuple[str, ...]) -> dict[str, Any]:
        _, _, type_, reason, message = key
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": series.namespace},
            "involvedObject": dict(reference),
            "type": type_,
            "reason": reason,
            "message": message,
            "count": series.count,
            "firstTimestamp": series.first,
            "lastTimestamp": _timestamp(self._clock.now()),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }

    def _may_spend(self, uid: str) -> bool:
        """Take one request out of the object's budget."""
        now = self._clock.monotonic()
        left, since = self._budgets.get(uid, (float(BURST), now))
        left = min(float(BURST), left + (now - since) / REFILL_SECONDS)
        affordable = left >= 1
        self._budgets[uid] = (left - 1 if affordable else left, now)
        self._budgets.move_to_end(uid)
        _trim(self._budgets)
        return affordable


def _trim(remembered: OrderedDict[Any, Any]) -> None:
    while len(remembered) > REMEMBERED:
        remembered.popitem(last=False)


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
