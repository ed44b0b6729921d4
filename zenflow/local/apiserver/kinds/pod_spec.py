"""The spec of a Pod, also inside a Job's template: its defaults and what users get wrong in it.

Messages are those of kube-apiserver; rules it has beyond these (security contexts, probes, affinity, ...) are not
checked here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, dns_subdomain, env_name
from zenflow.runtime.errors import Cause

_CONTAINER_LISTS = ("containers", "initContainers")
_MODE_644 = 420
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def default(spec: dict[str, Any]) -> None:
    """Fill in a Pod's spec as kube-apiserver does."""
    for name in _CONTAINER_LISTS:
        for container in spec.get(name) or ():
            _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif "serviceAccount" in spec:
        spec["serviceAccountName"] = spec["serviceAccount"]


def _default_container(container: dict[str, Any]) -> None:
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    resources = container.setdefault("resources", {})
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            container[probe] = _PROBE_DEFAULTS | container[probe]
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))


def _pull_policy(image: str) -> str:
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _default_volume(volume: dict[str, Any]) -> None:
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if volume.get(source) is not None:
            volume[source].setdefault("defaultMode", _MODE_644)
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")
    if len(volume) == 1 and "name" in volume:
        volume["emptyDir"] = {}


def problems(spec: Mapping[str, Any], field: str) -> list[Cause]:
    """Everything that is wrong with a defaulted spec; `field` is its path."""
    volumes = [str(volume.get("name", "")) for volume in spec.get("volumes") or ()]
    found = _volume_problems(spec.get("volumes") or (), f"{field}.volumes")
    if not spec.get("containers"):
        found.append(field_errors.required(f"{field}.containers"))
    taken: set[str] = set()
    for name in _CONTAINER_LISTS:
        for index, container in enumerate(spec.get(name) or ()):
            found += _container_problems(container, volumes, f"{field}.{name}[{index}]")
        found += _repeated(spec.get(name) or (), "name", f"{field}.{name}", taken)
    found += _one_of(spec, "restartPolicy", _RESTART_POLICIES, field)
    if (spec.get("activeDeadlineSeconds") or 1) < 1:
        why = "must be between 1 and 2147483647, inclusive"
        found.append(field_errors.invalid(f"{field}.activeDeadlineSeconds", spec["activeDeadlineSeconds"], why))
    return found


def _volume_problems(volumes: Sequence[Mapping[str, Any]], field: str) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, volume in enumerate(volumes):
        at, name = f"{field}[{index}]", volume.get("name", "")
        if not name:
            found.append(field_errors.required(f"{at}.name"))
        elif name in taken:
            found.append(field_errors.duplicate(f"{at}.name", name))
        else:
            found += [field_errors.invalid(f"{at}.name", name, wrong) for wrong in dns_label(name)]
        taken.add(name)
        found += _source_problems(volume, at)
    return found


def _source_problems(volume: Mapping[str, Any], at: str) -> list[Cause]:
    sources = [name for name in volume if name != "name"]
    if len(sources) > 1:
        return [field_errors.forbidden(f"{at}.{sources[1]}", "may not specify more than 1 volume type")]
    claim = volume.get("persistentVolumeClaim")
    if claim is not None and not claim.get("claimName"):
        return [field_errors.required(f"{at}.persistentVolumeClaim.claimName")]
    secret = volume.get("secret")
    if secret is not None and not secret.get("secretName"):
        return [field_errors.required(f"{at}.secret.secretName")]
    config = volume.get("configMap")
    if config is not None and not config.get("name"):
        return [field_errors.required(f"{at}.configMap.name")]
    return []


