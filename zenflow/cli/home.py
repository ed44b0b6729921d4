"""A local cluster that knows JobFlows: what `run` and `local` have in common."""

import subprocess
from pathlib import Path

import msgspec

from zenflow.api import crd
from zenflow.cli.admission import admit_jobflow
from zenflow.cli.plan import Item, Refused
from zenflow.cli.text import clean
from zenflow.local.cluster import ENGINES, LocalCluster, on_this_machine
from zenflow.runtime.cache import ObjectMeta
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.errors import AlreadyExists, ApiError

_CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


class _Created(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


_decode = msgspec.json.Decoder(_Created).decode


def build(executor: str, workdir: Path | None) -> LocalCluster:
    """The cluster with the CRD applied; nothing is driven yet. Raises Refused."""
    if executor in ENGINES:
        _check_engine(executor)
    try:
        cluster = on_this_machine(executor, admission=(admit_jobflow,), workdir=workdir)
    except (ValueError, OSError) as error:
        raise Refused([str(error)]) from None
    Client(cluster.transport).create(_CRDS, msgspec.json.encode(crd.build()))
    return cluster


def _check_engine(engine: str) -> None:
    """An engine that does not answer would fail every step, one attempt after another."""
    try:
        answer = subprocess.run((engine, "version"), capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        raise Refused(
            [f"--executor {engine}: {engine} is not installed here; install it or leave the option out"]
        ) from None
    except subprocess.TimeoutExpired:
        raise Refused([f"--executor {engine}: {engine} does not answer; start it or leave the option out"]) from None
    if answer.returncode:
        why = " ".join(clean(answer.stderr).split())
        raise Refused([f"--executor {engine}: {why}"])


def create(cluster: LocalCluster, client: Client, item: Item) -> ObjectMeta:
    """Create one object, and its namespace where it isn't there. Raises Refused with the API server's sentence."""
    kind, api_version = item.obj.get("kind"), item.obj.get("apiVersion")
    with cluster.api.store.lock:
        types = cluster.api.registry.types()
    known = next((type_ for type_ in types if (type_.api_version, type_.kind) == (api_version, kind)), None)
    if known is None:
        raise Refused([f"{item.place}: the local cluster has no kind {kind} in apiVersion {api_version}; remove it"])
    resource = Resource(known.group, known.version, known.plural, known.kind, namespaced=known.namespaced)
    namespace = item.namespace if known.namespaced else ""
    try:
        if namespace:
            _ensure(client, namespace)
        return _decode(client.create(resource, msgspec.json.encode(item.obj), namespace)).metadata
    except ApiError as error:
        raise Refused([f"{item.place}: {error.message}"]) from None


def _ensure(client: Client, namespace: str) -> None:
    try:
        client.create(_NAMESPACES, msgspec.json.encode({"metadata": {"name": namespace}}))
    except AlreadyExists:
        return
