"""How large a flow may be, so that its status always fits beside it and reading it costs others nothing. Pure.

etcd stores an object in one request of at most 1.5 MiB (its default), spec, metadata and status together. A larger one
is answered with 500 "etcdserver: request is too large". A flow that is stored to the brim could never report.
Sizes are those of JSON as kube-apiserver writes it: compact, `<`, `>` and `&` as six characters.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from zenflow.api.problems import Problem, Reason

# What is left of etcd's 1,572,864 bytes for the object itself. Measured on v1.37 with short names: 118 bytes are the
# key and the frame of the request; a first status write also adds its entry to managedFields, some 600 bytes.
MAX_OBJECT: Final = 1_570_816
# The least status of a step (dag.small_statuses) has names of two objects (63 each), a UID and the words around them.
STATUS_PER_STEP: Final = 240
# Spec and steps' statuses together. What is left, 137 KiB, is for metadata (approvals, managedFields: 128 KiB) and for
# what a status says of the flow itself (a message and conditions).
MAX_SPEC: Final = 1_430_000
# Values cost memory by their number, up to 350 bytes each: a flow of 2,000 usual steps has 70,000.
MAX_VALUES: Final = 100_000

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = re.compile(rb"[<>&]")


def check(raw: bytes, steps: int) -> Iterator[Problem]:
    """What is wrong with the size of a spec, given as JSON, and with the number of its values."""
    size = len(raw)
    if size + steps * STATUS_PER_STEP > MAX_SPEC:
        message = (
            f"its {size} bytes and {STATUS_PER_STEP} bytes of status for each of its steps, {steps}, "
            f"are more than the {MAX_SPEC} that fit into one object"
        )
        yield Problem("spec", "", message, "make templates smaller or split the flow", Reason.TOO_LONG)
    yield from check_values(raw)


def check_values(raw: bytes) -> Iterator[Problem]:
    """Too many values: told from the JSON alone, so that it need not be read into memory."""
    if _count(raw) <= MAX_VALUES:
        return  # as nearly always; what stands in texts is counted too here, and can only make it more
    values = _count(_STRING.sub(b"", raw))
    if values > MAX_VALUES:
        remedy = f"must have at most {MAX_VALUES} values in its objects and lists; make templates smaller"
        yield Problem("spec", str(values), "", remedy, Reason.TOO_MANY)


def _count(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"{") + raw.count(b"[")


def encode(value: Any) -> bytes:
    """JSON of the size that kube-apiserver's has."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    raw = text.encode(errors="replace")
    return raw if b"<" not in raw and b">" not in raw and b"&" not in raw else _ESCAPED.sub(rb"\\u003c", raw)


def stored(raw: bytes) -> int:
    """How many bytes kube-apiserver makes of JSON that escapes no more than it must."""
    return len(raw) + 5 * (raw.count(b"<") + raw.count(b">") + raw.count(b"&"))
