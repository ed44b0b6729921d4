"""What is wrong with the security contexts of a Pod and its containers."""

import re

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.kinds.checks import (
    Fields,
    descending_path,
    given_one_of,
    identity,
    identity_number,
    required,
)
from zenflow.local.apiserver.kinds.pod_spec import windows
from zenflow.runtime.errors import Cause

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_IPC = ("kernel.sem", "kernel/sem")
_IPC_PREFIXES = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_MAX_PROFILE = 4095


def of_pod(spec: Fields, at: str) -> list[Cause]:
    """`securityContext` of the Pod."""
    context, place = spec.get("securityContext") or {}, f"{at}.securityContext"
    found = [cause for name in ("fsGroup", "runAsUser", "runAsGroup") for cause in identity(context, name, place)]
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        found += identity_number(group, f"{place}.supplementalGroups[{index}]")
    found += _sysctls(context, spec, f"{place}.sysctls")
    found += given_one_of(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), place)
    found += _profiles(context, place)
    found += given_one_of(context, "supplementalGroupsPolicy", ("Merge", "Strict"), place)
    found += given_one_of(context, "seLinuxChangePolicy", ("MountOption", "Recursive"), place)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(field_errors.invalid(f"{at}.shareProcessNamespace", True, why))
    return found


def of_container(context: Fields | None, at: str, *, host_users: bool) -> list[Cause]:
    """`securityContext` of a container; `host_users` says that the Pod has no user namespace of its own."""
    if context is None:
        return []
    found = identity(context, "runAsUser", at) + identity(context, "runAsGroup", at)
    mount = context.get("procMount")
    found += given_one_of(context, "procMount", ("Default", "Unmasked"), at)
    if mount == "Unmasked" and host_users:
        found.append(field_errors.invalid(f"{at}.procMount", mount, "`hostUsers` must be false to use `Unmasked`"))
    return found + _escalation(context, at) + _profiles(context, at)


def _escalation(context: Fields, at: str) -> list[Cause]:
    if context.get("allowPrivilegeEscalation") is not False:
        return []
    found = []
    if context.get("privileged"):
        why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        found.append(field_errors.invalid(at, context, why))
    if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
        why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        found.append(field_errors.invalid(at, context, why))
    return found


def _profiles(context: Fields, at: str) -> list[Cause]:
    found = _seccomp(context.get("seccompProfile"), f"{at}.seccompProfile")
    found += windows.options(context.get("windowsOptions"), f"{at}.windowsOptions")
    return found + _app_armor(context.get("appArmorProfile"), f"{at}.appArmorProfile")


def _seccomp(profile: Fields | None, at: str) -> list[Cause]:
    if profile is None:
        return []
    found = _profile_type(profile, "seccompProfile", at)
    local = profile.get("localhostProfile")
    if profile.get("type") == "Localhost":
        if local is None:
            found.append(field_errors.required(f"{at}.localhostProfile", "must be set when seccomp type is Localhost"))
        else:
            found += descending_path(local, f"{at}.localhostProfile")
    elif local is not None:
        why = "can only be set when seccomp type is Localhost"
        found.append(field_errors.invalid(f"{at}.localhostProfile", profile, why))
    return found


def _app_armor(profile: Fields | None, at: str) -> list[Cause]:
    if profile is None:
        return []
    local, kind = profile.get("localhostProfile"), profile.get("type")
    if kind == "Localhost":
        return _app_armor_profile(local, f"{at}.localhostProfile")
    found = _profile_type(profile, "appArmorProfile", at)
    if local is not None and not found:
        why = "can only be set when AppArmor type is Localhost"
        found.append(field_errors.invalid(f"{at}.localhostProfile", local, why))
    return found


def _app_armor_profile(local: str | None, at: str) -> list[Cause]:
    if not local:
        return [field_errors.required(at, "must be set when AppArmor type is Localhost")]
    found = [] if local == local.strip() else [field_errors.invalid(at, local, "must not be padded with whitespace")]
    return found + ([field_errors.too_long(at, _MAX_PROFILE)] if len(local.encode()) > _MAX_PROFILE else [])


def _profile_type(profile: Fields, name: str, at: str) -> list[Cause]:
    if not profile.get("type"):
        return [field_errors.required(f"{at}.type", f"type is required when {name} is set")]
    return given_one_of(profile, "type", _PROFILES, at)


def _sysctls(context: Fields, spec: Fields, at: str) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, sysctl in enumerate(context.get("sysctls") or ()):
        name, place = sysctl.get("name", ""), f"{at}[{index}]"
        if not name:
            found += required(sysctl, ("name",), place)
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            why = f"must have at most 253 characters and match regex ^{_SYSCTL.pattern}$"
            found.append(field_errors.invalid(f"{place}.name", name, why))
        elif name in seen:
            found.append(field_errors.duplicate(f"{place}.name", name))
        seen.add(name)
        found += _host_sysctl(name, spec, f"{place}.name")
    return found


def _host_sysctl(name: str, spec: Fields, at: str) -> list[Cause]:
    dotted = name.replace("/", ".")
    if spec.get("hostNetwork") and dotted.startswith("net."):
        return [field_errors.invalid(at, name, "may not be specified when 'hostNetwork' is true")]
    if spec.get("hostIPC") and (name in _IPC or dotted.startswith(_IPC_PREFIXES)):
        return [field_errors.invalid(at, name, "may not be specified when 'hostIPC' is true")]
    return []
