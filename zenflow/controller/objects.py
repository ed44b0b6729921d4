"""The five resource types the controller reads, as slim structs decoded straight from the watch line.

Of a Job or a Pod only what a decision reads becomes a Python object. A JobFlow's spec and status stay
raw here: the spec is parsed once per generation (`controller.parsed_flows`), the status when it is looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TypeVar, cast

import msgspec

from zenflow.api import names
from zenflow.api.types import DEFAULT_TTL_SECONDS, ConcurrencyPolicy, FlowPhase, StepPhase
from zenflow.runtime.cache import Key, ObjectMeta, OwnerReference
from zenflow.runtime.client import Page, Resource
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import Undecodable

V = TypeVar("V")

JOBFLOWS = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")

# Everything we made carries it; the watches ask for nothing else.
OURS = names.LABEL_FLOW_UID

# The condition of what remains of a Job or a Pod whose status can't be read.
UNREADABLE = "Unreadable"

# All that is read of a flow's annotations: answers, and who gave them. kubectl keeps the whole manifest in another.
_ANSWERS = (names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX)
# Names are shorter; a reference that is longer in all its parts, or a group, names nothing of ours.
_LONGEST = 1024


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """A condition of a Job or a Pod."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None

    @property
    def is_true(self) -> bool:
        return self.status == "True"


