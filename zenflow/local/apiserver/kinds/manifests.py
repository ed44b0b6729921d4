"""What kube-apiserver would say of a manifest, without any server: for tools that look at files.

Pure: names that a server makes up are stood in for, and nothing else is looked at than the manifest itself.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from zenflow.local.apiserver.kinds import metadata
from zenflow.local.apiserver.kinds.catalog import JOBS, STRATEGIES
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas.decoding import WrongType, typed
from zenflow.runtime.errors import Cause

UNKNOWN_FIELD = "FieldUnknown"
"""The reason of a Cause about a field that the kind does not have: a server warns of it, or refuses it if asked to."""

_UID = "00000000-0000-4000-8000-000000000000"


def job_problems(manifest: Mapping[str, Any]) -> list[Cause]:
    """Everything that is wrong with the manifest of a Job; see `problems`."""
    return problems(JOBS, manifest)


def problems(type_: ResourceType, manifest: Mapping[str, Any]) -> list[Cause]:
    """Unknown fields, then what a create would be refused for, in kube-apiserver's words; none: it would be accepted.

    A value of a wrong type ends the search, as it does there; its Cause has the path in the message, in Go's words.
    A manifest without a name is looked at as if it had one, and so is one with another kind or apiVersion.
    """
    unknown: list[str] = []
    plain = msgspec.json.decode(msgspec.json.encode({**manifest, "apiVersion": type_.api_version, "kind": type_.kind}))
    try:
        new = typed(type_, plain, unknown)
    except WrongType as wrong:
        return [*_unknown(unknown), Cause("FieldValueTypeInvalid", str(wrong), "")]
    strategy, meta = STRATEGIES[type_], new["metadata"]
    meta["name"] = meta.get("name") or meta.get("generateName", "").rstrip("-.") or "manifest"
    strategy.default(new)
    metadata.fill_in(meta, _UID, "1970-01-01T00:00:00Z")
    strategy.prepare_for_create(new)
    found = metadata.problems(meta, strategy.name_rule)
    if strategy.standard_finalizers:
        found += metadata.standard_finalizer_problems(meta)
    return [*_unknown(unknown), *dict.fromkeys(found + strategy.problems(new))]


def _unknown(paths: list[str]) -> list[Cause]:
    return [Cause(UNKNOWN_FIELD, f'unknown field "{path}"', path) for path in paths]
