"""Everything that is wrong with the spec of a Pod, in the order and words of kube-apiserver.

Not checked, because nothing here acts on it: the parts of volumes of single vendors beyond what they require, and
annotations that stand for fields of old.
"""

import re
from collections.abc import Callable

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, dns_subdomain, label_key
from zenflow.local.apiserver.kinds.checks import (
    MAX_INT32,
    Fields,
    ip_address,
    named,
    non_negative,
    one_of,
    required_name,
)
from zenflow.local.apiserver.kinds.metadata import label_problems
from zenflow.local.apiserver.kinds.pod_spec import (
    containers,
    environment,
    resources,
    scheduling,
    security,
    volumes,
    windows,
)
from zenflow.runtime.errors import Cause

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_LENGTH = 2048
_MAX_HOSTNAME = 64
_NAMES: tuple[tuple[str, Callable[[str], list[str]]], ...] = (
    ("hostname", dns_label),
    ("subdomain", dns_label),
    ("priorityClassName", dns_subdomain),
    ("runtimeClassName", dns_subdomain),
    ("nodeName", dns_subdomain),
    ("serviceAccountName", dns_subdomain),
)
_WITH_UNDERSCORES = re.compile(r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")


def problems(spec: Fields, at: str) -> list[Cause]:
    """What is wrong with a defaulted spec, in a template or in a Pod; `at` is its path."""
    sound, found = volumes.problems(spec.get("volumes") or (), f"{at}.volumes")
    pod = containers.PodContext(spec, sound)
    found += _claim_problems(spec.get("resourceClaims") or (), f"{at}.resourceClaims")
    found += containers.main_problems(pod, f"{at}.containers") + containers.init_problems(pod, f"{at}.initContainers")
    found += resources.of_pod_problems(spec, pod.claims, at) + _host_network(spec, f"{at}.containers")
    found += one_of(spec, "restartPolicy", _RESTART_POLICIES, at) + one_of(spec, "dnsPolicy", _DNS_POLICIES, at)
    found += label_problems(spec.get("nodeSelector") or {}, f"{at}.nodeSelector")
    found += security.of_pod(spec, at) + scheduling.affinity(spec.get("affinity"), f"{at}.affinity")
    found += _dns_problems(spec, f"{at}.dnsConfig")
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        found += named(gate.get("conditionType", ""), label_key, f"{at}.readinessGates[{index}].conditionType")
    found += scheduling.gates(spec.get("schedulingGates") or (), f"{at}.schedulingGates")
    found += scheduling.spread(spec.get("topologySpreadConstraints") or (), f"{at}.topologySpreadConstraints")
    found += windows.problems(spec, at) + _host_users(spec, at) + _hostname_override(spec, f"{at}.hostnameOverride")
    return found + _other_problems(spec, at)


def _other_problems(spec: Fields, at: str) -> list[Cause]:
    found = scheduling.names(spec, at, _NAMES)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        why = f"must be between 1 and {MAX_INT32}, inclusive"
        found.append(field_errors.invalid(f"{at}.activeDeadlineSeconds", deadline, why))
    found += scheduling.tolerations(spec.get("tolerations") or (), f"{at}.tolerations")
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        found += _host_alias(alias, f"{at}.hostAliases[{index}]")
    if spec.get("preemptionPolicy") is not None:
        found += one_of(spec, "preemptionPolicy", ("PreemptLowerPriority", "Never"), at)
    found += resources.problems({"limits": spec.get("overhead")}, (), f"{at}.overhead") if spec.get("overhead") else []
    return found + environment.file_volume_problems(spec, at)


def pod_problems(spec: Fields, at: str) -> list[Cause]:
    """The same and what is asked of a Pod alone, for compatibility not of templates."""
    found = problems(spec, at) + non_negative(spec, ("terminationGracePeriodSeconds",), at)
    if not spec.get("serviceAccountName"):
        found += _tokens_without_account(spec, f"{at}.volumes")
    for name in ("containers", "initContainers"):
        found += containers.image_problems(spec.get(name) or (), f"{at}.{name}")
    return found


def _tokens_without_account(spec: Fields, at: str) -> list[Cause]:
    why = "must not be specified when serviceAccountName is not set"
    return [
        field_errors.forbidden(f"{at}[{number}].projected.sources[{index}].serviceAccountToken", why)
        for number, volume in enumerate(spec.get("volumes") or ())
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ())
        if source.get("serviceAccountToken") is not None
    ]


