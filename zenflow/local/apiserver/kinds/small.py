"""The small kinds: namespaces, configuration, claims, services, leases, events."""

import base64

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import NameRule, config_key, namespace_name
from zenflow.local.apiserver.kinds import claim_spec, secret_data
from zenflow.local.apiserver.kinds.checks import non_negative
from zenflow.local.apiserver.kinds.strategy import Frozen, Object, Strategy, restore
from zenflow.runtime.errors import Cause

_MAX_CONFIG = 2**20


class Namespaces(Strategy):
    """core/v1 Namespace."""

    name_rule: NameRule = staticmethod(namespace_name)
    selectable = ("status.phase",)

    def default(self, new: Object) -> None:
        labels = new["metadata"].get("labels") or {}
        if name := new["metadata"].get("name"):
            new["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}

    def prepare_for_create(self, new: Object) -> None:
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        super().prepare_for_update(new, old)
        restore(new, old, "spec")


def _config_problems(data: Frozen, field: str) -> list[Cause]:
    return [field_errors.invalid(f"{field}[{key}]", key, wrong) for key in sorted(data) for wrong in config_key(key)]


def _size(data: Frozen, binary: Frozen) -> int:
    """Bytes of all values; binary ones are given in base64."""
    return sum(len(value.encode()) for value in data.values()) + sum(
        len(base64.b64decode(value)) for value in binary.values()
    )


class ConfigMaps(Strategy):
    """core/v1 ConfigMap."""

    def prepare_for_create(self, new: Object) -> None:
        """A ConfigMap has no status."""

    def problems(self, new: Frozen) -> list[Cause]:
        data, binary = new.get("data") or {}, new.get("binaryData") or {}
        found = _config_problems(data, "data") + _config_problems(binary, "binaryData")
        found += [
            field_errors.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
            for key in data
            if key in binary
        ]
        if _size(data, binary) > _MAX_CONFIG:
            found.append(field_errors.too_long("", _MAX_CONFIG))
        return found

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        return _immutable_problems(new, old, ("data", "binaryData")) + self.problems(new)


def _immutable_problems(new: Frozen, old: Frozen, names: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    why = "field is immutable when `immutable` is set"
    found = [] if new.get("immutable") else [field_errors.forbidden("immutable", why)]
    return found + [field_errors.forbidden(name, why) for name in names if new.get(name) != old.get(name)]


class Secrets(Strategy):
    """core/v1 Secret. `stringData` is written into `data` and never shown."""

    selectable = ("type",)

    def default(self, new: Object) -> None:
        strings = new.pop("stringData", None) or {}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in strings.items()}
        if encoded:
            new["data"] = {**(new.get("data") or {}), **encoded}
        new.setdefault("type", "Opaque")

    def problems(self, new: Frozen) -> list[Cause]:
        return secret_data.problems(new)

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        found = _immutable_problems(new, old, ("data",))
        if new.get("type") != old.get("type"):
            found.append(field_errors.invalid("type", new.get("type"), "field is immutable"))
        return found + self.problems(new)


class Claims(Strategy):
    """core/v1 PersistentVolumeClaim. The finalizer that protects a claim in use is not set: nothing here lifts it."""

    def default(self, new: Object) -> None:
        new.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = {"phase": "Pending"}
        claim_spec.settle_sources(new["spec"])

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        super().prepare_for_update(new, old)
        claim_spec.settle_sources(new["spec"])

    def problems(self, new: Frozen) -> list[Cause]:
        return claim_spec.problems(new["spec"], "spec")

    def update_problems(self, new: Frozen, old: Frozen) -> list[Cause]:
        """Once bound, a claim may ask for more; before that nothing of it changes."""
        found = self.problems(new)
        if _fixed_claim(new["spec"]) != _fixed_claim(old["spec"]):
            found.append(field_errors.forbidden("spec", _FIXED_CLAIM))
        return found


_FIXED_CLAIM = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def _fixed_claim(spec: Frozen) -> Frozen:
    return {name: value for name, value in spec.items() if name not in ("resources", "volumeName")}


class PersistentVolumes(Strategy):
    """core/v1 PersistentVolume."""

    def default(self, new: Object) -> None:
        spec = new.setdefault("spec", {})
        spec.setdefault("volumeMode", "Filesystem")
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = {"phase": "Pending"}


class Services(Strategy):
    """core/v1 Service, as an object only: no address is given out and nothing is routed."""

    create_on_update = True

    def default(self, new: Object) -> None:
        spec = new.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        for port in spec.get("ports") or ():
            port.setdefault("protocol", "TCP")
            if "port" in port:
                port.setdefault("targetPort", port["port"])

    def prepare_for_create(self, new: Object) -> None:
        new["status"] = {"loadBalancer": {}}


class Nodes(Strategy):
    """core/v1 Node."""

    selectable = ("spec.unschedulable",)

    def prepare_for_create(self, new: Object) -> None:
        """Whoever makes a Node says how it is."""


class Leases(Strategy):
    """coordination.k8s.io/v1 Lease."""

    unconditional_update = False
    create_on_update = True
    standard_finalizers = False

    def prepare_for_create(self, new: Object) -> None:
        """Strategies of Leases are behind a feature gate that is off by default."""
        for name in ("strategy", "preferredHolder"):
            (new.get("spec") or {}).pop(name, None)

    def prepare_for_update(self, new: Object, old: Frozen) -> None:
        self.prepare_for_create(new)

    def problems(self, new: Frozen) -> list[Cause]:
        spec = new.get("spec") or {}
        duration = spec.get("leaseDurationSeconds")
        found = []
        if duration is not None and duration <= 0:
            found.append(field_errors.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
        return found + non_negative(spec, ("leaseTransitions",), "spec")