def _container_problems(container: Mapping[str, Any], volumes: Sequence[str], at: str) -> list[Cause]:
    found: list[Cause] = []
    name = container.get("name", "")
    if not name:
        found.append(field_errors.required(f"{at}.name"))
    else:
        found += [field_errors.invalid(f"{at}.name", name, wrong) for wrong in dns_label(name)]
    image = container.get("image", "")
    if not image:
        found.append(field_errors.required(f"{at}.image"))
    elif image != image.strip():
        found.append(field_errors.invalid(f"{at}.image", image, "must not have leading or trailing whitespace"))
    found += _one_of(container, "terminationMessagePolicy", _MESSAGE_POLICIES, at)
    found += _port_problems(container.get("ports") or (), f"{at}.ports")
    found += _env_problems(container.get("env") or (), f"{at}.env")
    found += _mount_problems(container.get("volumeMounts") or (), volumes, f"{at}.volumeMounts")
    return found + _one_of(container, "imagePullPolicy", _PULL_POLICIES, at)


def _one_of(owner: Mapping[str, Any], name: str, choices: Sequence[str], at: str) -> list[Cause]:
    value = owner.get(name, "")
    if value in choices:
        return []
    return [field_errors.unsupported(f"{at}.{name}", value, sorted(choices))]


def _port_problems(ports: Sequence[Mapping[str, Any]], at: str) -> list[Cause]:
    found = []
    for index, port in enumerate(ports):
        number = port.get("containerPort", 0)
        if not number:
            found.append(field_errors.required(f"{at}[{index}].containerPort"))
        elif not 0 < number < 65536:
            why = "must be between 1 and 65535, inclusive"
            found.append(field_errors.invalid(f"{at}[{index}].containerPort", number, why))
    return found


_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def _env_problems(variables: Sequence[Mapping[str, Any]], at: str) -> list[Cause]:
    found: list[Cause] = []
    for index, variable in enumerate(variables):
        name = variable.get("name", "")
        if not name:
            found.append(field_errors.required(f"{at}[{index}].name"))
        else:
            found += [field_errors.invalid(f"{at}[{index}].name", name, wrong) for wrong in env_name(name)]
        if variable.get("valueFrom") is not None:
            found += _env_source_problems(variable, f"{at}[{index}].valueFrom")
    return found


def _env_source_problems(variable: Mapping[str, Any], at: str) -> list[Cause]:
    source = variable["valueFrom"]
    given = [name for name in _ENV_SOURCES if source.get(name) is not None]
    if not given:
        why = f"must specify one of: {', '.join(f'`{name}`' for name in _ENV_SOURCES[:-1])} or `{_ENV_SOURCES[-1]}`"
        return [field_errors.invalid(at, "", why)]
    if variable.get("value"):
        return [field_errors.invalid(at, "", "may not be specified when `value` is not empty")]
    if len(given) > 1:
        return [field_errors.invalid(at, "", "may not have more than one field specified at a time")]
    reference = source[given[0]]
    if given[0] in ("configMapKeyRef", "secretKeyRef"):
        return [field_errors.required(f"{at}.{given[0]}.{name}") for name in ("name", "key") if not reference.get(name)]
    return []


def _mount_problems(mounts: Sequence[Mapping[str, Any]], volumes: Sequence[str], at: str) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        name, path = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            found.append(field_errors.required(f"{at}[{index}].name"))
        if name not in volumes:
            found.append(field_errors.not_found(f"{at}[{index}].name", name))
        if not path:
            found.append(field_errors.required(f"{at}[{index}].mountPath"))
        elif path in taken:
            found.append(field_errors.invalid(f"{at}[{index}].mountPath", path, "must be unique"))
        taken.add(path)
    return found


def _repeated(items: Iterable[Mapping[str, Any]], name: str, at: str, taken: set[str]) -> list[Cause]:
    found = []
    for index, item in enumerate(items):
        value = item.get(name, "")
        if value and value in taken:
            found.append(field_errors.duplicate(f"{at}[{index}].{name}", value))
        taken.add(value)
    return found


def service_account_problems(spec: Mapping[str, Any], field: str) -> list[Cause]:
    """What is wrong with the name of the service account."""
    name = spec.get("serviceAccountName", "")
    if not name:
        return []
    return [field_errors.invalid(f"{field}.serviceAccountName", name, wrong) for wrong in dns_subdomain(name)]
