"""Specs and statuses as they were read, so that pydantic, validation and the graph are not paid for at every look.

Kept up to a number of bytes over all flows, the least recently used go first: what a tenant stores must not fill the
memory of all. What is not kept is read again at the next look.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import pydantic

from zenflow.api import names, sizes, validation
from zenflow.api.job_schema import JobSchema, shipped
from zenflow.api.problems import fit
from zenflow.api.types import MAX_STATUS_MESSAGE, ExecutionPolicy, JobFlowSpec, JobFlowStatus
from zenflow.controller.objects import FlowRecord
from zenflow.dag import graph
from zenflow.dag.graph import Graph

T = TypeVar("T")

# Of 512 MiB, the limit of the shipped Deployment. Some 3,000 flows of five steps, or six of 2,000.
CAPACITY = 64 * 2**20
# Measured: what a value of JSON costs once it is read, what a step costs beside its values, and a byte of a status.
_BYTES_PER_VALUE = 110
_BYTES_PER_STEP = 2_200
_BYTES_PER_STATUS_BYTE = 12
# Above this one spec is read at a time: sixteen workers that read the largest at once would need 200 MB.
_LARGE = 2**16


@dataclass(frozen=True, slots=True)
class Reading:
    """A spec as far as it can be read. With `problems` there is no graph, and no steps in the spec.

    They are as many as a status has room for, and the count of the rest.
    """

    spec: JobFlowSpec
    graph: Graph | None
    problems: tuple[str, ...] = ()


class ParsedFlows:
    """Readings and statuses by flow UID, the latest of each only. Safe for threads."""

    def __init__(self, jobs: Callable[[], JobSchema] = shipped, *, capacity: int = CAPACITY) -> None:
        """`jobs` gives the schema that templates are checked against. It may raise RuntimeFault."""
        self._jobs = jobs
        self._readings = _Kept[int, Reading](capacity // 2)
        self._statuses = _Kept[bytes, JobFlowStatus](capacity // 2)
        self._large = threading.Lock()  # held while a large spec is read

    def reading(self, record: FlowRecord) -> Reading:
        """The record's spec. Raises RuntimeFault where the schema of its templates can't be had right now.

        The templates of a flow that has started are not checked: it was accepted, and goes on as it is. Of one that has
        ended there is only how long it is kept.
        """
        if record.has_ended:
            return Reading(_only(ExecutionPolicy.model_construct(ttl_seconds_after_finished=record.ttl)), None)
        meta = record.metadata
        return self._readings.get(meta.uid, meta.generation, lambda: self._read(record), _weight_of_spec(record.spec))

    def status(self, record: FlowRecord) -> JobFlowStatus:
        """The record's status; one that nobody can read counts as none, for the Jobs are the memory.

        Of a flow that has ended only its phase and when: nothing else of it is ever asked for.
        """
        if record.has_ended:
            return JobFlowStatus.model_construct(phase=record.phase, completion_time=record.completed_at)
        # By its bytes: an annotation or a label makes another version of the object, not of its status.
        raw = record.status
        return self._statuses.get(record.metadata.uid, raw, lambda: _status(raw), len(raw) * _BYTES_PER_STATUS_BYTE)

    def forget(self, uid: str) -> None:
        """The flow has ended or is gone."""
        self._readings.forget(uid)
        self._statuses.forget(uid)

    def __len__(self) -> int:
        return max(len(self._readings), len(self._statuses))

    @property
    def weight(self) -> int:
        """What is kept, in bytes as estimated."""
        return self._readings.weight + self._statuses.weight

    def _read(self, record: FlowRecord) -> Reading:
        jobs = None if record.has_started else self._jobs()
        if len(record.spec) < _LARGE:
            return read(record, jobs)
        with self._large:
            return read(record, jobs)


K = TypeVar("K")


class _Kept(Generic[K, T]):
    """Values by UID, each for one version, up to a weight. Safe for threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()  # guards the two below
        self._entries: OrderedDict[str, tuple[K, T, int]] = OrderedDict()
        self.weight = 0

    def get(self, uid: str, version: K, make: Callable[[], T], weight: int) -> T:
        """The value of that version, made where it is not kept. One that is heavier than all may be is not kept."""
        with self._lock:
            known = self._entries.get(uid)
            if known is not None and known[0] == version:
                self._entries.move_to_end(uid)
                return known[1]
        value = make()
        with self._lock:
            self._drop(uid)
            if weight <= self._capacity:
                self._entries[uid] = (version, value, weight)
                self.weight += weight
            while self.weight > self._capacity:
                self._drop(next(iter(self._entries)))
        return value

    def forget(self, uid: str) -> None:
        with self._lock:
            self._drop(uid)

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, uid: str) -> None:
        known = self._entries.pop(uid, None)
        self.weight -= known[2] if known is not None else 0


def read(record: FlowRecord, jobs: JobSchema | None = None) -> Reading:
    """Parse and validate a spec: the third wall, for admission may have been off, down or bypassed.

    With `jobs`, the fields inside of its templates too.
    """
    # From the bytes, before they become objects: what is too much to be kept is too much to be read.
    found = tuple(sizes.check_values(record.spec))
    if found:
        policy = ExecutionPolicy.model_construct(ttl_seconds_after_finished=record.ttl)
        return Reading(_only(policy), None, (fit(found, MAX_STATUS_MESSAGE),))
    meta = record.metadata
    obj = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": meta.name, "namespace": meta.namespace},
        "spec": msgspec.json.decode(record.spec),
    }
    problems = validation.check(obj, jobs, raw=record.spec)
    if problems:
        return Reading(_remains(obj["spec"]), None, (fit(problems, MAX_STATUS_MESSAGE),))
    spec = JobFlowSpec.model_validate(obj["spec"])
    return Reading(spec, graph.build(spec.steps))


def _status(raw: bytes) -> JobFlowStatus:
    try:
        return JobFlowStatus.model_validate_json(raw)
    except pydantic.ValidationError:
        return JobFlowStatus()


def _remains(spec: object) -> JobFlowSpec:
    """What a bad spec still says: how long its flow is kept after the end."""
    given = spec.get("executionPolicy") if isinstance(spec, dict) else None
    try:
        policy = ExecutionPolicy.model_validate(given or {})
    except pydantic.ValidationError:
        policy = ExecutionPolicy()
    return _only(policy)


def _only(policy: ExecutionPolicy) -> JobFlowSpec:
    return JobFlowSpec.model_construct(steps=(), execution_policy=policy)


def _weight_of_spec(raw: bytes) -> int:
    """What its reading will cost, estimated from above: texts' commas and braces are counted too."""
    values = raw.count(b",") + raw.count(b"{") + raw.count(b"[")
    return len(raw) + values * _BYTES_PER_VALUE + raw.count(b'"name":') * _BYTES_PER_STEP
