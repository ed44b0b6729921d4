"""Which columns `kubectl get` shows of each built-in resource, and what stands in them.

The headings and cells are those of kube-apiserver (pkg/printers/internalversion), for the resources served here.
Used by `tables`; reads nothing but the object and the time it is given.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from zenflow.local.http.printing import ages, pods
from zenflow.local.http.printing.columns import AGE, NAME, Cell, Column, Object, path

NONE = "<none>"
UNSET = "<unset>"


def _count(*fields: str) -> Cell:
    return lambda item, now: sum(len(item.get(field) or ()) for field in fields)


def _containers(key: str) -> Cell:
    template = path("spec", "template", "spec", "containers", default=())
    return lambda item, now: ",".join(container.get(key, "") for container in template(item, now))


def _phase(item: Object, now: datetime) -> str:
    going = item["metadata"].get("deletionTimestamp")
    return "Terminating" if going else str(path("status", "phase")(item, now))


def _selector(item: Object, now: datetime) -> str:
    """A LabelSelector as one types it."""
    selector: Object = path("spec", "selector", default={})(item, now)
    equal = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join([*equal, *map(_requirement, selector.get("matchExpressions") or ())]) or NONE


def _requirement(expression: Object) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or ())
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "DoesNotExist": f"!{key}"}
    return forms.get(expression["operator"]) or str(key)


def _job_status(item: Object, now: datetime) -> str:
    conditions = (item.get("status") or {}).get("conditions") or ()
    true = {condition["type"] for condition in conditions if condition["status"] == "True"}
    if ended := true & {"Complete", "Failed"}:
        return "Complete" if "Complete" in ended else "Failed"
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    order = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((type_ for type_ in order if type_ in true), "Running")


def _job_completions(item: Object, now: datetime) -> str:
    spec, succeeded = item["spec"], path("status", "succeeded", default=0)(item, now)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallelism = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(item: Object, now: datetime) -> str:
    status = item.get("status") or {}
    start, end = ages.parse(status.get("startTime")), ages.parse(status.get("completionTime"))
    return ages.short(((end or now) - start).total_seconds()) if start else ""


def _first(*cells: Cell) -> Cell:
    """The first of these cells that says something (core and events.k8s.io name the same thing differently)."""
    return lambda item, now: next((value for cell in cells if (value := cell(item, now)) not in ("", None)), "")


def _event_age(*places: Sequence[str]) -> Cell:
    timestamp = _first(*(path(*keys) for keys in places))
    return lambda item, now: ages.since(timestamp(item, now), now)


def _event_target(item: Object, now: datetime) -> str:
    reference = item.get("involvedObject") or item.get("regarding") or {}
    kind = reference.get("kind", "").lower()
    return f"{kind}/{reference['name']}" if reference.get("name") else kind


def _event_source(item: Object, now: datetime) -> str:
    source = item.get("source") or item.get("deprecatedSource") or {}
    component = source.get("component") or item.get("reportingComponent") or item.get("reportingController") or ""
    instance = source.get("host") or item.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _event_message(item: Object, now: datetime) -> str:
    return str(item.get("message") or item.get("note") or "").strip()


_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _access_modes(where: str) -> Cell:
    modes = path(where, "accessModes", default=())
    return lambda item, now: ",".join(short for mode, short in _ACCESS_MODES.items() if mode in modes(item, now))


def _claim_only_if_bound(cell: Cell) -> Cell:
    return lambda item, now: cell(item, now) if item["spec"].get("volumeName") else ""


def _claim_of_volume(item: Object, now: datetime) -> str:
    reference = item["spec"].get("claimRef")
    return f"{reference.get('namespace', '')}/{reference['name']}" if reference else ""


def _node_status(item: Object, now: datetime) -> str:
    conditions = (item.get("status") or {}).get("conditions") or ()
    ready = next((condition["status"] for condition in conditions if condition["type"] == "Ready"), None)
    word = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if item["spec"].get("unschedulable") else word


def _node_roles(item: Object, now: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = item["metadata"].get("labels") or {}
    return ",".join(sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))) or NONE


def _node_address(type_: str) -> Cell:
    addresses = path("status", "addresses", default=())
    return lambda item, now: next((a["address"] for a in addresses(item, now) if a["type"] == type_), NONE)


def _node_kernel(item: Object, now: datetime) -> str:
    info = (item.get("status") or {}).get("nodeInfo") or {}
    version = info.get("kernelVersion") or "<unknown>"
    return f"{version} ({info['architecture']})" if info.get("architecture") else version


def _service_ports(item: Object, now: datetime) -> str:
    ports = item["spec"].get("ports") or ()
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or NONE


def _service_selector(item: Object, now: datetime) -> str:
    selector = item["spec"].get("selector") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or NONE


def _crd_versions(item: Object, now: datetime) -> str:
    versions = item["spec"]["versions"]
    return ",".join(f"{v['name']}(storage)" if v["storage"] else v["name"] for v in versions if v["served"])


def _crd_short_names(item: Object, now: datetime) -> str:
    return ",".join(item["spec"]["names"].get("shortNames") or ())


def _crd_established(item: Object, now: datetime) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


_EVENT_FIRST = (["firstTimestamp"], ["deprecatedFirstTimestamp"], ["eventTime"])
_EVENT_LAST = (["series", "lastObservedTime"], ["lastTimestamp"], ["deprecatedLastTimestamp"], *_EVENT_FIRST)
_EVENT_COLUMNS = (
    Column("Last Seen", _event_age(*_EVENT_LAST)),
    Column("Type", path("type")),
    Column("Reason", path("reason")),
    Column("Object", _event_target),
    Column("Subobject", _first(path("involvedObject", "fieldPath"), path("regarding", "fieldPath")), priority=1),
    Column("Source", _event_source, priority=1),
    Column("Message", _event_message),
    Column("First Seen", _event_age(*_EVENT_FIRST), priority=1),
    Column(
        "Count",
        _first(path("series", "count"), path("count"), path("deprecatedCount"), lambda item, now: 1),
        priority=1,
    ),
    Column("Name", path("metadata", "name"), format="name", priority=1),
)

COLUMNS: Mapping[tuple[str, str], tuple[Column, ...]] = {
    ("", "pods"): (
        NAME,
        Column("Ready", lambda item, now: pods.ready(item)),
        Column("Status", lambda item, now: pods.status(item)),
        Column("Restarts", pods.restarts),
        AGE,
        Column("IP", path("status", "podIP", default=NONE), priority=1),
        Column("Node", path("spec", "nodeName", default=NONE), priority=1),
        Column("Nominated Node", path("status", "nominatedNodeName", default=NONE), priority=1),
        Column("Readiness Gates", lambda item, now: NONE, priority=1),
    ),
    ("batch", "jobs"): (
        NAME,
        Column("Status", _job_status),
        Column("Completions", _job_completions),
        Column("Duration", _job_duration),
        AGE,
        Column("Containers", _containers("name"), priority=1),
        Column("Images", _containers("image"), priority=1),
        Column("Selector", _selector, priority=1),
    ),
    ("", "events"): _EVENT_COLUMNS,
    ("events.k8s.io", "events"): _EVENT_COLUMNS,
    ("", "configmaps"): (NAME, Column("Data", _count("data", "binaryData")), AGE),
    ("", "secrets"): (NAME, Column("Type", path("type")), Column("Data", _count("data")), AGE),
    ("", "namespaces"): (NAME, Column("Status", path("status", "phase")), AGE),
    ("", "serviceaccounts"): (NAME, AGE),
    ("", "services"): (
        NAME,
        Column("Type", path("spec", "type")),
        Column("Cluster-IP", path("spec", "clusterIP", default=NONE)),
        Column("External-IP", lambda item, now: ",".join(item["spec"].get("externalIPs") or ()) or NONE),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", _service_selector, priority=1),
    ),
    ("", "persistentvolumeclaims"): (
        NAME,
        Column("Status", _phase),
        Column("Volume", path("spec", "volumeName")),
        Column("Capacity", _claim_only_if_bound(path("status", "capacity", "storage"))),
        Column("Access Modes", _claim_only_if_bound(_access_modes("status"))),
        Column("StorageClass", path("spec", "storageClassName")),
        Column("VolumeAttributesClass", path("spec", "volumeAttributesClassName", default=UNSET)),
        AGE,
        Column("VolumeMode", path("spec", "volumeMode", default=UNSET), priority=1),
    ),
    ("", "persistentvolumes"): (
        NAME,
        Column("Capacity", path("spec", "capacity", "storage")),
        Column("Access Modes", _access_modes("spec")),
        Column("Reclaim Policy", path("spec", "persistentVolumeReclaimPolicy")),
        Column("Status", _phase),
        Column("Claim", _claim_of_volume),
        Column("StorageClass", path("spec", "storageClassName")),
        Column("VolumeAttributesClass", path("spec", "volumeAttributesClassName", default=UNSET)),
        Column("Reason", path("status", "reason")),
        AGE,
        Column("VolumeMode", path("spec", "volumeMode", default=UNSET), priority=1),
    ),
    ("", "nodes"): (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", path("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _node_address("InternalIP"), priority=1),
        Column("External-IP", _node_address("ExternalIP"), priority=1),
        Column("OS-Image", path("status", "nodeInfo", "osImage", default="<unknown>"), priority=1),
        Column("Kernel-Version", _node_kernel, priority=1),
        Column(
            "Container-Runtime",
            path("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"),
            priority=1,
        ),
    ),
    ("coordination.k8s.io", "leases"): (NAME, Column("Holder", path("spec", "holderIdentity")), AGE),
    ("apiextensions.k8s.io", "customresourcedefinitions"): (
        NAME,
        Column("Scope", path("spec", "scope")),
        Column("Versions", _crd_versions),
        Column("Created At", path("metadata", "creationTimestamp"), type="date"),
        Column("Group", path("spec", "group"), priority=1),
        Column("Kind", path("spec", "names", "kind"), priority=1),
        Column("ShortNames", _crd_short_names, priority=1),
        Column("Established", _crd_established, type="boolean", priority=1),
    ),
}
