"""Which of several replicas works: the one that holds the Lease.

The Manager steps the elector in a thread of its own, with a Client of its own, so that no other work can
delay a renewal. Time is measured on the monotonic clock alone; the times written into the Lease are for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import AlreadyExists, Conflict, LeaseLost, NotFound, RuntimeFault
from zenflow.runtime.transport import Request, Response, Stream, Transport

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
# Candidates wait up to this much longer than the retry period, so that they do not all ask at once (client-go).
JITTER = 1.2


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Which Lease, who wants it, and the times in seconds (client-go's names and defaults)."""

    namespace: str
    name: str
    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period * JITTER:
            raise ValueError("a Lease needs lease_duration > renew_deadline > 1.2 * retry_period")


class LeaderElector:
    """Gets and keeps one Lease, as client-go does. One thread steps it; any may ask `is_leader`.

    A Lease that another holds is taken over when it was not renewed for its own duration, counted from when this
    process first saw it in that state: other machines' clocks never matter. A holder that could not renew for
    `renew_deadline` seconds, counted from before its last successful request was sent, leads no more; that is sooner
    than anybody else may take over (`lease_duration`).

    The client must give up on a request well within `renew_deadline` and must not repeat it.
    """

    def __init__(self, client: Client, terms: LeaseTerms, *, clock: Clock, random: Callable[[], float]) -> None:
        self.terms = terms
        self._client = client
        self._clock = clock
        self._random = random
        self._holds = False
        self._renewed_at = 0.0  # when the request that last renewed it was about to be sent
        self._lease: dict[str, Any] = {}  # as last seen
        self._seen_at = 0.0  # when that state was first seen

    @property
    def is_leader(self) -> bool:
        """Whether this process may write now. Turns false by itself when renewals stop, even if nobody steps."""
        return self._holds and self._clock.monotonic() < self._renewed_at + self.terms.renew_deadline

    def step(self) -> float:
        """Try once to get or renew the Lease, and return the seconds to wait before the next try.

        Raises `errors.LeaseLost` when it was held and is no more; then the process must stop.
        """
        started = self._clock.monotonic()
        try:
            acquired = self._acquire()
        except RuntimeFault as fault:
            return self._survive(fault)
        if acquired:
            self._holds, self._renewed_at = True, started
            return self.terms.retry_period
        if self._holds:
            self._holds = False
            raise LeaseLost(f"lease {self.terms.name} is held by {self._holder}")
        return self._candidates_wait()

    def release(self) -> None:
        """Give the Lease back, so that the next replica need not wait. Only when nothing of ours writes any more."""
        if not self._holds:
            return
        self._holds = False
        try:
            self._write(holder="", duration=1)
        except RuntimeFault:
            return  # it runs out by itself

    def _candidates_wait(self) -> float:
        return self.terms.retry_period * (1 + JITTER * self._random())

    @property
    def _holder(self) -> str:
        return str(self._spec.get("holderIdentity") or "")

    @property
    def _spec(self) -> dict[str, Any]:
        found = self._lease.get("spec")
        return found if isinstance(found, dict) else {}

    def _survive(self, fault: RuntimeFault) -> float:
        left = self._renewed_at + self.terms.renew_deadline - self._clock.monotonic()
        if self._holds and left <= 0:
            self._holds = False
            raise LeaseLost(f"lease {self.terms.name} was not renewed in time: {fault}") from fault
        return min(self.terms.retry_period, left) if self._holds else self._candidates_wait()

    def _acquire(self) -> bool:
        """Whether the Lease is ours after this."""
        try:
            return self._renew_as_seen() if self._holds else self._take_over()
        except NotFound:
            return self._create()

    def _take_over(self) -> bool:
        self._look()
        if self._is_anothers():
            return False
        try:
            self._write(holder=self.terms.identity, duration=self.terms.lease_duration)
        except Conflict:
            return False  # another candidate was faster
        return True

    def _renew_as_seen(self) -> bool:
        """One request while nobody else writes; a look only after a conflict."""
        try:
            self._write(holder=self.terms.identity, duration=self.terms.lease_duration)
        except Conflict:
            self._look()
            if self._holder != self.terms.identity:
                return False
            self._write(holder=self.terms.identity, duration=self.terms.lease_duration)
        return True

    def _look(self) -> None:
        lease = _read(self._client.get(LEASES, self.terms.name, self.terms.namespace))
        if lease != self._lease:
            # After the answer: it may have been long under way, and says how the Lease stood when it left.
            self._lease, self._seen_at = lease, self._clock.monotonic()

    def _is_anothers(self) -> bool:
        duration = self._spec.get("leaseDurationSeconds")
        if not isinstance(duration, int) or duration <= 0:
            duration = self.terms.lease_duration
        return self._holder not in ("", self.terms.identity) and self._clock.monotonic() < self._seen_at + duration

    def _create(self) -> bool:
        self._lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self.terms.name, "namespace": self.terms.namespace},
        }
        self._lease["spec"] = self._next_spec(self.terms.identity, self.terms.lease_duration)
        try:
            answer = self._client.create(LEASES, msgspec.json.encode(self._lease), self.terms.namespace)
        except AlreadyExists:
            self._lease = {}
            return False
        self._lease = _read(answer)
        return True

    def _write(self, *, holder: str, duration: float) -> None:
        """Replace the whole object at the version we saw, so that everything else in it stays as it is."""
        lease = {**self._lease, "spec": self._next_spec(holder, duration)}
        answer = self._client.replace(LEASES, self.terms.name, msgspec.json.encode(lease), self.terms.namespace)
        self._lease = _read(answer)

    def _next_spec(self, holder: str, duration: float) -> dict[str, Any]:
        now = _micro_time(self._clock.now())
        spec = {**self._spec, "leaseDurationSeconds": int(duration), "renewTime": now}
        # The API server refuses an empty holder; none at all means that nobody holds it.
        spec.pop("holderIdentity", None)
        if holder:
            spec["holderIdentity"] = holder
        if holder != self._holder:
            spec["acquireTime"] = now
            transitions = self._spec.get("leaseTransitions")
            known = transitions if isinstance(transitions, int) else 0
            spec["leaseTransitions"] = known + (1 if holder and self._spec else 0)
        return spec


class FencedTransport:
    """A transport that writes only while the elector leads; a deposed leader's write never leaves the process."""

    def __init__(self, transport: Transport, elector: LeaderElector) -> None:
        self._transport = transport
        self._elector = elector

    def send(self, request: Request) -> Response:
        """As the transport within. Raises `errors.LeaseLost` for a write that is no longer ours to make."""
        if request.method != "GET" and not self._elector.is_leader:
            raise LeaseLost(f"{request.method} {request.path}: lease {self._elector.terms.name} is not held")
        return self._transport.send(request)

    def stream(self, request: Request, *, silence: float) -> Stream:
        """As the transport within."""
        return self._transport.stream(request, silence=silence)


def _read(body: bytes) -> dict[str, Any]:
    """A Lease. Raises `errors.Undecodable`: an answer that is none counts like no answer."""
    return decode(_decode, body, LEASES.kind)


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _micro_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
