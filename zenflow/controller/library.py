"""Specs, parsed once per generation: pydantic, validation and the graph are paid for once, not at every wake-up."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pydantic

from zenflow.api import names, validation
from zenflow.api.job_schema import JobSchema, shipped
from zenflow.api.problems import fit
from zenflow.api.types import MAX_STATUS_MESSAGE, ExecutionPolicy, JobFlowSpec, JobFlowStatus
from zenflow.controller.objects import FlowRecord
from zenflow.dag import graph
from zenflow.dag.graph import Graph


@dataclass(frozen=True, slots=True)
class Reading:
    """A spec as far as it can be read. With `problems` there is no graph, and no steps in the spec.

    They are as many as a status has room for, and the count of the rest.
    """

    spec: JobFlowSpec
    graph: Graph | None
    problems: tuple[str, ...] = ()


class Library:
    """Readings by flow UID, for the latest generation only. Safe for threads."""

    def __init__(self, jobs: Callable[[], JobSchema] = shipped) -> None:
        """`jobs` gives the schema that templates are checked against. It may raise RuntimeFault."""
        self._jobs = jobs
        self._lock = threading.Lock()  # guards both mappings
        self._readings: dict[str, tuple[int, Reading]] = {}
        self._statuses: dict[str, tuple[str, JobFlowStatus]] = {}

    def reading(self, record: FlowRecord) -> Reading:
        """The record's spec. Raises RuntimeFault where the schema of its templates can't be had right now.

        The templates of a flow that has started are not checked: it was accepted, and goes on as it is.
        """
        uid, generation = record.metadata.uid, record.metadata.generation
        with self._lock:
            known = self._readings.get(uid)
        if known is not None and known[0] == generation:
            return known[1]
        reading = read(record, None if record.has_started else self._jobs())
        with self._lock:
            self._readings[uid] = (generation, reading)
        return reading

    def status(self, record: FlowRecord) -> JobFlowStatus:
        """The record's status; one that nobody can read counts as none, for the Jobs are the memory."""
        uid, version = record.metadata.uid, record.metadata.resource_version
        with self._lock:
            known = self._statuses.get(uid)
        if known is not None and known[0] == version:
            return known[1]
        try:
            status = JobFlowStatus.model_validate_json(record.status)
        except pydantic.ValidationError:
            status = JobFlowStatus()
        with self._lock:
            self._statuses[uid] = (version, status)
        return status

    def forget(self, uid: str) -> None:
        """The flow is gone."""
        with self._lock:
            self._readings.pop(uid, None)
            self._statuses.pop(uid, None)


def read(record: FlowRecord, jobs: JobSchema | None = None) -> Reading:
    """Parse and validate a spec: the third wall, for admission may have been off, down or bypassed.

    With `jobs`, the fields inside of its templates too.
    """
    meta = record.metadata
    obj = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": meta.name, "namespace": meta.namespace},
        "spec": msgspec.json.decode(record.spec),
    }
    problems = validation.check(obj, jobs)
    if problems:
        return Reading(_remains(obj["spec"]), None, (fit(problems, MAX_STATUS_MESSAGE),))
    spec = JobFlowSpec.model_validate(obj["spec"])
    return Reading(spec, graph.build(spec.steps))


def _remains(spec: object) -> JobFlowSpec:
    """What a bad spec still says: how long its flow is kept after the end."""
    given = spec.get("executionPolicy") if isinstance(spec, dict) else None
    try:
        policy = ExecutionPolicy.model_validate(given or {})
    except pydantic.ValidationError:
        policy = ExecutionPolicy()
    return JobFlowSpec.model_construct(steps=(), execution_policy=policy)
