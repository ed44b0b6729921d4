"""What is wrong with the resources of a container or of a whole Pod."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, label_key
from zenflow.local.apiserver.kinds.checks import Fields, named
from zenflow.local.apiserver.schemas.quantities import canonical, is_quantity, value_of
from zenflow.runtime.errors import Cause

_HUGE_PAGES = "hugepages-"
_OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
_INTEGERS = frozenset(
    (
        "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets",
        "services", "services.loadbalancers", "services.nodeports",
    )
)  # fmt: skip
_STANDARD = _INTEGERS | {
    *_OF_CONTAINERS, "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
    "requests.ephemeral-storage", "requests.memory", "requests.storage", "storage",
}  # fmt: skip


def problems(requirements: Fields, claims: Iterable[str], at: str, *, of_pod: bool = False) -> list[Cause]:
    """`resources`; `claims` are the names in spec.resourceClaims."""
    limits, requests = requirements.get("limits") or {}, requirements.get("requests") or {}
    check = _pod_resource if of_pod else _container_resource
    found: list[Cause] = []
    for kind, given in (("limits", limits), ("requests", requests)):
        for name, text in sorted(given.items()):
            place = f"{at}.{kind}[{name}]"
            found += check(name, place) + quantity(name, text, place)
            if kind == "requests":
                found += _against_limit(name, text, limits, at)
            found += _huge_pages(name, text, place)
    names = {*limits, *requests}
    if any(name.startswith(_HUGE_PAGES) for name in names) and not names & {"cpu", "memory"}:
        found.append(field_errors.forbidden(at, "HugePages require cpu or memory"))
    return found + _claims(requirements.get("claims") or (), sorted(set(claims)), f"{at}.claims")


def quantity(name: str, text: str, at: str) -> list[Cause]:
    """The amount of a resource: not negative, and whole for what can be counted."""
    value, shown = value_of(text), canonical(text)
    found = [] if value >= 0 else [field_errors.invalid(at, shown, "must be greater than or equal to 0")]
    if (name in _INTEGERS or _is_extended(name)) and (value * 1000) % 1000:
        found.append(field_errors.invalid(at, shown, "must be an integer"))
    return found


def positive(name: str, text: str, at: str) -> list[Cause]:
    """The same for an amount that may not be zero."""
    if value_of(text) <= 0:
        return [field_errors.invalid(at, canonical(text), "must be greater than zero")]
    return quantity(name, text, at)


def _resource_name(name: str, at: str) -> list[Cause]:
    found = named(name, label_key, at)
    if not found and "/" not in name and name not in _STANDARD and not name.startswith(_HUGE_PAGES):
        found.append(field_errors.invalid(at, name, "must be a standard resource type or fully qualified"))
    return found


def _container_resource(name: str, at: str) -> list[Cause]:
    found = _resource_name(name, at)
    if "/" not in name:
        if name not in _OF_CONTAINERS and not name.startswith(_HUGE_PAGES):
            found.append(field_errors.invalid(at, name, "must be a standard resource for containers"))
    elif not _is_native(name) and not _is_extended(name):
        found.append(field_errors.invalid(at, name, "doesn't follow extended resource name standard"))
    return found


def _pod_resource(name: str, at: str) -> list[Cause]:
    found = _resource_name(name, at)
    if not found and not _is_pod_resource(name):
        found.append(field_errors.unsupported(at, name, ("cpu", _HUGE_PAGES, "memory")))
    return found


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    return not _is_native(name) and not name.startswith("requests.") and not label_key(f"requests.{name}")


def _may_overcommit(name: str) -> bool:
    return _is_native(name) and not name.startswith(_HUGE_PAGES)


def _against_limit(name: str, text: str, limits: Mapping[str, str], at: str) -> list[Cause]:
    if name not in limits:
        if _may_overcommit(name):
            return []
        return [field_errors.required(f"{at}.limits", "Limit must be set for non overcommitable resources")]
    limit, asked = value_of(limits[name]), value_of(text)
    shown = canonical(limits[name])
    if asked != limit and not _may_overcommit(name):
        return [field_errors.invalid(f"{at}.requests", canonical(text), f"must be equal to {name} limit of {shown}")]
    if asked > limit:
        why = f"must be less than or equal to {name} limit of {shown}"
        return [field_errors.invalid(f"{at}.requests", canonical(text), why)]
    return []


def _huge_pages(name: str, text: str, at: str) -> list[Cause]:
    size = name.removeprefix(_HUGE_PAGES)
    if size == name:
        return []
    page = value_of(size) if is_quantity(size) else Fraction(0)
    if page > 0 and page.denominator == 1 and value_of(text) % page == 0:
        return []
    return [field_errors.invalid(at, canonical(text), f"{canonical(text)} is not positive integer multiple of {name}")]


def _claims(claims: Iterable[Fields], known: list[str], at: str) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        name, request = claim.get("name", ""), claim.get("request", "")
        if not name:
            found.append(field_errors.required(f"{at}[{index}]"))
            continue
        key = f"{name}/{request}" if request else name
        if request and name not in seen:
            found += named(request, dns_label, f"{at}[{index}].request")
        if name in seen or key in seen or (not request and any(other.startswith(f"{name}/") for other in seen)):
            found.append(field_errors.duplicate(f"{at}[{index}]", name if name in seen else key))
        seen.add(key)
        if name not in known:
            told = f": {', '.join(known)}" if known else " which is empty"
            missing = field_errors.not_found(f"{at}[{index}]", name)
            why = f"{missing.message}: must be one of the names in pod.spec.resourceClaims{told}"
            found.append(Cause(missing.reason, why, missing.field))
    return found


def is_of_pod(requirements: Fields) -> bool:
    """Whether anything is asked that a whole Pod can have."""
    names = {*(requirements.get("requests") or {}), *(requirements.get("limits") or {})}
    return any(_is_pod_resource(name) for name in names)


def _is_pod_resource(name: str) -> bool:
    return name in ("cpu", "memory") or name.startswith(_HUGE_PAGES)


def default_of_pod(spec: dict[str, Any]) -> None:
    """A Pod with limits requests what its containers do, or else as much as its limits."""
    given = spec.get("resources") or {}
    if not given.get("limits"):
        return
    requests = dict(given.get("requests") or {})
    for name in ("cpu", "memory"):
        total = _requested(spec, name)
        if name not in requests and total:
            requests[name] = canonical(_plain(total))
    requests = {n: text for n, text in given["limits"].items() if _is_pod_resource(n)} | requests
    if requests:
        spec["resources"] = {**given, "requests": requests}


def of_pod_problems(spec: Fields, claims: Iterable[str], at: str) -> list[Cause]:
    """Resources of the whole Pod: at least what all its containers request."""
    resources = spec.get("resources")
    if resources is None:
        return []
    place = f"{at}.resources"
    if (spec.get("os") or {}).get("name") == "windows":
        return [field_errors.forbidden(place, "may not be set for a windows pod")]
    found = []
    if resources.get("claims"):
        found.append(field_errors.forbidden(f"{place}.claims", "claims may not be set for Resources at pod-level"))
    return found + problems(resources, claims, place, of_pod=True) + _consistency(spec, resources, place)


def _consistency(spec: Fields, resources: Fields, at: str) -> list[Cause]:
    found = []
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, text in sorted(requests.items()):
        total = _requested(spec, name)
        if total and total > value_of(text):
            shown = canonical(_plain(total))
            why = f"must be greater than or equal to aggregate container requests of {shown}"
            found.append(field_errors.invalid(f"{at}.requests[{name}]", canonical(text), why))
    for index, container in enumerate(spec.get("containers") or ()):
        for name, text in sorted(((container.get("resources") or {}).get("limits") or {}).items()):
            if name in limits and value_of(text) > value_of(limits[name]):
                why = f"must be less than or equal to pod limits of {canonical(limits[name])}"
                found.append(field_errors.invalid(f"{at}.containers[{index}][{name}].limits", canonical(text), why))
    return found


def _requested(spec: Fields, name: str) -> Fraction:
    """What runs at once: all containers and sidecars, or one init container with the sidecars before it."""
    containers = sum((_request(container, name) for container in spec.get("containers") or ()), Fraction(0))
    sidecars = highest = Fraction(0)
    for container in spec.get("initContainers") or ():
        own = _request(container, name)
        if container.get("restartPolicy") == "Always":
            sidecars += own
            own = Fraction(0)
        highest = max(highest, sidecars + own)
    return max(containers + sidecars, highest)


def _request(container: Fields, name: str) -> Fraction:
    return value_of(((container.get("resources") or {}).get("requests") or {}).get(name, "0"))


def _plain(value: Fraction) -> str:
    return f"{value.numerator}" if value.denominator == 1 else f"{float(value):.9f}"
