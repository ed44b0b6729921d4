"""PodVolumes as directories of this machine.

emptyDir, ConfigMaps, Secrets, downward API and projections of them lie below the Pod's own directory and go with it;
claims lie below the cluster's and stay until it ends; a hostPath is used as it is. Other kinds are refused.
Nothing is mounted: see `local.containers.paths` for how a process finds them. ConfigMaps and Secrets are written
once, when the Pod starts.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from zenflow.local.containers.environment import CONFIG_MAPS, SECRETS, Configuration, field_of
from zenflow.local.loop.objects import Pod
from zenflow.local.loop.outgoing import patch_of
from zenflow.local.node.executor import NotReady, Rejected
from zenflow.runtime.cache import Key
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import NotFound

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")

Source = Mapping[str, Any]
Maker = Callable[[Pod, Source, Path], None]


class PodVolumes:
    """Makes and removes the directories of Pods below `root`."""

    def __init__(self, root: Path, client: Client, configuration: Configuration) -> None:
        self._root = root
        self._client = client
        self._configuration = configuration
        self._claims: dict[Key, Path] = {}

    def prepare(self, pod: Pod) -> None:
        """Make all volumes of the Pod. Raises NotReady where something is missing, Rejected where a kind is unknown."""
        for volume in pod.spec.volumes:
            self._make(pod, volume)

    def path(self, pod: Pod, name: str) -> Path:
        """Where a prepared volume lies. Raises KeyError for a name that is not in `spec.volumes`."""
        volume = next((v for v in pod.spec.volumes if v["name"] == name), None)
        if volume is None:
            raise KeyError(name)
        if volume.get("hostPath"):
            return Path(volume["hostPath"]["path"])
        if volume.get("persistentVolumeClaim"):
            return self._claims[Key(pod.metadata.namespace, volume["persistentVolumeClaim"]["claimName"])]
        return self.home(pod) / "volumes" / name

    def home(self, pod: Pod) -> Path:
        """The directory that is removed with the Pod."""
        return self._root / "pods" / pod.metadata.uid

    def discard(self, pod: Pod) -> None:
        """Remove what lies below the Pod's own directory."""
        shutil.rmtree(self.home(pod), ignore_errors=True)

    def _make(self, pod: Pod, volume: Source) -> None:
        kind = _kind(volume)
        source = volume.get(kind) or {}
        if kind == "persistentVolumeClaim":
            self._bind_claim(pod, source)
            return
        makers: Mapping[str, Maker] = {
            "emptyDir": _make_empty,
            "configMap": self._write_config_map,
            "secret": self._write_secret,
            "downwardAPI": _write_fields,
            "projected": self._write_projection,
            "hostPath": _make_host_path,
        }
        if kind not in makers:
            offer = ", ".join((*makers, "persistentVolumeClaim"))
            raise Rejected(
                "UnsupportedVolume", f'volume "{volume["name"]}" is of kind {kind}; the local executor has only {offer}'
            )
        makers[kind](pod, source, self.path(pod, volume["name"]))

    def _write_config_map(self, pod: Pod, source: Source, folder: Path) -> None:
        self._write_keys(CONFIG_MAPS, source.get("name", ""), source, pod, folder)

    def _write_secret(self, pod: Pod, source: Source, folder: Path) -> None:
        self._write_keys(SECRETS, source.get("secretName") or source.get("name", ""), source, pod, folder)

    def _write_keys(self, resource: Resource, name: str, source: Source, pod: Pod, folder: Path) -> None:
        data = self._configuration.data(resource, pod.metadata.namespace, name)
        folder.mkdir(parents=True, exist_ok=True)
        if data is None:
            if source.get("optional"):
                return
            raise NotReady("ContainerCreating", f'{resource.kind.lower()} "{name}" not found')
        mode = source.get("defaultMode") or 0o644
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            if item["key"] in data:
                _write(folder, item["path"], data[item["key"]], item.get("mode") or mode)
            elif not source.get("optional"):
                raise NotReady("ContainerCreating", f"{resource.kind} {name} has no key {item['key']!r}")

    def _write_projection(self, pod: Pod, source: Source, folder: Path) -> None:
        makers: Mapping[str, Maker] = {
            "configMap": self._write_config_map,
            "secret": self._write_secret,
            "downwardAPI": _write_fields,
        }
        folder.mkdir(parents=True, exist_ok=True)
        for part in source.get("sources") or ():
            kind = next(iter(part), "")
            if kind not in makers:
                raise Rejected("UnsupportedVolume", f"a projected volume of {kind} cannot be had here")
            makers[kind](pod, {"defaultMode": source.get("defaultMode"), **part[kind]}, folder)

    def _bind_claim(self, pod: Pod, source: Source) -> None:
        name, namespace = source["claimName"], pod.metadata.namespace
        try:
            claim = msgspec.json.decode(self._client.get(CLAIMS, name, namespace))
        except NotFound:
            raise NotReady("ContainerCreating", f'persistentvolumeclaim "{name}" not found') from None
        # By uid: a claim that was deleted and made again is empty.
        folder = self._root / "claims" / claim["metadata"]["uid"]
        folder.mkdir(parents=True, exist_ok=True)
        self._claims[Key(namespace, name)] = folder
        if (claim.get("status") or {}).get("phase") != "Bound":
            # There is no provisioner besides this one; whoever looks at the claim must see that it is served.
            spec = claim.get("spec") or {}
            capacity = (spec.get("resources") or {}).get("requests")
            status = {"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": capacity}
            self._client.patch(CLAIMS, name, patch_of({"status": status}), namespace, subresource="status")


def _kind(volume: Source) -> str:
    """Which source the volume has; a volume with a name only is an emptyDir."""
    return next((key for key in volume if key != "name"), "emptyDir")


def _make_empty(pod: Pod, source: Source, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # As the kubelet does: containers of several users share it.
    folder.chmod(0o777)


def _make_host_path(pod: Pod, source: Source, folder: Path) -> None:
    kind = source.get("type") or ""
    if kind == "DirectoryOrCreate":
        folder.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        folder.touch(exist_ok=True)
    elif kind and not folder.exists():
        raise NotReady("ContainerCreating", f"hostPath type check failed: {folder} is not there")


def _write_fields(pod: Pod, source: Source, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for item in source.get("items") or ():
        if "fieldRef" not in item:
            raise Rejected("UnsupportedVolume", "a downwardAPI volume can only have fieldRef items here")
        value = field_of(pod, item["fieldRef"]["fieldPath"])
        _write(folder, item["path"], value.encode(), item.get("mode") or source.get("defaultMode") or 0o644)


def _write(folder: Path, path: str, content: bytes, mode: int) -> None:
    """Write one file of a volume; a path that would leave the volume is refused, as the API server does."""
    target = folder / path
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Rejected("UnsupportedVolume", f"the path {path!r} leads out of its volume")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(content)
    target.chmod(mode)
