"""What is wrong with the variables of a container, and with references to fields, resources and keys."""

import re
from collections.abc import Callable, Mapping, Sequence

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import (
    config_key,
    dns_label,
    dns_subdomain,
    env_name,
    label_key,
    without_suffix,
)
from zenflow.local.apiserver.kinds.checks import Fields, named, no_backsteps, required, required_name
from zenflow.local.apiserver.schemas.quantities import canonical
from zenflow.runtime.errors import Cause

_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SUBSCRIPT = re.compile(r"(.*)\['(.*)'\]")
_IN_VARIABLES = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
FIELDS_IN_VOLUMES = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
"""What a downwardAPI volume can show; a variable can show other fields."""
_KNOWN_FIELDS = frozenset(
    (*_IN_VARIABLES, *FIELDS_IN_VOLUMES, "spec.restartPolicy", "spec.schedulerName", "status.phase")
)


def problems(container: Fields, at: str) -> list[Cause]:
    """`env` and `envFrom` of a container."""
    found: list[Cause] = []
    for index, variable in enumerate(container.get("env") or ()):
        found += _variable(variable, f"{at}.env[{index}]")
    for index, source in enumerate(container.get("envFrom") or ()):
        found += _source(source, f"{at}.envFrom[{index}]", f"{at}.envFrom")
    return found


def _variable(variable: Fields, at: str) -> list[Cause]:
    found = required_name(variable, "name", env_name, at)
    if variable.get("valueFrom") is not None:
        found += _value_from(variable, f"{at}.valueFrom")
    return found


def _value_from(variable: Fields, at: str) -> list[Cause]:
    source = variable["valueFrom"]
    given = [name for name in _SOURCES if source.get(name) is not None]
    found = [cause for name in given for cause in _SOURCES[name](source[name], f"{at}.{name}")]
    if not given:
        listed = [f"`{name}`" for name in _SOURCES]
        found.append(field_errors.invalid(at, "", f"must specify one of: {', '.join(listed[:-1])} or {listed[-1]}"))
    elif variable.get("value"):
        found.append(field_errors.invalid(at, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        found.append(field_errors.invalid(at, "", "may not have more than one field specified at a time"))
    return found


def field_reference(reference: Fields, at: str, shown: Sequence[str] = _IN_VARIABLES) -> list[Cause]:
    """A fieldRef; `shown` are the fields that can be had in this place."""
    path = reference.get("fieldPath", "")
    if not reference.get("apiVersion") or not path:
        missing = "fieldPath" if reference.get("apiVersion") else "apiVersion"
        return [field_errors.required(f"{at}.{missing}")]
    matched = _SUBSCRIPT.fullmatch(path)
    if wrong := _unconvertible(reference["apiVersion"], path, matched):
        return [field_errors.invalid(f"{at}.fieldPath", path, f"error converting fieldPath: {wrong}")]
    if matched is not None:
        key = matched[2].lower() if matched[1] == "metadata.annotations" else matched[2]
        return named(key, label_key, at)
    path = "spec.nodeName" if path == "spec.host" else path
    return [] if path in shown else [field_errors.unsupported(f"{at}.fieldPath", path, shown)]


def _unconvertible(version: str, path: str, matched: re.Match[str] | None) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if matched is not None:
        known = matched[1] in ("metadata.annotations", "metadata.labels")
        return "" if known else f"field label does not support subscript: {path}"
    return "" if path in _KNOWN_FIELDS or path == "spec.host" else f"field label not supported: {path}"


def resource_reference(reference: Fields, at: str, *, in_volume: bool = False) -> list[Cause]:
    """A resourceFieldRef; in a volume it must name the container."""
    resource = reference.get("resource", "")
    found: list[Cause] = []
    if in_volume and not reference.get("containerName"):
        found.append(field_errors.required(f"{at}.containerName"))
    elif not resource:
        found.append(field_errors.required(f"{at}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        found.append(field_errors.unsupported(f"{at}.resource", resource, _RESOURCES))
    return found + _divisor(resource, reference.get("divisor", "0"), at)


def _divisor(resource: str, divisor: str, at: str) -> list[Cause]:
    value, kind = canonical(divisor), resource.partition(".")[2]
    if value == "0":
        return []
    if kind == "cpu":
        why = "" if value in ("1m", "1") else "only divisor's values 1m and 1 are supported with the cpu resource"
        return [field_errors.invalid(f"{at}.divisor", resource, why)] if why else []
    told = "hugepages" if kind.startswith("hugepages-") else _SIZED.get(kind)
    if told is None or value in _SIZES:
        return []
    why = f"only divisor's values {', '.join(_SIZES)} are supported with the {told} resource"
    return [field_errors.invalid(f"{at}.divisor", resource, why)]


_SIZED: Mapping[str, str] = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}


def _key_reference(reference: Fields, at: str) -> list[Cause]:
    return named(reference.get("name", ""), dns_subdomain, f"{at}.name") + required_name(
        reference, "key", config_key, at
    )


def _file_reference(reference: Fields, at: str) -> list[Cause]:
    found = required_name(reference, "key", env_name, at) + required_name(reference, "volumeName", dns_label, at)
    if not reference.get("path"):
        return found + required(reference, ("path",), at)
    return found + no_backsteps(reference["path"], f"{at}.path")


_SOURCES: Mapping[str, Callable[[Fields, str], list[Cause]]] = {
    "fieldRef": field_reference,
    "resourceFieldRef": resource_reference,
    "configMapKeyRef": _key_reference,
    "secretKeyRef": _key_reference,
    "fileKeyRef": _file_reference,
}


def _source(source: Fields, at: str, list_at: str) -> list[Cause]:
    found = named(source["prefix"], env_name, f"{at}.prefix") if source.get("prefix") else []
    given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
    for name in given:
        found += required_name(source[name], "name", without_suffix(dns_subdomain), f"{at}.{name}")
    if not given:
        found.append(field_errors.invalid(list_at, "", "must specify one of: `configMapRef` or `secretRef`"))
    elif len(given) > 1:
        found.append(field_errors.invalid(list_at, "", "may not have more than one field specified at a time"))
    return found


def file_volume_problems(spec: Fields, at: str) -> list[Cause]:
    """A variable from a file needs an emptyDir that holds the file."""
    volumes = {volume.get("name"): volume for volume in spec.get("volumes") or ()}
    found: list[Cause] = []
    for name in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(name) or ()):
            for index, variable in enumerate(container.get("env") or ()):
                reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
                if reference is not None:
                    place = f"{at}.{name}[{number}].env[{index}].valueFrom.fileKeyRef.volumeName"
                    found += _file_volume(volumes, reference.get("volumeName", ""), place)
    return found


def _file_volume(volumes: Mapping[str | None, Fields], name: str, at: str) -> list[Cause]:
    if name not in volumes:
        return [field_errors.not_found(at, name)]
    if volumes[name].get("emptyDir") is None:
        return [field_errors.invalid(at, name, "referenced volume must be of type emptyDir")]
    return []
