"""The place where a program embedding the API server may change or refuse writes, as admission plug-ins do.

The embedded API server knows nothing of what is admitted; whoever builds it hands the plug-ins in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from zenflow.local.apiserver.registry import ResourceType
from zenflow.runtime.errors import Cause


class Phase(Enum):
    """When in a write a plug-in is asked (the order is kube-apiserver's)."""

    MUTATING = "Mutating"
    """Before metadata and schema are validated; the object may be changed."""
    VALIDATING = "Validating"
    """After they were found valid; a changed object is ignored."""


class Operation(Enum):
    """What the write does, in the words of admission/v1."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """One write, seen before it is stored.

    `object` is None for DELETE, `old_object` None for CREATE. Both must not be changed in place.
    """

    phase: Phase
    operation: Operation
    resource: ResourceType
    namespace: str
    name: str
    subresource: str
    object: Mapping[str, Any] | None
    old_object: Mapping[str, Any] | None
    user: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class AdmissionResponse:
    """What a plug-in says. `object`, if given in the mutating phase, takes the place of the request's.

    A refusal is sent as a Status with these `code`, `reason`, `message` and `causes`, word for word.
    """

    allowed: bool = True
    object: Mapping[str, Any] | None = None
    code: int = 403
    reason: str = "Forbidden"
    message: str = ""
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()


Admission = Callable[[AdmissionRequest], AdmissionResponse]
"""Called for every write, once in each phase, under the API server's lock: it must not block or call back."""