class JobStatus(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    failed: int = 0


class _IsSet(msgspec.Struct, frozen=True):
    """A field of which only that it is there is read."""


class JobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """By what rules the Job retries by itself. An API server sets the default of backoffLimit, 6."""

    backoff_limit: int = 6
    backoff_limit_per_index: int | None = None
    pod_failure_policy: _IsSet | None = None


class Job(msgspec.Struct, frozen=True):
    """A batch/v1 Job."""

    metadata: ObjectMeta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, if it is True."""
        return next((c for c in self.status.conditions if c.type == type_ and c.is_true), None)

    @property
    def is_finished(self) -> bool:
        """Complete or Failed; FailureTarget is only a promise of it, made while Pods still run."""
        return self.condition("Complete") is not None or self.condition("Failed") is not None

    @property
    def resumed_at(self) -> datetime | None:
        """Since when it should have Pods: its creation, or the end of its latest suspension."""
        changed = (c.last_transition_time for c in self.status.conditions if c.type == "Suspended")
        return next(changed, None) or self.metadata.creation_timestamp

    @property
    def step(self) -> str:
        return self.metadata.labels.get(names.LABEL_STEP, "")

    @property
    def attempt(self) -> int:
        """The attempt's number; 0 for a label that is none of ours."""
        return names.attempt_of(self.metadata.labels)

    @property
    def flow_key(self) -> Key:
        """The flow it was made for, by its label; ownership is a matter of UIDs."""
        return _flow_key(self.metadata)

    @property
    def groups(self) -> tuple[str, ...]:
        """What it keeps busy while it runs: see `groups_of`."""
        return groups_of(self.metadata)


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    exit_code: int
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class Waiting(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    terminated: Terminated | None = None
    waiting: Waiting | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    restart_count: int = 0


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A Pod of a step's Job, as evidence."""

    metadata: ObjectMeta
    status: PodStatus = PodStatus()

    @property
    def containers(self) -> tuple[ContainerStatus, ...]:
        """How its containers stand, init containers first."""
        return (*self.status.init_container_statuses, *self.status.container_statuses)

    @property
    def is_untouched(self) -> bool:
        """Whether no container of it has ever started, init containers included."""
        started = any(one.state.waiting is None for one in self.status.init_container_statuses)
        return self.status.phase in ("", "Pending") and not started

    @property
    def is_over(self) -> bool:
        """Whether none of its containers will ever run again."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def flow_key(self) -> Key:
        return _flow_key(self.metadata)

    @property
    def job_key(self) -> Key:
        """The Job that controls it, by name."""
        owner = next((owner.name for owner in self.metadata.owner_references if owner.controller), "")
        return Key(self.metadata.namespace, owner)

    @property
    def groups(self) -> tuple[str, ...]:
        """What it keeps busy while it runs: see `groups_of`."""
        return groups_of(self.metadata)


def _flow_key(meta: ObjectMeta) -> Key:
    return Key(meta.namespace, meta.labels.get(names.LABEL_FLOW, ""))


def groups_of(meta: ObjectMeta) -> tuple[str, ...]:
    """The concurrency groups, with namespace, of a flow's child: that of its flow, and the name of its flow."""
    flow = str(_flow_key(meta))
    group = meta.annotations.get(names.ANNOTATION_GROUP)
    return (flow,) if group is None else tuple(dict.fromkeys((flow, f"{meta.namespace}/{group}")))


class FlowRecord(msgspec.Struct, frozen=True):
    """A JobFlow as the cache keeps it; `group` and the rest are what other flows must know of it.

    Of one that has ended only what its deletion needs: neither spec nor status, labels nor annotations. `size` is that
    of the object as JSON without its status, in bytes. `ttl` is in seconds, the default where the spec says it badly.
    """

    metadata: ObjectMeta
    spec: bytes
    status: bytes
    group: str
    policy: ConcurrencyPolicy
    is_suspended: bool
    has_started: bool
    has_ended: bool
    phase: FlowPhase | None = None  # None: no status yet
    ttl: int = DEFAULT_TTL_SECONDS
    completed_at: datetime | None = None
    size: int = 0
    failed_jobs: frozenset[str] = frozenset()  # once it has ended: UIDs of Jobs that may have to be stopped still


class _Policy(msgspec.Struct, frozen=True, rename="camel"):
    concurrency_policy: str = ConcurrencyPolicy.FORBID
    concurrency_group: str = ""
    ttl_seconds_after_finished: msgspec.Raw = msgspec.Raw(b"")


class _SpecOnly(msgspec.Struct, frozen=True, rename="camel"):
    execution_policy: _Policy = _Policy()
    suspend: bool = False


class _Ref(msgspec.Struct, frozen=True):
    uid: str = ""


class _StepOnly(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    job_ref: _Ref = _Ref()


class _StepsOnly(msgspec.Struct, frozen=True):
    steps: tuple[_StepOnly, ...] = ()


class _PhaseOnly(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    start_time: str = ""
    completion_time: str = ""


class _RawFlow(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")


_decode_job = msgspec.json.Decoder(Job).decode
_decode_pod = msgspec.json.Decoder(Pod).decode
_decode_raw_flow = msgspec.json.Decoder(_RawFlow).decode
_decode_spec = msgspec.json.Decoder(_SpecOnly).decode
_decode_phase = msgspec.json.Decoder(_PhaseOnly).decode
_decode_steps = msgspec.json.Decoder(_StepsOnly).decode


class _MetadataOnly(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


_decode_metadata = msgspec.json.Decoder(_MetadataOnly).decode


def decode_metadata(body: bytes) -> ObjectMeta:
    """The metadata of any object. Raises `Undecodable`."""
    return decode(_decode_metadata, body, "metadata").metadata


def decode_existing(body: bytes) -> ObjectMeta:
    """The metadata of what has a name that we want. What can't be read is nobody's we know: it has no owner."""
    try:
        return decode_metadata(body)
    except Undecodable:
        return ObjectMeta(name="")


def decode_job(body: bytes) -> Job:
    """A Job. Raises `Undecodable`, with what remains of one whose status can't be read."""
    try:
        job = decode(_decode_job, body, "Job")
    except Undecodable as error:
        remains = Job(_read_of_child(decode_metadata(body)), status=JobStatus((_unreadable(error),)))
        raise Undecodable(str(error), remains=remains) from error
    return Job(_read_of_child(job.metadata), job.spec, job.status)


def decode_pod(body: bytes) -> Pod:
    """A Pod. Raises `Undecodable`, with what remains of one whose status can't be read."""
    try:
        pod = decode(_decode_pod, body, "Pod")
    except Undecodable as error:
        remains = Pod(_read_of_child(decode_metadata(body)), PodStatus(conditions=(_unreadable(error),)))
        raise Undecodable(str(error), remains=remains) from error
    return Pod(_read_of_child(pod.metadata), pod.status)


def _read_of_child(meta: ObjectMeta) -> ObjectMeta:
    """What is read of a child's metadata, and no more: anybody may hang the label on it by which it is watched."""
    group = meta.annotations.get(names.ANNOTATION_GROUP)
    return msgspec.structs.replace(
        meta,
        labels={key: value for key, value in meta.labels.items() if key in names.RESERVED_LABELS},
        annotations={} if group is None or len(group) > _LONGEST else {names.ANNOTATION_GROUP: group},
        owner_references=tuple(owner for owner in meta.owner_references if owner.controller and _is_short(owner)),
    )


def _is_short(owner: OwnerReference) -> bool:
    return sum(map(len, (owner.api_version, owner.kind, owner.name, owner.uid))) <= _LONGEST


def remains_of(decoder: Callable[[bytes], V], body: bytes) -> V:
    """What the decoder makes of it, or what remains. Raises `Undecodable` where nothing does."""
    try:
        return decoder(body)
    except Undecodable as error:
        if error.remains is None:
            raise
        return cast("V", error.remains)


def readable(decoder: Callable[[bytes], V], pages: Iterable[Page]) -> Iterator[V]:
    """The items of a list of which anything can be read, decoded one by one."""
    for page in pages:
        for item in page.items:
            with suppress(Undecodable):
                yield remains_of(decoder, bytes(item))


def _unreadable(error: Undecodable) -> Condition:
    return Condition(UNREADABLE, "True", message=str(error))


def decode_flow(line: bytes) -> FlowRecord:
    """A JobFlow. A spec of a wrong shape is no error here: the controller says what is wrong with it.

    So is one that is nested too deep: the record then has its upper levels, which `api.validation` refuses as too deep.
    """
    raw = decode(_decode_raw_flow, line, "JobFlow")
    spec = _spec_of(raw)
    policy = spec.execution_policy
    phase = _phase_of(raw)
    meta = raw.metadata
    has_ended = phase.phase in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)
    answers = {key: value for key, value in meta.annotations.items() if key.startswith(_ANSWERS) and not has_ended}
    return FlowRecord(
        metadata=msgspec.structs.replace(meta, labels={}, annotations=answers, owner_references=()),
        spec=b"" if has_ended else bytes(raw.spec),
        status=b"" if has_ended else bytes(raw.status),
        group=names.concurrency_group(policy.concurrency_group, meta.generate_name, meta.name),
        policy=_policy_named(policy.concurrency_policy),
        is_suspended=spec.suspend,
        has_started=bool(phase.start_time),
        has_ended=has_ended,
        phase=_PHASES.get(phase.phase),
        ttl=_seconds(policy.ttl_seconds_after_finished),
        completed_at=_moment(phase.completion_time),
        size=len(line) - len(bytes(raw.status)),
        failed_jobs=_failed_jobs(raw) if has_ended else frozenset(),
    )


def _seconds(raw: msgspec.Raw) -> int:
    """A TTL; one that is wrong or left out is the default."""
    text = bytes(raw)
    return int(text) if text.isdigit() and len(text) < 11 and int(text) < 2**31 else DEFAULT_TTL_SECONDS


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


_PHASES = {phase.value: phase for phase in FlowPhase}


def _spec_of(raw: _RawFlow) -> _SpecOnly:
    try:
        return decode(_decode_spec, raw.spec, "spec")
    except Undecodable:
        return _SpecOnly()


def _phase_of(raw: _RawFlow) -> _PhaseOnly:
    try:
        return decode(_decode_phase, raw.status, "status")
    except Undecodable:
        return _PhaseOnly()


def _failed_jobs(raw: _RawFlow) -> frozenset[str]:
    try:
        steps = decode(_decode_steps, raw.status, "status").steps
    except Undecodable:
        return frozenset()
    return frozenset(step.job_ref.uid for step in steps if step.phase == StepPhase.FAILED and step.job_ref.uid)


def _policy_named(name: str) -> ConcurrencyPolicy:
    return ConcurrencyPolicy(name) if name in set(ConcurrencyPolicy) else ConcurrencyPolicy.FORBID
