"""How flows and steps stand at the moment of a scrape, counted anew from the caches each time.

What is counted from the truth needs no repair: a restart, a missed event or a deleted flow changes no sum for good.
Only the replica that leads shows flows and steps, so that a sum over replicas counts each once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from zenflow.api.types import FlowPhase, StepPhase
from zenflow.controller.memory import Memory
from zenflow.controller.objects import FlowRecord
from zenflow.controller.reasons import label
from zenflow.runtime.cache import Cache
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import Undecodable
from zenflow.runtime.reflector import Reflector


class _Step(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    reason: str = ""
    start_time: datetime | None = None


class _Steps(msgspec.Struct, frozen=True):
    steps: tuple[_Step, ...] = ()


_decode_steps = msgspec.json.Decoder(_Steps).decode


@dataclass(slots=True)
class Count:
    """The sums of one scrape. Moments are the earliest, as seconds since the epoch."""

    flows: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FlowPhase, 0)))
    flows_waiting: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(StepPhase, 0)))
    steps_waiting: Counter[str] = field(default_factory=Counter)
    since: dict[str, float] = field(default_factory=dict)

    def wait_since(self, phase: str, moment: datetime | None) -> None:
        """Keep the moment if it is the earliest of the phase."""
        if moment is not None:
            self.since[phase] = min(moment.timestamp(), self.since.get(phase, float("inf")))


def count(records: Iterable[FlowRecord], memory: Memory) -> Count:
    """Sum up the flows, and the steps of those that have not ended."""
    result = Count()
    for record in records:
        phase = record.phase or FlowPhase.PENDING
        result.flows[phase] += 1
        if record.has_ended:
            continue
        if phase is FlowPhase.PENDING:
            result.flows_waiting[label(_why(record, memory))] += 1
            result.wait_since(FlowPhase.PENDING, record.metadata.creation_timestamp)
        _count_steps(record, phase, result)
    return result


def _count_steps(record: FlowRecord, phase: FlowPhase, result: Count) -> None:
    for step in _steps(record):
        if step.phase in result.steps:
            result.steps[step.phase] += 1
        if step.reason and step.phase in _WAITING:
            result.steps_waiting[label(step.reason)] += 1
        if phase is FlowPhase.PAUSED and step.phase == StepPhase.PENDING_APPROVAL:
            result.wait_since(FlowPhase.PAUSED, step.start_time)


# A running step has a reason while its Pod cannot start.
_WAITING = frozenset({StepPhase.PENDING, StepPhase.RUNNING, StepPhase.PENDING_APPROVAL})


def _steps(record: FlowRecord) -> tuple[_Step, ...]:
    try:
        return decode(_decode_steps, record.status, "status").steps
    except Undecodable:
        return ()  # written by somebody else: the controller overwrites it


def _why(record: FlowRecord, memory: Memory) -> str:
    """What a flow that has not started waits for."""
    if record.phase is None:
        return "NotYetReconciled"
    notes = memory.find(record.metadata.uid)
    refusals = tuple(notes.resource_refusals.values()) if notes else ()
    return refusals[0].reason if refusals else "ConcurrencyPolicy"


class Census(Collector):
    """Counts when it is asked, in a thread of the metrics port. `leads`: whether this replica is the one that acts."""

    def __init__(
        self,
        flows: Cache[FlowRecord],
        memory: Memory,
        reflectors: Sequence[Reflector[Any]],
        leads: Callable[[], bool],
    ) -> None:
        self._flows = flows
        self._memory = memory
        self._reflectors = reflectors
        self._leads = leads

    def collect(self) -> Iterator[Metric]:
        """All families, now."""
        yield from self._caches()
        families = _families()
        if self._leads():
            _fill(families, count(self._flows.values(), self._memory))
        yield from families

    def describe(self) -> Iterator[Metric]:
        """The same families without counting, for the registry's check of names."""
        yield from (*_cache_families(), *_families())

    def _caches(self) -> Iterator[Metric]:
        objects, synced, silence = families = _cache_families()
        by_resource: dict[str, list[Reflector[Any]]] = {}
        for reflector in self._reflectors:
            by_resource.setdefault(reflector.informer.resource.plural, []).append(reflector)
        for resource, reflectors in by_resource.items():  # of several namespaces, which share one cache: the worst
            objects.add_metric([resource], len(reflectors[0].informer.cache))
            synced.add_metric([resource], float(all(each.informer.has_synced for each in reflectors)))
            silence.add_metric([resource], max(each.silent_for() for each in reflectors))
        yield from families


def _cache_families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    label = ["resource"]
    return (
        GaugeMetricFamily("zenflow_cache_objects", "Objects in the cache.", labels=label),
        GaugeMetricFamily("zenflow_cache_synced", "1 once the cache holds a complete list.", labels=label),
        GaugeMetricFamily(
            "zenflow_cache_silence_seconds",
            "Since the API server last said anything about the resource: how stale the cache may be.",
            labels=label,
        ),
    )


def _families() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily("zenflow_flows", "Flows by phase.", labels=["phase"]),
        GaugeMetricFamily("zenflow_flows_waiting", "Flows that have not started, by reason.", labels=["reason"]),
        GaugeMetricFamily("zenflow_steps", "Steps of flows that have not ended, by phase.", labels=["phase"]),
        GaugeMetricFamily("zenflow_steps_waiting", "Steps that wait for something, by reason.", labels=["reason"]),
        GaugeMetricFamily(
            "zenflow_oldest_wait_timestamp_seconds",
            "Since when the flow waits that waits longest: Pending since its creation, Paused since it asked.",
            labels=["phase"],
        ),
    )


def _fill(families: tuple[GaugeMetricFamily, ...], sums: Count) -> None:
    counted: tuple[Mapping[str, float], ...] = (
        sums.flows,
        sums.flows_waiting,
        sums.steps,
        sums.steps_waiting,
        sums.since,
    )
    for family, values in zip(families, counted, strict=True):
        for value, number in values.items():
            family.add_metric([value], number)
