"""What is wrong with the mounts and block devices of a container."""

from collections.abc import Mapping, Sequence

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds.checks import Fields, descending_path, given_one_of, no_backsteps, required
from zenflow.runtime.errors import Cause

_PROPAGATION = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def problems(container: Fields, volumes: Mapping[str, Fields], at: str) -> list[Cause]:
    """`volumeMounts` and `volumeDevices`; `volumes` are the Pod's sound ones, by name."""
    mounts, devices = container.get("volumeMounts") or (), container.get("volumeDevices") or ()
    found: list[Cause] = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        place = f"{at}.volumeMounts[{index}]"
        found += _mount(mount, volumes, seen, place) + _overlap(mount, devices, place)
        found += _paths(mount, place, f"{at}.volumeMounts")
        found += _propagation(mount, container, f"{at}.volumeMounts")
        found += _recursive(mount, f"{at}.volumeMounts")
    return found + _devices(devices, mounts, volumes, f"{at}.volumeDevices")


def _mount(mount: Fields, volumes: Mapping[str, Fields], seen: set[str], at: str) -> list[Cause]:
    name, path = mount.get("name", ""), mount.get("mountPath", "")
    found = required(mount, ("name",), at)
    if name not in volumes:
        found.append(field_errors.not_found(f"{at}.name", name))
    found += required(mount, ("mountPath",), at)
    if path in seen:
        found.append(field_errors.invalid(f"{at}.mountPath", path, "must be unique"))
    seen.add(path)
    return found


def _overlap(mount: Fields, devices: Sequence[Fields], at: str) -> list[Cause]:
    name, path = mount.get("name", ""), mount.get("mountPath", "")
    found = []
    if any(device.get("name", "") == name for device in devices):
        found.append(field_errors.invalid(f"{at}.name", name, "must not already exist in volumeDevices"))
    if any(device.get("devicePath", "") == path for device in devices):
        found.append(field_errors.invalid(f"{at}.mountPath", path, "must not already exist as a path in volumeDevices"))
    return found


def _paths(mount: Fields, at: str, list_at: str) -> list[Cause]:
    path, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    found = descending_path(path, f"{list_at}.subPath") if path else []
    if expression and path:
        why = "subPathExpr and subPath are mutually exclusive"
        found.append(field_errors.invalid(f"{at}.subPathExpr", expression, why))
    return found + (descending_path(expression, f"{list_at}.subPathExpr") if expression else [])


def _propagation(mount: Fields, container: Fields, list_at: str) -> list[Cause]:
    found = given_one_of(mount, "mountPropagation", _PROPAGATION, list_at)
    privileged = (container.get("securityContext") or {}).get("privileged")
    if mount.get("mountPropagation") == "Bidirectional" and not privileged:
        why = "Bidirectional mount propagation is available only to privileged containers"
        found.append(field_errors.forbidden(f"{list_at}.mountPropagation", why))
    return found


def _recursive(mount: Fields, list_at: str) -> list[Cause]:
    at, value = f"{list_at}.recursiveReadOnly", mount.get("recursiveReadOnly")
    if value in (None, "Disabled"):
        return []
    if value not in _RECURSIVE:
        return [field_errors.unsupported(at, value, _RECURSIVE)]
    found = []
    if not mount.get("readOnly"):
        found.append(field_errors.forbidden(at, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation", "None") != "None":
        found.append(field_errors.forbidden(at, "may only be specified when mountPropagation is None or not specified"))
    return found


def _devices(
    devices: Sequence[Fields], mounts: Sequence[Fields], volumes: Mapping[str, Fields], at: str
) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(devices):
        found += _device(device, (names, paths), volumes, f"{at}[{index}]")
        found += _device_overlap(device, mounts, f"{at}[{index}]")
    return found


def _device(device: Fields, seen: tuple[set[str], set[str]], volumes: Mapping[str, Fields], at: str) -> list[Cause]:
    name, path = device.get("name", ""), device.get("devicePath", "")
    found = required(device, ("name",), at)
    if name in seen[0]:
        found.append(field_errors.invalid(f"{at}.name", name, "must be unique"))
    if name not in volumes:
        found.append(field_errors.not_found(f"{at}.name", name))
    elif not {"persistentVolumeClaim", "ephemeral"} & volumes[name].keys():
        why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        found.append(field_errors.invalid(f"{at}.name", name, why))
    found += required(device, ("devicePath",), at)
    if path in seen[1]:
        found.append(field_errors.invalid(f"{at}.devicePath", path, "must be unique"))
    if path and no_backsteps(path, at):
        found.append(field_errors.invalid(f"{at}.devicePath", path, "can not contain backsteps ('..')"))
    else:
        seen[1].add(path)
    if name:
        seen[0].add(name)
    return found


def _device_overlap(device: Fields, mounts: Sequence[Fields], at: str) -> list[Cause]:
    name, path = device.get("name", ""), device.get("devicePath", "")
    found = []
    if any(mount.get("name", "") == name for mount in mounts):
        found.append(field_errors.invalid(f"{at}.name", name, "must not already exist in volumeMounts"))
    if any(mount.get("mountPath", "") == path for mount in mounts):
        found.append(field_errors.invalid(f"{at}.devicePath", path, "must not already exist as a path in volumeMounts"))
    return found
