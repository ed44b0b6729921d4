"""The defaults of a Pod's spec, and the fields that this version of Kubernetes does not act on yet.

What only a Pod gets, not a template, is in `default_pod`.
"""

import re
from typing import Any

_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_MODE_644 = 420
_HOUR = 3600
_REFERENCE = re.compile(
    r"([a-zA-Z0-9.-]+(:\d+)?/)?([a-z0-9]+([._-]+[a-z0-9]+)*/)*[a-z0-9]+([._-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@\S+)?"
)
_TAGGED = re.compile(r"[^@]*/?[^/@:]+:([^/@:]+)(@.*)?")


def default(spec: dict[str, Any]) -> None:
    """Fill in the spec of a Pod or of a template."""
    drop_disabled(spec)
    for name in _CONTAINER_LISTS:
        for container in spec.get(name) or ():
            _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    _default_account(spec)
    for name, value in (
        ("restartPolicy", "Always"),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
    ):
        if not spec.get(name):
            spec[name] = value
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("securityContext", {})


def default_pod(spec: dict[str, Any]) -> None:
    """The same for a Pod, which gets a little more than a template."""
    default(spec)
    spec.setdefault("enableServiceLinks", True)
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1
    for name in _CONTAINER_LISTS[:2]:
        for container in spec.get(name) or ():
            _request_the_limits(container["resources"])
            if spec.get("hostNetwork"):
                for port in container.get("ports") or ():
                    port.setdefault("hostPort", port.get("containerPort", 0))


def _request_the_limits(resources: dict[str, Any]) -> None:
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}


def _default_account(spec: dict[str, Any]) -> None:
    """`serviceAccount` is the old name of `serviceAccountName`."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    for name in ("serviceAccountName", "serviceAccount"):
        spec.pop(name, None)
        if account:
            spec[name] = account


def _default_container(container: dict[str, Any]) -> None:
    for port in container.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
    for variable in container.get("env") or ():
        _default_field_reference((variable.get("valueFrom") or {}).get("fieldRef"))
    container.setdefault("resources", {})
    for probe in (container[name] for name in _PROBES if container.get(name) is not None):
        _default_probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        _default_http(hook.get("httpGet") if isinstance(hook, dict) else None)
    for name, value in (("terminationMessagePath", "/dev/termination-log"), ("terminationMessagePolicy", "File")):
        if not container.get(name):
            container[name] = value
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))


def _default_probe(probe: dict[str, Any]) -> None:
    for name, value in _PROBE_DEFAULTS.items():
        if not probe.get(name):
            probe[name] = value
    _default_http(probe.get("httpGet"))
    if probe.get("grpc") is not None:
        probe["grpc"].setdefault("service", "")


def _default_http(action: dict[str, Any] | None) -> None:
    if action is not None:
        action["path"] = action.get("path") or "/"
        action["scheme"] = action.get("scheme") or "HTTP"


def _default_field_reference(reference: dict[str, Any] | None) -> None:
    if reference is not None and not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"


def _pull_policy(image: str) -> str:
    if not _REFERENCE.fullmatch(image):
        # What is no image at all.
        return "IfNotPresent"
    tagged = _TAGGED.fullmatch(image)
    if tagged is not None:
        return "Always" if tagged[1] == "latest" else "IfNotPresent"
    return "IfNotPresent" if "@" in image else "Always"


def _default_volume(volume: dict[str, Any]) -> None:
    if all(value is None for name, value in volume.items() if name != "name"):
        volume["emptyDir"] = {}
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if volume.get(source) is not None:
            volume[source].setdefault("defaultMode", _MODE_644)
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")
    if volume.get("image") is not None and not volume["image"].get("pullPolicy"):
        volume["image"]["pullPolicy"] = _pull_policy(volume["image"].get("reference", ""))
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template is not None:
        template.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    _default_projections(volume)


def _default_projections(volume: dict[str, Any]) -> None:
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_field_reference(item.get("fieldRef"))
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken") is not None:
            source["serviceAccountToken"].setdefault("expirationSeconds", _HOUR)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _default_field_reference(item.get("fieldRef"))


def drop_disabled(spec: dict[str, Any]) -> None:
    """Take out fields that are known, but behind a feature gate that is off by default: the real server does so too."""
    for name in ("schedulingGroup", "evictionResponders"):
        spec.pop(name, None)
    for volume in spec.get("volumes") or ():
        for source in volume.values():
            if isinstance(source, dict):
                _drop_users(source)
        (volume.get("emptyDir") or {}).pop("mode", None)
        for source in (volume.get("projected") or {}).get("sources") or ():
            for projection in source.values():
                _drop_users(projection)
                projection.pop("user", None)
    for name in _CONTAINER_LISTS:
        for container in spec.get(name) or ():
            _drop_disabled_of_container(container)


def _drop_users(source: dict[str, Any]) -> None:
    source.pop("defaultUser", None)
    for item in source.get("items") or ():
        if isinstance(item, dict):
            item.pop("user", None)


def _drop_disabled_of_container(container: dict[str, Any]) -> None:
    for mount in container.get("volumeMounts") or ():
        mount.pop("bindMountOptions", None)
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.pop("stopSignal", None) is not None and not lifecycle:
        del container["lifecycle"]
    for probe in _PROBES:
        handler = container.get(probe) or {}
        (handler.get("httpGet") or {}).pop("protocol", None)
        (handler.get("grpc") or {}).pop("mode", None)
