"""All that a decision may look at, `now` included. Built by `controller.observer`, read by everything in `dag`.

The values here that hold text of others clean and cut it as they are made, so nothing else can be decided from, kept or
shown: a container name, a reason, a message is what `zenflow.text` leaves of it, whoever made the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from zenflow.api.types import ConcurrencyPolicy, JobFlow
from zenflow.dag.graph import Graph
from zenflow.text import as_message, as_reason

# The reason of an attempt whose Job someone deleted while its step ran.
JOB_DELETED = "JobDeleted"
# The reason of a Pod that was deleted while it ran.
POD_DELETED = "PodDeleted"
# In place of a reason that is none, or is a word of ours in the mouth of others.
UNKNOWN = "Unknown"


class Outcome(Enum):
    """What an attempt came to, read from the Job's conditions, never from its counters."""

    ACTIVE = auto()
    SUCCEEDED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class ContainerExit:
    """A container that ended with a code other than 0, as its Pod reported it."""

    container: str
    exit_code: int
    reason: str
    message: str  # its last lines, or what it wrote to its termination log
    finished_at: datetime | None = None
    pod: str = ""
    by_deletion: bool = False  # its Pod was deleted first

    def __post_init__(self) -> None:
        _set(self, container=as_message(self.container), reason=as_reason(self.reason, ""))
        _set(self, message=as_message(self.message))


@dataclass(frozen=True, slots=True)
class PodFailure:
    """Why a Pod failed that was not its containers' doing: evicted, preempted, its node lost, deleted."""

    pod: str
    reason: str
    message: str
    failed_at: datetime | None = None

    def __post_init__(self) -> None:
        _set(self, reason=as_reason(self.reason, UNKNOWN), message=as_message(self.message))


@dataclass(frozen=True, slots=True)
class Tries:
    """How far a Job has come that retries by itself, with new Pods or by restarts of their containers.

    `failed` of `allowed` have failed, None where nothing bounds them; the next begins at about `next_at`.
    """

    failed: int
    allowed: int | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a Job does not get going: what its Pod, itself or their Events say.

    `look_again_at`: only then is it asked again whether this still holds.
    """

    reason: str
    message: str
    since: datetime | None = None
    look_again_at: datetime | None = None

    def __post_init__(self) -> None:
        _set(self, reason=as_reason(self.reason, UNKNOWN), message=as_message(self.message))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One Job made for a step.

    `is_gone`: the Job was there (a status or a watch event says so) and is not any more;
    an attempt that is gone without an outcome of its own is FAILED with reason JobDeleted, once its Pods are gone too.
    So is one that is still there but failed only after somebody had deleted it: in the foreground, with its Pods first.
    `exits` and `pod_failures` are in the order of their time, those by a deletion before all others. `tries`: the Job
    is active and has failed before, by its own backoffLimit.
    `settles_at`: its Job has failed, but what its Pods have to say of it is waited for until then.
    `is_inherited`: nothing but its form and age says that it is ours (see `dag.inheritance`).
    """

    step: str
    number: int  # from 1
    job_name: str
    job_uid: str
    outcome: Outcome
    created_at: datetime
    finished_at: datetime | None = None
    reason: str = ""
    message: str = ""
    is_deleting: bool = False
    is_gone: bool = False
    exits: tuple[ContainerExit, ...] = ()
    pod_failures: tuple[PodFailure, ...] = ()
    tries: Tries | None = None
    trouble: Trouble | None = None
    settles_at: datetime | None = None
    is_inherited: bool = False

    def __post_init__(self) -> None:
        _set(self, reason=as_reason(self.reason, ""), message=as_message(self.message))

    @property
    def is_active(self) -> bool:
        """Whether the Job may still run Pods."""
        return self.outcome is Outcome.ACTIVE


@dataclass(frozen=True, slots=True)
class Rival:
    """Another flow of the same namespace and concurrency group.

    `is_invalid`: its spec is wrong, as far as somebody has looked: it will not start, whoever else runs.
    """

    name: str
    uid: str
    created_at: datetime
    policy: ConcurrencyPolicy
    has_started: bool
    has_ended: bool
    is_deleting: bool = False
    is_suspended: bool = False
    is_invalid: bool = False

    def is_older_than(self, created_at: datetime, uid: str) -> bool:
        """Creation order; ties within the second are broken by UID, the same way for both sides."""
        return (self.created_at, self.uid) < (created_at, uid)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API server answered when we tried to create something.

    A final one is never tried again; any other is, from `retry_at` on. Neither uses up an attempt.
    """

    reason: str
    message: str
    is_final: bool = False
    retry_at: datetime | None = None

    def __post_init__(self) -> None:
        _set(self, reason=as_reason(self.reason, UNKNOWN), message=as_message(self.message))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One flow and its world at one instant.

    `attempts` has those that are known of each step that has any, in order; a number is missing where a Job was
    deleted after it had failed.
    `problems` are those of the spec; while there are any, `graph` is None.
    `rivals` are those flows of the group that decide about this one.
    `leftovers` are what still runs of flows of the group that have ended or are deleted: `Job x`, `Pod y`.
    `foreign` are UIDs of Jobs that look like attempts and are none, by name.
    `refusals` are by step name; `resource_refusals` by `Kind/name` of a resource template.
    """

    now: datetime
    flow: JobFlow
    graph: Graph | None
    problems: tuple[str, ...] = ()
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    rivals: tuple[Rival, ...] = ()
    leftovers: tuple[str, ...] = ()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    resource_refusals: Mapping[str, Refusal] = field(default_factory=dict)
    resources_ready: bool = True
    foreign: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_started(self) -> bool:
        """Whether the flow has had its turn: recorded in its status, or evident from its Jobs."""
        return self.flow.status.start_time is not None or bool(self.attempts)


def _set(value: object, **texts: str) -> None:
    """Frozen from its construction on, not before."""
    for name, text in texts.items():
        object.__setattr__(value, name, text)
