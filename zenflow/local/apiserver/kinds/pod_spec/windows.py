"""Pods of one operating system: what a Windows Pod may not have, and what only it may have."""

import re
from collections.abc import Iterator

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_subdomain
from zenflow.local.apiserver.kinds.checks import Fields, named
from zenflow.runtime.errors import Cause

_POD_FIELDS = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls", "runAsUser",
    "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy",
)  # fmt: skip
_CONTAINER_FIELDS = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip
_MAX_SPEC_KIB = 64
_NET_BIOS = re.compile(r"""[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}""")
_DNS = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*")


def problems(spec: Fields, at: str) -> list[Cause]:
    """`os`, and what it means for the other fields."""
    system = spec.get("os")
    found = _host_processes(spec, at)
    if system is None:
        return found
    name = system.get("name", "")
    if not name:
        return [*found, field_errors.required(f"{at}.os.name")]
    if name not in ("linux", "windows"):
        # The real server names the parent here.
        return [*found, field_errors.unsupported(f"{at}.os", name, ("linux", "windows"))]
    return found + (_linux(spec, at) if name == "linux" else _windows(spec, at))


def _contexts(spec: Fields, at: str) -> Iterator[tuple[Fields, str]]:
    for name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(name) or ()):
            yield container.get("securityContext") or {}, f"{at}.{name}[{index}].securityContext"


def _linux(spec: Fields, at: str) -> list[Cause]:
    pod = (spec.get("securityContext") or {}, f"{at}.securityContext")
    return [
        field_errors.forbidden(f"{place}.windowsOptions", "windows options cannot be set for a linux pod")
        for context, place in (pod, *_contexts(spec, at))
        if context.get("windowsOptions") is not None
    ]


def _windows(spec: Fields, at: str) -> list[Cause]:
    context = spec.get("securityContext") or {}
    paths = [f"{at}.securityContext.{name}" for name in _POD_FIELDS if context.get(name) is not None]
    paths += [f"{at}.hostUsers"] if spec.get("hostUsers") is not None else []
    paths += [f"{at}.{name}" for name in ("hostPID", "hostIPC") if spec.get(name)]
    paths += [f"{at}.shareProcessNamespace"] if spec.get("shareProcessNamespace") is not None else []
    for own, place in _contexts(spec, at):
        paths += [f"{place}.{name}" for name in _CONTAINER_FIELDS if own.get(name) is not None]
    return [field_errors.forbidden(path, "cannot be set for a windows pod") for path in paths]


def _host_processes(spec: Fields, at: str) -> list[Cause]:
    pod = ((spec.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    found: list[Cause] = []
    inherited = []
    for context, place in _contexts(spec, at):
        own = (context.get("windowsOptions") or {}).get("hostProcess")
        if pod is not None and own is not None and pod != own:
            why = f"pod hostProcess value must be identical if both are specified, was {str(pod).lower()}"
            found.append(field_errors.invalid(f"{place}.windowsOptions.hostProcess", own, why))
        inherited.append(own if own is not None else bool(pod))
    if not any(inherited):
        return found
    if not all(inherited):
        why = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        found.append(field_errors.invalid(at, "", why))
    if not spec.get("hostNetwork"):
        why = "hostNetwork must be true if pod contains any hostProcess containers"
        found.append(field_errors.invalid(f"{at}.hostNetwork", False, why))
    return found


def options(given: Fields | None, at: str) -> list[Cause]:
    """`windowsOptions` of a security context."""
    if given is None:
        return []
    found: list[Cause] = []
    if given.get("gmsaCredentialSpecName") is not None:
        found += named(given["gmsaCredentialSpecName"], dns_subdomain, f"{at}.gmsaCredentialSpecName")
    spec = given.get("gmsaCredentialSpec")
    if spec is not None and (not spec or len(spec.encode()) > _MAX_SPEC_KIB * 1024):
        why = f"gmsaCredentialSpec size must be under {_MAX_SPEC_KIB} KiB"
        why = why if spec else "gmsaCredentialSpec cannot be an empty string"
        found.append(field_errors.invalid(f"{at}.gmsaCredentialSpec", spec, why))
    user = given.get("runAsUserName")
    if user is not None:
        found += [field_errors.invalid(f"{at}.runAsUserName", user, wrong) for wrong in _user_name(user)]
    return found


def _user_name(value: str) -> list[str]:
    if not value:
        return ["runAsUserName cannot be an empty string"]
    if re.search(r"[\x00-\x1f\x7f]", value):
        return ["runAsUserName cannot contain control characters"]
    if value.count("\\") > 1:
        return ["runAsUserName cannot contain more than one backslash"]
    domain, separator, user = value.rpartition("\\")
    found = []
    if len(domain) >= 256:
        found.append("runAsUserName's Domain length must be under 256 characters")
    if separator and not (_NET_BIOS.fullmatch(domain) or _DNS.fullmatch(domain)):
        found.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    return found + _user(user)


def _user(user: str) -> list[str]:
    found = []
    if not user:
        found.append("runAsUserName's User cannot be empty")
    elif len(user) > 104:
        found.append("runAsUserName's User length must not be longer than 104 characters")
    if re.fullmatch(r"[. ]+", user):
        found.append("runAsUserName's User cannot contain only periods or spaces")
    if re.search(r'["/\\:;|=,+*?<>@\[\]]', user):
        found.append("""runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]""")
    return found
