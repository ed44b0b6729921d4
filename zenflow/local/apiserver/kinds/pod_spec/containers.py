"""What is wrong with the containers of a Pod."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label
from zenflow.local.apiserver.kinds.checks import (
    Fields,
    given_one_of,
    named,
    one_of,
    port_name,
    port_number,
    required_name,
)
from zenflow.local.apiserver.kinds.pod_spec import environment, mounts, probes, resources, security
from zenflow.runtime.errors import Cause

_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MAX_RULES = 20
_MAX_VALUES = 255


@dataclass(frozen=True, slots=True)
class PodContext:
    """What a container's rules need to know of its Pod: the sound volumes by name, and a few fields of the spec."""

    spec: Fields
    volumes: Mapping[str, Fields]

    @property
    def claims(self) -> list[str]:
        return [claim["name"] for claim in self.spec.get("resourceClaims") or () if claim.get("name")]

    @property
    def grace(self) -> int | None:
        return self.spec.get("terminationGracePeriodSeconds")

    @property
    def host_users(self) -> bool:
        return self.spec.get("hostUsers") is not False


def main_problems(pod: PodContext, at: str) -> list[Cause]:
    """`containers`."""
    containers = pod.spec.get("containers") or ()
    if not containers:
        return [field_errors.required(at)]
    found: list[Cause] = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        place = f"{at}[{index}]"
        found += _common(container, pod, place)
        found += _repeated(container, seen, place)
        found += probes.problems(container, pod.grace, place) + _restarts(container, place)
    return found + _host_ports(containers, at)


def init_problems(pod: PodContext, at: str) -> list[Cause]:
    """`initContainers`, whose names are none of the others'."""
    found: list[Cause] = []
    seen = {container.get("name", "") for container in pod.spec.get("containers") or ()}
    for index, container in enumerate(pod.spec.get("initContainers") or ()):
        place = f"{at}[{index}]"
        is_sidecar = container.get("restartPolicy") == "Always"
        found += _common(container, pod, place) + _init_restarts(container, place)
        found += _repeated(container, seen, place) if container.get("name") else _nameless(seen, place)
        found += _host_ports([container], at)
        found += probes.problems(container, pod.grace, place) if is_sidecar else probes.forbidden(container, place)
        found += [] if is_sidecar else _init_resizing(container, place)
    return found


def _nameless(seen: set[str], at: str) -> list[Cause]:
    """Told twice only if a container of the Pod has no name either."""
    return [field_errors.duplicate(f"{at}.name", "")] if "" in seen else []


def _common(container: Fields, pod: PodContext, at: str) -> list[Cause]:
    found = required_name(container, "name", dns_label, at)
    if not container.get("image"):
        found.append(field_errors.required(f"{at}.image"))
    found += one_of(container, "terminationMessagePolicy", _MESSAGE_POLICIES, at)
    found += _ports(container.get("ports") or (), f"{at}.ports")
    found += environment.problems(container, at) + mounts.problems(container, pod.volumes, at)
    found += one_of(container, "imagePullPolicy", _PULL_POLICIES, at)
    found += resources.problems(container.get("resources") or {}, pod.claims, f"{at}.resources")
    found += _resizing(container, pod, f"{at}.resizePolicy")
    context = container.get("securityContext")
    return found + security.of_container(context, f"{at}.securityContext", host_users=pod.host_users)


def image_problems(containers: Sequence[Fields], at: str) -> list[Cause]:
    """What is asked of images in a Pod, but not in a template."""
    return [
        field_errors.invalid(f"{at}[{index}].image", image, "must not have leading or trailing whitespace")
        for index, image in enumerate(container.get("image", "") for container in containers)
        if image != image.strip()
    ]


def _repeated(container: Fields, seen: set[str], at: str) -> list[Cause]:
    name = container.get("name", "")
    found = [field_errors.duplicate(f"{at}.name", name)] if name in seen else []
    seen.add(name)
    return found


def _ports(ports: Sequence[Fields], at: str) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        place, name = f"{at}[{index}]", port.get("name", "")
        wrong = named(name, port_name, f"{place}.name") if name else []
        if name and not wrong and name in seen:
            wrong.append(field_errors.duplicate(f"{place}.name", name))
        seen.add(name)
        found += wrong
        number = port.get("containerPort", 0)
        found += port_number(number, f"{place}.containerPort") if number else [_missing(f"{place}.containerPort")]
        found += port_number(port["hostPort"], f"{place}.hostPort") if port.get("hostPort") else []
        found += one_of(port, "protocol", _PROTOCOLS, place)
    return found


def _missing(at: str) -> Cause:
    return field_errors.required(at)


def _host_ports(containers: Sequence[Fields], at: str) -> list[Cause]:
    found = []
    taken: set[str] = set()
    for number, container in enumerate(containers):
        for index, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                found.append(field_errors.duplicate(f"{at}[{number}].ports[{index}].hostPort", key))
            taken.add(key)
    return found


def _init_restarts(container: Fields, at: str) -> list[Cause]:
    """Rules without a policy are not looked at any further."""
    if container.get("restartPolicy") is not None or not container.get("restartPolicyRules"):
        return _restarts(container, at)
    return [field_errors.required(f"{at}.restartPolicy", "must specify restartPolicy when restart rules are used")]


def _restarts(container: Fields, at: str) -> list[Cause]:
    """The restart policy of a single container, and the rules that overrule it."""
    rules = container.get("restartPolicyRules") or ()
    found = given_one_of(container, "restartPolicy", _RESTART_POLICIES, at)
    if container.get("restartPolicy") is None and rules:
        why = "must specify restartPolicy when restart rules are used"
        found.append(field_errors.required(f"{at}.restartPolicy", why))
    if len(rules) > _MAX_RULES:
        found.append(field_errors.too_many(f"{at}.restartPolicyRules", len(rules), _MAX_RULES))
    for index, rule in enumerate(rules):
        found += _restart_rule(rule, f"{at}.restartPolicyRules[{index}]")
    return found


def _restart_rule(rule: Fields, at: str) -> list[Cause]:
    action = {"action": rule.get("action", "")}
    found = given_one_of(action, "action", ("Restart", "RestartAllContainers"), at)
    codes = rule.get("exitCodes")
    if codes is None:
        return [*found, field_errors.required(f"{at}.exitCodes", "must be specified")]
    operator = {"operator": codes.get("operator", "")}
    found += given_one_of(operator, "operator", ("In", "NotIn"), f"{at}.exitCodes")
    values = codes.get("values") or ()
    if len(values) > _MAX_VALUES:
        found.append(field_errors.too_many(f"{at}.exitCodes.values", len(values), _MAX_VALUES))
    return found


def _resizing(container: Fields, pod: PodContext, at: str) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, policy in enumerate(container.get("resizePolicy") or ()):
        name, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if name in seen:
            found.append(field_errors.duplicate(f"{at}[{index}]", name))
        seen.add(name)
        for value, known in ((name, ("cpu", "memory")), (restart, ("NotRequired", "RestartContainer"))):
            if not value:
                found.append(field_errors.required(at))
            elif value not in known:
                found.append(field_errors.unsupported(at, value, known))
        if pod.spec.get("restartPolicy") == "Never" and restart != "NotRequired":
            why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            found.append(field_errors.invalid(at, restart, why))
    return found


def _init_resizing(container: Fields, at: str) -> list[Cause]:
    why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
    return [
        field_errors.invalid(f"{at}.resizePolicy[{index}].restartPolicy", "RestartContainer", why)
        for index, policy in enumerate(container.get("resizePolicy") or ())
        if policy.get("restartPolicy") == "RestartContainer"
    ]
