"""The resources that are served without any CustomResourceDefinition, and the rules of each."""

from zenflow.local.apiserver.kinds.definitions import Definitions
from zenflow.local.apiserver.kinds.events import Events, NewEvents
from zenflow.local.apiserver.kinds.jobs import Jobs
from zenflow.local.apiserver.kinds.pods import Pods
from zenflow.local.apiserver.kinds.small import (
    Claims,
    ConfigMaps,
    Leases,
    Namespaces,
    Nodes,
    PersistentVolumes,
    Secrets,
    Services,
)
from zenflow.local.apiserver.kinds.strategy import Strategy
from zenflow.local.apiserver.registry import ResourceType

NAMESPACES = ResourceType(
    "", "v1", "namespaces", "Namespace", "namespace", namespaced=False, short_names=("ns",),
    subresources=("status",), verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
)  # fmt: skip
NODES = ResourceType("", "v1", "nodes", "Node", "node", namespaced=False, short_names=("no",), subresources=("status",))
PODS = ResourceType(
    "", "v1", "pods", "Pod", "pod", short_names=("po",), categories=("all",), subresources=("status", "log")
)
CONFIG_MAPS = ResourceType("", "v1", "configmaps", "ConfigMap", "configmap", short_names=("cm",))
SECRETS = ResourceType("", "v1", "secrets", "Secret", "secret")
CLAIMS = ResourceType(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "persistentvolumeclaim",
    short_names=("pvc",), subresources=("status",),
)  # fmt: skip
VOLUMES = ResourceType(
    "", "v1", "persistentvolumes", "PersistentVolume", "persistentvolume",
    namespaced=False, short_names=("pv",), subresources=("status",),
)  # fmt: skip
SERVICES = ResourceType(
    "", "v1", "services", "Service", "service", short_names=("svc",), categories=("all",), subresources=("status",)
)
SERVICE_ACCOUNTS = ResourceType("", "v1", "serviceaccounts", "ServiceAccount", "serviceaccount", short_names=("sa",))
EVENTS = ResourceType("", "v1", "events", "Event", "event", short_names=("ev",))
EVENTS_V1 = ResourceType(
    "events.k8s.io", "v1", "events", "Event", "event", short_names=("ev",), storage=EVENTS.storage_name
)
JOBS = ResourceType("batch", "v1", "jobs", "Job", "job", categories=("all",), subresources=("status",))
LEASES = ResourceType("coordination.k8s.io", "v1", "leases", "Lease", "lease")
DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "customresourcedefinition",
    namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",), subresources=("status",),
)  # fmt: skip
ACCESS_REVIEWS = ResourceType(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "selfsubjectaccessreview",
    namespaced=False, verbs=("create",),
)  # fmt: skip

STRATEGIES: dict[ResourceType, Strategy] = {
    NAMESPACES: Namespaces(),
    NODES: Nodes(),
    PODS: Pods(),
    CONFIG_MAPS: ConfigMaps(),
    SECRETS: Secrets(),
    CLAIMS: Claims(),
    VOLUMES: PersistentVolumes(),
    SERVICES: Services(),
    SERVICE_ACCOUNTS: Strategy(),
    EVENTS: Events(),
    EVENTS_V1: NewEvents(),
    JOBS: Jobs(),
    LEASES: Leases(),
    DEFINITIONS: Definitions(),
    ACCESS_REVIEWS: Strategy(),
}
"""All built-in resources, in the order discovery lists them."""
