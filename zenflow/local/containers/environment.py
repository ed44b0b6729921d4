"""The environment and command line of a container, resolved as the kubelet resolves them.

Reads ConfigMaps and Secrets through the API server when a container is started; keeps nothing.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from zenflow.local.loop.objects import Container, EnvFrom, EnvSource, KeySelector, Pod
from zenflow.local.node.executor import NotReady
from zenflow.local.node.pod_status import LOCAL_ADDRESS
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import NotFound

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")


class Configuration(Protocol):
    """Where ConfigMaps and Secrets come from."""

    def data(self, resource: Resource, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """All keys of one object, decoded; None if there is no such object."""
        ...


class ApiConfiguration:
    """ConfigMaps and Secrets as the API server holds them now."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def data(self, resource: Resource, namespace: str, name: str) -> Mapping[str, bytes] | None:
        try:
            found: dict[str, Any] = msgspec.json.decode(self._client.get(resource, name, namespace))
        except NotFound:
            return None
        data = found.get("data") or {}
        if resource == SECRETS:
            return {key: b64decode(value) for key, value in data.items()}
        binary = {key: b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        return {key: value.encode() for key, value in data.items()} | binary


def resolve(pod: Pod, container: Container, configuration: Configuration) -> dict[str, str]:
    """The container's variables: envFrom first, then env in order, each of which may use `$(NAME)` of those before it.

    Raises NotReady with reason CreateContainerConfigError where something required is missing.
    """
    environment: dict[str, str] = {}
    for source in container.env_from:
        environment.update(_all_of(source, pod, configuration))
    for variable in container.env:
        if variable.value_from is None:
            environment[variable.name] = expand(variable.value, environment)
            continue
        value = _value_from(variable.value_from, pod, configuration)
        if value is not None:
            environment[variable.name] = value
    return environment


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace `$(NAME)` where NAME is known; `$$` stands for `$`, so `$$(NAME)` stays `$(NAME)`."""

    def replacement(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return environment.get(match.group(1), match.group())

    return _REFERENCE.sub(replacement, text)


def expand_all(texts: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """`expand` for a command or its args."""
    return tuple(expand(text, environment) for text in texts)


def field_of(pod: Pod, path: str) -> str:
    """A field of the Pod by its fieldPath. Raises NotReady for one that is not offered."""
    subscript = _SUBSCRIPT.match(path)
    if subscript:
        values = pod.metadata.labels if subscript.group(1) == "labels" else pod.metadata.annotations
        return values.get(subscript.group(2), "")
    fields = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "metadata.labels": _as_lines(pod.metadata.labels),
        "metadata.annotations": _as_lines(pod.metadata.annotations),
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name or "default",
        "status.hostIP": LOCAL_ADDRESS,
        "status.hostIPs": LOCAL_ADDRESS,
        "status.podIP": LOCAL_ADDRESS,
        "status.podIPs": LOCAL_ADDRESS,
    }
    if path not in fields:
        raise _config_error(f"fieldPath {path!r} is not supported by the local executor")
    return fields[path]


def _as_lines(values: Mapping[str, str]) -> str:
    return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))


def _all_of(source: EnvFrom, pod: Pod, configuration: Configuration) -> dict[str, str]:
    pairs = ((CONFIG_MAPS, source.config_map_ref), (SECRETS, source.secret_ref))
    resource, reference = next((r, ref) for r, ref in pairs if ref is not None)
    data = configuration.data(resource, pod.metadata.namespace, reference.name)
    if data is None and not reference.optional:
        raise _config_error(f'{_singular(resource)} "{reference.name}" not found')
    return {f"{source.prefix}{key}": _text(value) for key, value in sorted((data or {}).items())}


def _value_from(source: EnvSource, pod: Pod, configuration: Configuration) -> str | None:
    """The value, or None where an optional source is missing."""
    if source.field_ref is not None:
        return field_of(pod, source.field_ref.field_path)
    if source.config_map_key_ref is not None:
        return _key(CONFIG_MAPS, source.config_map_key_ref, pod, configuration)
    if source.secret_key_ref is not None:
        return _key(SECRETS, source.secret_key_ref, pod, configuration)
    raise _config_error("resourceFieldRef is not supported by the local executor: containers have no resource limits")


def _key(resource: Resource, selector: KeySelector, pod: Pod, configuration: Configuration) -> str | None:
    namespace = pod.metadata.namespace
    data = configuration.data(resource, namespace, selector.name)
    if data is not None and selector.key in data:
        return _text(data[selector.key])
    if selector.optional:
        return None
    if data is None:
        raise _config_error(f'{_singular(resource)} "{selector.name}" not found')
    raise _config_error(f"couldn't find key {selector.key} in {resource.kind} {namespace}/{selector.name}")


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _singular(resource: Resource) -> str:
    return resource.kind.lower()


def _config_error(message: str) -> NotReady:
    return NotReady("CreateContainerConfigError", message)
