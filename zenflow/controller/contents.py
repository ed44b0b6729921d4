"""Whether an object in the way of a resource template is what the template would make. Pure.

An owner reference can be written by anybody who may create such objects, so the owner alone does not say who has filled
it. What we made ourselves is known by its UID and not asked (`controller.applier`).
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import Undecodable

# What an API server and its controllers fill in where a claim does not say it.
_FILLED_IN = frozenset({"volumeMode", "storageClassName", "volumeName", "volumeAttributesClassName"})
_SUFFIXES: Mapping[str, int] = {
    **{suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    **{suffix: 1000**power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
}


class _Contents(msgspec.Struct, frozen=True, rename="camel"):
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None
    spec: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Contents).decode


def is_as_wanted(existing: bytes, wanted: bytes) -> bool:
    """Whether the ConfigMap or claim that is there has the contents of the one that would be made.

    A claim may have what an API server fills in besides. What cannot be read is not as wanted.
    """
    try:
        there, ours = decode(_decode, existing, "object"), _decode(wanted)
    except Undecodable:
        return False
    if (there.data or {}, there.binary_data or {}) != (ours.data or {}, ours.binary_data or {}):
        return False
    return _is_claim_of(there.spec or {}, ours.spec or {})


def _is_claim_of(there: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    extra = there.keys() - ours.keys() - _FILLED_IN
    if "dataSource" in ours or "dataSourceRef" in ours:
        extra -= {"dataSource", "dataSourceRef"}  # each is filled in from the other
    return not extra and all(_is_same(there.get(field), value) for field, value in ours.items())


def _is_same(there: Any, ours: Any) -> bool:
    """Equal but for what is left out when it is empty, and for how a quantity is written."""
    if isinstance(there, Mapping) and isinstance(ours, Mapping):
        return all(_is_same(there.get(key), ours.get(key)) for key in there.keys() | ours.keys())
    if there == ours or (not there and not ours):
        return True
    return _number(there) is not None and _number(there) == _number(ours)


def _number(quantity: Any) -> Decimal | None:
    """A resource.Quantity such as `1Gi`, `1024Mi` or `500m`; None for what is none."""
    text = str(quantity)
    suffix = next((each for each in (*_SUFFIXES, "m") if text.endswith(each)), "")
    try:
        number = Decimal(text.removesuffix(suffix))
    except InvalidOperation:
        return None
    return number / 1000 if suffix == "m" else number * _SUFFIXES.get(suffix, 1)
