"""What a decision may ask for, as values. `controller.applier` performs them; doing one twice is doing it once."""

from dataclasses import dataclass
from datetime import datetime

from zenflow.api.types import ConfigMapTemplate, JobFlowStatus, Step, VolumeClaimTemplate


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job of one attempt. Its name is a function of (flow UID, step, attempt).

    `foreign`: the UID of a Job that has this name and is known not to be ours; "" where none is known.
    """

    step: Step
    attempt: int  # from 1
    foreign: str = ""


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job and its Pods, if it is still the one with this UID."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class EnsureClaim:
    """Have a PersistentVolumeClaim of the resource templates, owned by the flow."""

    template: VolumeClaimTemplate


@dataclass(frozen=True, slots=True)
class EnsureConfigMap:
    """Have a ConfigMap of the resource templates, owned by the flow."""

    template: ConfigMapTemplate


@dataclass(frozen=True, slots=True)
class DeleteFlow:
    """Delete the flow itself: its time to live is over."""


Action = CreateJob | DeleteJob | EnsureClaim | EnsureConfigMap | DeleteFlow


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, what to say, and when to look again.

    `status` is None where nothing is to be said. `is_urgent`: publish now rather than with the next
    change (a new phase, an approval asked or given, evidence, the end). `wake_at`: look again then at
    the latest, also when nothing happens; a flow that is not terminal and has nothing running always has one,
    or waits for a named outside event.
    """

    actions: tuple[Action, ...] = ()
    status: JobFlowStatus | None = None
    is_urgent: bool = False
    wake_at: datetime | None = None
