"""ObjectMeta: what the server fills in, what a writer may not touch, what is wrong with it.

Nothing here knows any kind. managedFields are never kept: see docs/local-cluster.md.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import NameRule, label_key, label_value, without_suffix
from zenflow.runtime.errors import Cause

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MAX_GENERATED = 58
_MAX_ANNOTATIONS = 256 * 1024
_STANDARD_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")
_IMMUTABLE = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid")


def generated_name(base: str, uid: str) -> str:
    """`base` and five characters that follow from the uid, so that a seeded uid gives the same name again."""
    digest = hashlib.sha256(uid.encode()).digest()
    return base[:_MAX_GENERATED] + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:5])


def fill_in(metadata: dict[str, Any], uid: str, timestamp: str) -> None:
    """What the server sets when an object is created."""
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"], uid)
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink", "generation"):
        metadata.pop(name, None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = timestamp


def carry_over(metadata: dict[str, Any], old: Mapping[str, Any]) -> None:
    """What an update that leaves these fields out means by it: as they were."""
    for name in (*_IMMUTABLE, "generation", "name", "namespace"):
        if name == "generation" or name not in metadata:
            _set_or_remove(metadata, name, old.get(name))
    metadata.pop("managedFields", None)
    metadata.pop("selfLink", None)


def _set_or_remove(metadata: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        metadata.pop(name, None)
    else:
        metadata[name] = value


def problems(metadata: Mapping[str, Any], rule: NameRule, field: str = "metadata") -> list[Cause]:
    """Everything that is wrong with the metadata of an object."""
    return [
        *_name_problems(metadata, rule, field),
        *_map_problems(metadata, field),
        *_owner_problems(metadata.get("ownerReferences") or (), f"{field}.ownerReferences"),
        *_finalizer_problems(metadata.get("finalizers") or (), f"{field}.finalizers"),
    ]


def standard_finalizer_problems(metadata: Mapping[str, Any]) -> list[Cause]:
    """For kinds of Kubernetes itself: a finalizer without a domain is one of the standard ones."""
    why = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        field_errors.invalid(f"metadata.finalizers[{index}]", finalizer, why)
        for index, finalizer in enumerate(metadata.get("finalizers") or ())
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS
    ]


def update_problems(metadata: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What an update may not do to the metadata."""
    found = _new_finalizer_problems(metadata, old)
    found += [
        field_errors.invalid(f"metadata.{name}", metadata.get(name), "field is immutable")
        for name in _IMMUTABLE
        if metadata.get(name) != old.get(name)
    ]
    found += _map_problems(metadata, "metadata")
    found += _owner_problems(metadata.get("ownerReferences") or (), "metadata.ownerReferences")
    return found + _finalizer_problems(metadata.get("finalizers") or (), "metadata.finalizers")


def _name_problems(metadata: Mapping[str, Any], rule: NameRule, field: str) -> list[Cause]:
    name, generate_name = metadata.get("name", ""), metadata.get("generateName", "")
    found = []
    if generate_name:
        wrong = without_suffix(rule)(generate_name)
        found += [field_errors.invalid(f"{field}.generateName", generate_name, sentence) for sentence in wrong]
    if not name:
        return [*found, field_errors.required(f"{field}.name", "name or generateName is required")]
    return found + [field_errors.invalid(f"{field}.name", name, sentence) for sentence in rule(name)]


def _map_problems(metadata: Mapping[str, Any], field: str) -> list[Cause]:
    found = label_problems(metadata.get("labels") or {}, f"{field}.labels")
    return found + annotation_problems(metadata.get("annotations") or {}, f"{field}.annotations")


def annotation_problems(annotations: Mapping[str, str], field: str) -> list[Cause]:
    """What is wrong with annotations, wherever they stand."""
    found = [field_errors.invalid(field, key, wrong) for key in annotations for wrong in label_key(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        found.append(field_errors.too_long(field, _MAX_ANNOTATIONS))
    return found


def label_problems(labels: Mapping[str, str], field: str) -> list[Cause]:
    """What is wrong with labels, wherever they stand."""
    found = []
    for key, value in labels.items():
        found += [field_errors.invalid(field, key, wrong) for wrong in label_key(key)]
        found += [field_errors.invalid(field, value, wrong) for wrong in label_value(value)]
    return found


def _owner_problems(owners: Sequence[Mapping[str, Any]], field: str) -> list[Cause]:
    found = [
        field_errors.required(f"{field}[{index}].{name}", "must not be empty")
        for index, owner in enumerate(owners)
        for name in _OWNER_FIELDS
        if not owner.get(name)
    ]
    controllers = [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners if owner.get("controller")]
    if len(controllers) > 1:
        why = (
            "Only one reference can have Controller set to true. "
            f'Found "true" in references for {controllers[0]} and {controllers[1]}'
        )
        found.append(field_errors.invalid(field, owners, why))
    return found


def _finalizer_problems(finalizers: Sequence[str], field: str) -> list[Cause]:
    found = []
    for finalizer in finalizers:
        found += [field_errors.invalid(field, finalizer, sentence) for sentence in label_key(finalizer)]
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        found.append(field_errors.invalid(field, finalizers, why))
    return found


def _new_finalizer_problems(metadata: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    if not old.get("deletionTimestamp"):
        return []
    new = [name for name in metadata.get("finalizers") or () if name not in (old.get("finalizers") or ())]
    if not new:
        return []
    listed = "[]string{" + ", ".join(field_errors.shown(name) for name in new) + "}"
    why = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
    return [field_errors.forbidden("metadata.finalizers", why)]
