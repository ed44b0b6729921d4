"""What the Events say of a Job or a Pod that does not get going, where neither says so itself. Asked rarely, and live.

A Job whose Pods are refused (Pod Security, quota, a webhook) has no Pod and no condition, a Pod whose volume cannot be
mounted only waits: the cause stands in their Events alone. Events are not watched, for there are more of them than of
everything else together; one list is asked for when such a standstill has lasted half a minute, then ever more rarely.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from zenflow.controller.objects import Job, Pod, readable
from zenflow.dag.remedies import advise
from zenflow.dag.snapshot import Trouble
from zenflow.dag.steps import TROUBLE_AFTER
from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import RuntimeFault
from zenflow.text import as_message, as_reason

EVENTS = Resource("", "v1", "events", "Event")
LONGEST_PAUSE = timedelta(minutes=10)
# Whoever may create Events may create many about one object, each as large as etcd takes (1.5 MB). An object that
# stands still has a handful: kubelet and the scheduler count repeats on one Event.
EVENTS_A_PAGE, MOST_PAGES = 10, 10


@dataclass(frozen=True, slots=True)
class Standstill:
    """A Job without a Pod, or a Pod without a container, since when."""

    kind: str
    metadata: ObjectMeta
    since: datetime
    trouble: Trouble  # what can be said of it without asking


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and when it is time to ask again."""

    trouble: Trouble
    ask_again_at: datetime
    pause: timedelta


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """A core/v1 Event, as far as it is read."""

    metadata: ObjectMeta
    reason: str = ""
    message: str = ""
    type: str = ""
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def is_warning(self) -> bool:
        return self.type == "Warning"

    @property
    def weight(self) -> tuple[bool, float]:
        """Warnings before news, the latest first; newer reporters set only `eventTime`."""
        moment = self.last_timestamp or self.event_time or self.metadata.creation_timestamp
        return self.is_warning, moment.timestamp() if moment else 0.0


_decode_event = msgspec.json.Decoder(Event).decode


def decode_event(body: bytes) -> Event:
    """An Event. Raises `Undecodable`: anybody may have written it."""
    return decode(_decode_event, body, "Event")


class Inquiry:
    """Explains standstills. Safe for threads, as it holds nothing: `answers` are the caller's, by UID."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def explain(self, standstill: Standstill, answers: dict[str, Answer]) -> Trouble:
        """The cause as far as it is known; a cluster that does not let us read Events costs us only that."""
        now, uid = self._clock.now(), standstill.metadata.uid
        if now < standstill.since + TROUBLE_AFTER:
            return standstill.trouble
        known = answers.get(uid)
        if known is None or now >= known.ask_again_at:
            pause = min(known.pause * 2, LONGEST_PAUSE) if known else TROUBLE_AFTER
            answers[uid] = known = Answer(self._ask(standstill), now + pause, pause)
        return replace(known.trouble, look_again_at=known.ask_again_at)

    def _ask(self, standstill: Standstill) -> Trouble:
        meta = standstill.metadata
        about = f"involvedObject.uid={meta.uid}"
        try:
            pages = self._client.pages(EVENTS, meta.namespace, field_selector=about, limit=EVENTS_A_PAGE)
            events = list(readable(decode_event, islice(pages, MOST_PAGES)))
        except RuntimeFault:
            return standstill.trouble
        if not events:
            return standstill.trouble
        latest = max(events, key=lambda event: event.weight)
        # No warning: it may only be slow, as with a large image. Then its last news is told under our own reason.
        own = standstill.trouble.reason
        reason = as_reason(latest.reason, own) if latest.is_warning else own
        said = as_message(latest.message)
        text = said if latest.is_warning else f"not started, last heard: {said}"
        message = f"{standstill.kind} {meta.name}: {text}"
        return Trouble(reason, advise(reason, message, meta.name, standstill.kind.lower()), standstill.since)


def standstill_of(job: Job, pods: Iterable[Pod]) -> Standstill | None:
    """A Job without any Pod, or the first of its Pods of which no container has ever started. Pure."""
    found = tuple(pods)
    if not found:
        return _standstill("Job", "NoPods", f"Job {job.metadata.name} has no Pod", job.metadata, job.resumed_at)
    pod = next((pod for pod in found if pod.is_untouched), None)
    if pod is None:
        return None
    meta = pod.metadata
    return _standstill("Pod", "PodNotStarted", f"Pod {meta.name} has not started", meta, meta.creation_timestamp)


def _standstill(kind: str, reason: str, text: str, meta: ObjectMeta, since: datetime | None) -> Standstill | None:
    if since is None:
        return None
    trouble = Trouble(reason, advise(reason, text, meta.name, kind.lower()), since)
    return Standstill(kind, meta, since, trouble)
