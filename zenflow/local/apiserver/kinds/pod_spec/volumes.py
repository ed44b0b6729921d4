"""What is wrong with the volumes of a Pod."""

import re
from collections.abc import Callable, Mapping, Sequence

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.name_formats import dns_label, dns_subdomain
from zenflow.local.apiserver.kinds import claim_spec
from zenflow.local.apiserver.kinds.checks import (
    Fields,
    descending_path,
    file_mode,
    given_one_of,
    named,
    no_backsteps,
    one_of,
    required,
    required_name,
    volume_path,
)
from zenflow.local.apiserver.kinds.metadata import annotation_problems, label_problems
from zenflow.local.apiserver.kinds.pod_spec import projections
from zenflow.local.apiserver.schemas.quantities import value_of
from zenflow.runtime.errors import Cause

_HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_IQN = re.compile(r"iqn\.\d{4}-\d{2}\.([0-9A-Za-z.-]+)(:[^,;*&$|\s]+)$|^eui.[0-9A-Za-z]{16}$|^naa.[0-9A-Za-z]{32}$")


def problems(volumes: Sequence[Fields], at: str) -> tuple[dict[str, Fields], list[Cause]]:
    """The sound volumes by name, which is what mounts can refer to, and what is wrong with the others."""
    sound: dict[str, Fields] = {}
    found: list[Cause] = []
    for index, volume in enumerate(volumes):
        name = volume.get("name", "")
        wrong = _source(volume, f"{at}[{index}]") + required_name(volume, "name", dns_label, f"{at}[{index}]")
        if name in sound:
            wrong.append(field_errors.duplicate(f"{at}[{index}].name", name))
        if not wrong:
            sound[name] = volume
        found += wrong
    return sound, found


def _source(volume: Fields, at: str) -> list[Cause]:
    given = [kind for kind in _SOURCES if volume.get(kind) is not None]
    if not given:
        return [field_errors.required(at, "must specify a volume type")]
    first, *others = given
    place = f"{at}.persistentDisk" if first == "gcePersistentDisk" else f"{at}.{first}"
    why = "may not specify more than 1 volume type"
    return _SOURCES[first](volume[first], place) + [
        field_errors.forbidden(f"{at}.{_MISSPELT.get(kind, kind)}", why) for kind in others
    ]


# As kube-apiserver itself writes them here.
_MISSPELT = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}