def _claim_problems(claims: tuple[Fields, ...] | list[Fields], at: str) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    kinds = ("resourceClaimName", "resourceClaimTemplateName")
    for index, claim in enumerate(claims):
        place, name = f"{at}[{index}]", claim.get("name", "")
        repeated = [field_errors.duplicate(f"{place}.name", name)]
        found += repeated if name in seen else required_name(claim, "name", dns_label, place)
        seen.add(name)
        given = [kind for kind in kinds if claim.get(kind) is not None]
        if len(given) > 1:
            why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            found.append(field_errors.invalid(place, claim, why))
        if not given:
            why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            found.append(field_errors.invalid(place, claim, why))
        for kind in given:
            found += named(claim[kind], dns_subdomain, f"{place}.{kind}")
    return found


def _host_network(spec: Fields, at: str) -> list[Cause]:
    if not spec.get("hostNetwork"):
        return []
    why = "must match `containerPort` when `hostNetwork` is true"
    return [
        field_errors.invalid(f"{at}[{number}].ports[{index}].hostPort", port["hostPort"], why)
        for number, container in enumerate(spec.get("containers") or ())
        for index, port in enumerate(container.get("ports") or ())
        if port.get("hostPort") and port["hostPort"] != port.get("containerPort")
    ]


def _dns_problems(spec: Fields, at: str) -> list[Cause]:
    config = spec.get("dnsConfig")
    servers = (config or {}).get("nameservers") or ()
    if spec.get("dnsPolicy") == "None" and not servers:
        if config is None:
            return [field_errors.required(at, "must provide `dnsConfig` when `dnsPolicy` is None")]
        why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        return [field_errors.required(f"{at}.nameservers", why)]
    if config is None:
        return []
    found = []
    if len(servers) > _MAX_NAMESERVERS:
        why = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        found.append(field_errors.invalid(f"{at}.nameservers", servers, why))
    for index, server in enumerate(servers):
        found += ip_address(server, f"{at}.nameservers[{index}]")
    found += _search_problems(config.get("searches") or (), f"{at}.searches")
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            found.append(field_errors.required(f"{at}.options[{index}]", "must not be empty"))
    return found


def _search_problems(searches: tuple[str, ...] | list[str], at: str) -> list[Cause]:
    found = []
    if len(searches) > _MAX_SEARCHES:
        found.append(field_errors.invalid(at, searches, f"must not have more than {_MAX_SEARCHES} search paths"))
    if len(" ".join(searches)) > _MAX_SEARCH_LENGTH:
        why = f"must not have more than {_MAX_SEARCH_LENGTH} characters (including spaces) in the search list"
        found.append(field_errors.invalid(at, searches, why))
    for index, search in enumerate(searches):
        if search != "." and not _WITH_UNDERSCORES.fullmatch(search.removesuffix(".")):
            found.append(field_errors.invalid(f"{at}[{index}]", search.removesuffix("."), _SEARCH_WRONG))
    return found


_SEARCH_WRONG = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{_WITH_UNDERSCORES.pattern}')"
)


def _host_users(spec: Fields, at: str) -> list[Cause]:
    """A Pod with a user namespace of its own shares no other namespace with the host."""
    if spec.get("hostUsers") is not False:
        return []
    # The real server writes two of the names with a capital letter.
    pairs = (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
    found = [
        field_errors.forbidden(f"{at}.{shown}", "when `hostUsers` is false") for name, shown in pairs if spec.get(name)
    ]
    for name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(name) or ()):
            if container.get("volumeDevices"):
                place = f"{at}.{name}[{index}].volumeDevices"
                found.append(field_errors.forbidden(place, "when `hostUsers` is false"))
    return found


def _hostname_override(spec: Fields, at: str) -> list[Cause]:
    name = spec.get("hostnameOverride")
    if name is None:
        return []
    found = [
        field_errors.forbidden(at, f"may not be specified when {other} is true")
        for other in ("setHostnameAsFQDN", "hostNetwork")
        if spec.get(other)
    ]
    if len(name) > _MAX_HOSTNAME:
        found.append(field_errors.too_long(at, _MAX_HOSTNAME))
    return found + named(name, dns_subdomain, at)


def _host_alias(alias: Fields, at: str) -> list[Cause]:
    found = ip_address(alias.get("ip", ""), f"{at}.ip")
    for index, name in enumerate(alias.get("hostnames") or ()):
        found += named(name, dns_subdomain, f"{at}.hostnames[{index}]")
    return found
