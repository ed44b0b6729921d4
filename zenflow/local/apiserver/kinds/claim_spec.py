"""The spec of a PersistentVolumeClaim, also inside an ephemeral volume: what is wrong with it."""

from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_subdomain
from zenflow.local.apiserver.kinds.checks import Fields, given_one_of, label_selector, named, required
from zenflow.local.apiserver.kinds.pod_spec import resources
from zenflow.runtime.errors import Cause

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def settle_sources(spec: dict[str, Any]) -> None:
    """`dataSource` and `dataSourceRef` say the same: one given is both. Other kinds are dropped from the older one."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if reference is not None and reference.get("namespace"):
        # Behind a feature gate that is off by default.
        spec.pop("dataSourceRef")
        reference = None
    if source is not None and reference is None:
        kind = (source.get("apiGroup", ""), source.get("kind", ""))
        if kind in (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")):
            spec["dataSourceRef"] = dict(source)
        else:
            del spec["dataSource"]
    elif reference is not None and source is None:
        spec["dataSource"] = dict(reference)


def problems(spec: Fields, at: str) -> list[Cause]:
    """Everything that is wrong with a defaulted claim."""
    found = _mode_problems(spec, f"{at}.accessModes") + label_selector(spec.get("selector"), f"{at}.selector")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        found.append(field_errors.required(f"{at}.resources[storage]"))
    else:
        found += resources.positive("storage", storage, f"{at}.resources[storage]")
    for name in ("storageClassName", "volumeAttributesClassName"):
        found += named(spec[name], dns_subdomain, f"{at}.{name}") if spec.get(name) else []
    found += given_one_of(spec, "volumeMode", ("Block", "Filesystem"), at)
    for name in ("dataSource", "dataSourceRef"):
        found += _source_problems(spec[name], f"{at}.{name}") if spec.get(name) is not None else []
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is not None and source != reference:
        found.append(field_errors.invalid(at, {}, "must match dataSourceRef"))
    return found


def _mode_problems(spec: Fields, at: str) -> list[Cause]:
    modes = spec.get("accessModes") or ()
    if not modes:
        return [field_errors.required(at, "at least 1 access mode is required")]
    found = [field_errors.unsupported(at, mode, _MODES) for mode in modes if mode not in _MODES]
    if "ReadWriteOncePod" in modes and {*modes} & {*_MODES[:3]}:
        found.append(field_errors.forbidden(at, "may not use ReadWriteOncePod with other access modes"))
    return found


def _source_problems(source: Fields, at: str) -> list[Cause]:
    found = required(source, ("name", "kind"), at)
    group, kind = source.get("apiGroup", ""), source.get("kind", "")
    if group:
        return found + named(group, dns_subdomain, f"{at}.apiGroup")
    if kind != "PersistentVolumeClaim":
        why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        found.append(field_errors.invalid(at, kind, why))
    return found