def _empty(source: Fields, at: str) -> list[Cause]:
    limit = source.get("sizeLimit")
    if limit is None or value_of(limit) >= 0:
        return []
    return [field_errors.forbidden(f"{at}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def _host_path(source: Fields, at: str) -> list[Cause]:
    if not source.get("path"):
        return [field_errors.required(f"{at}.path")]
    return no_backsteps(source["path"], f"{at}.path") + given_one_of(source, "type", _HOST_PATHS, at)


def _git(source: Fields, at: str) -> list[Cause]:
    return required(source, ("repository",), at) + descending_path(source.get("directory", ""), f"{at}.directory")


def _keys(name: str) -> Callable[[Fields, str], list[Cause]]:
    """A Secret or ConfigMap, which says its name in a field of this name."""

    def check(source: Fields, at: str) -> list[Cause]:
        found = required(source, (name,), at) + file_mode(source, "defaultMode", at)
        for index, item in enumerate(source.get("items") or ()):
            found += key_to_path(item, f"{at}.items[{index}]")
        return found

    return check


def key_to_path(item: Fields, at: str) -> list[Cause]:
    """A key of a Secret or ConfigMap and the file it becomes."""
    found = required(item, ("key", "path"), at) + volume_path(item.get("path", ""), f"{at}.path")
    return found + file_mode(item, "mode", at)


def _downward(source: Fields, at: str) -> list[Cause]:
    found = file_mode(source, "defaultMode", at)
    for item in source.get("items") or ():
        # The real server gives no index here.
        found += projections.downward_file(item, at)
    return found


def _projected(source: Fields, at: str) -> list[Cause]:
    return file_mode(source, "defaultMode", at) + projections.problems(source, at, key_to_path)


def _nfs(source: Fields, at: str) -> list[Cause]:
    found = required(source, ("server", "path"), at)
    path = source.get("path", "")
    return (
        found
        if path.startswith("/")
        else [*found, field_errors.invalid(f"{at}.path", path, "must be an absolute path")]
    )


def _iscsi(source: Fields, at: str) -> list[Cause]:
    found = required(source, ("targetPortal",), at)
    name, lun = source.get("iqn", ""), source.get("lun", 0)
    if not name:
        found.append(field_errors.required(f"{at}.iqn"))
    elif not name.startswith(("iqn", "eui", "naa")):
        why = "must be valid format starting with iqn, eui, or naa"
        found.append(field_errors.invalid(f"{at}.iqn", name, why))
    elif not _IQN.search(name):
        found.append(field_errors.invalid(f"{at}.iqn", name, "must be valid format"))
    if not 0 <= lun <= 255:
        found.append(field_errors.invalid(f"{at}.lun", lun, "must be between 0 and 255, inclusive"))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        found.append(field_errors.required(f"{at}.secretRef"))
    return found


def _csi(source: Fields, at: str) -> list[Cause]:
    found = required_name(source, "driver", lambda name: dns_subdomain(name.lower()), at)
    if len(source.get("driver", "")) > 63:
        found.insert(0, field_errors.too_long(f"{at}.driver", 63))
    secret = source.get("nodePublishSecretRef")
    if secret is None:
        return found
    if not secret.get("name"):
        return [*found, field_errors.required(f"{at}.nodePublishSecretRef.name")]
    return found + named(secret["name"], dns_subdomain, f"{at}.name")


def _ephemeral(source: Fields, at: str) -> list[Cause]:
    template, place = source.get("volumeClaimTemplate"), f"{at}.volumeClaimTemplate"
    if template is None:
        return [field_errors.required(place)]
    metadata = template.get("metadata") or {}
    found = annotation_problems(metadata.get("annotations") or {}, f"{place}.metadata.annotations")
    found += label_problems(metadata.get("labels") or {}, f"{place}.metadata.labels")
    for name in metadata:
        if name not in ("annotations", "labels"):
            found.append(field_errors.forbidden(f"{place}.metadata.{name}", "cannot be set"))
    return found + claim_spec.problems(template.get("spec") or {}, f"{place}.spec")


def _image(source: Fields, at: str) -> list[Cause]:
    return required(source, ("reference",), at) + one_of(source, "pullPolicy", _PULL_POLICIES, at)


def _only(*names: str) -> Callable[[Fields, str], list[Cause]]:
    """A source of which nothing is checked but that these fields are there."""
    return lambda source, at: required(source, names, at)


def _disk(name: str) -> Callable[[Fields, str], list[Cause]]:
    """A disk of a cloud, whole or one partition of it."""

    def check(source: Fields, at: str) -> list[Cause]:
        partition = source.get("partition", 0)
        found = required(source, (name,), at)
        if 0 <= partition <= 255:
            return found
        return [*found, field_errors.invalid(f"{at}.partition", partition, "must be between 1 and 255, inclusive")]

    return check


_SOURCES: Mapping[str, Callable[[Fields, str], list[Cause]]] = {
    "emptyDir": _empty,
    "hostPath": _host_path,
    "gitRepo": _git,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "secret": _keys("secretName"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _only("endpoints", "path"),
    "flocker": _only(),
    "persistentVolumeClaim": _only("claimName"),
    "rbd": _only("monitors", "image"),
    "cinder": _only("volumeID"),
    "cephfs": _only("monitors"),
    "quobyte": _only("registry", "volume"),
    "downwardAPI": _downward,
    "fc": _only(),
    "flexVolume": _only("driver"),
    "configMap": _keys("name"),
    "azureFile": _only("secretName", "shareName"),
    "vsphereVolume": _only("volumePath"),
    "photonPersistentDisk": _only("pdID"),
    "portworxVolume": _only("volumeID"),
    "azureDisk": _only("diskName", "diskURI"),
    "storageos": _only("volumeName"),
    "projected": _projected,
    "scaleIO": _only("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
"""In the order in which kube-apiserver looks at them: the first one counts."""
