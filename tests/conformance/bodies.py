"""Bodies made from a seed and the types of Kubernetes' own kinds: a sound object with a few fields set to something.

What a field gets is what its name suggests (half of the time a value that it may have), or anything of its type, so
that about half of the objects are accepted.
"""

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.conformance.requests import Object, config_map, lease, pod_spec
from zenflow.local.apiserver.kinds.catalog import CLAIMS, CONFIG_MAPS, JOBS, LEASES, PODS, SECRETS
from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.apiserver.schemas.builtin import FieldType, type_of

# Good and bad by turns.
_STRINGS = ("a", "b-1", "", "Upper", "a/b", "../x", "x" * 64, "a.b", "-a", "a_b", "/abs/path", " a ", "ä")
_INTEGERS = (0, 1, 2, 3, 7, -1, 100, 600, 65535, 65536, 2**31 - 1)
_QUANTITIES = ("1", "0", "-1", "500m", "0.5", "1Gi", "2Gi", "1024Mi", "1e3", "0.0001", "100M", "1.5Gi", "3n")
_SCALARS: Mapping[str, Sequence[Any]] = {
    "integer": _INTEGERS,
    "boolean": (True, False),
    "quantity": _QUANTITIES,
    "int-or-string": (80, "http", 0),
    "bytes": ("YQ==", "", "?"),
    "time": ("2026-01-01T00:00:00Z", "now"),
    "micro-time": ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z", "", "ä"),
}
_HINTS: Mapping[str, Sequence[Any]] = {
    "action": ("Ignore", "FailJob", "Count", "FailIndex", "Retry", "Restart", ""),
    "operator": ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Equal", "Is", ""),
    "status": ("True", "False", "Unknown", "true", ""),
    "completionMode": ("Indexed", "Indexed", "NonIndexed", "indexed"),
    "podReplacementPolicy": ("Failed", "TerminatingOrFailed", "Never"),
    "restartPolicy": ("Never", "OnFailure", "Always", "never", "NotRequired", "RestartContainer", ""),
    "imagePullPolicy": ("Always", "Never", "IfNotPresent", "always"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError", "file"),
    "dnsPolicy": ("ClusterFirst", "Default", "None", "ClusterFirstWithHostNet", "x"),
    "protocol": ("TCP", "UDP", "SCTP", "tcp", ""),
    "scheme": ("HTTP", "HTTPS", "http"),
    "effect": ("NoSchedule", "NoExecute", "PreferNoSchedule", "x", ""),
    "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway", "x"),
    "type": ("Localhost", "RuntimeDefault", "Unconfined", "Directory", "File", "Opaque", "kubernetes.io/tls", "x", ""),
    "mountPropagation": ("None", "HostToContainer", "Bidirectional", "x"),
    "procMount": ("Default", "Unmasked", "x"),
    "volumeMode": ("Filesystem", "Block", "x"),
    "accessModes": (["ReadWriteOnce"], ["ReadWriteMany", "ReadOnlyMany"], ["ReadWriteOncePod", "ReadWriteOnce"], ["x"]),
    "fieldPath": ("metadata.name", "metadata.labels['a']", "status.podIP", "spec.nodeName", "spec.host", "metadata.x"),
    "resource": ("limits.cpu", "requests.memory", "limits.hugepages-2Mi", "cpu", ""),
    "divisor": ("1", "1m", "1Ki", "3", "0"),
    "name": ("main", "init", "data", "conf", "other", "Bad_Name", "", "x" * 64),
    "containerName": ("main", "init", "other", ""),
    "mountPath": ("/data", "/data", "/conf", "", "relative", "/a:b"),
    "subPath": ("a", "a/b", "../x", "/abs", "a/../b"),
    "subPathExpr": ("$(A)", "../x", "/abs"),
    "path": ("a", "a/b", "../x", "/abs", "..x", "", "/"),
    "key": ("a", "a.b", "a/b", "..", "", "x" * 254, "example.com/a"),
    "image": ("busybox", "busybox:1", "busybox:latest", "a.b:5000/c/d@sha256:" + "0" * 64, " busybox", ""),
    "managedBy": ("example.com/x", "x", "", "example.com/" + "x" * 64, "Example/x"),
    "succeededIndexes": ("0", "0,2-3", "3-1", "9", "0,0", "a", "1--2", ""),
    "apiVersion": ("v1", "v2"),
    "values": ([1, 2], [0], [2, 1], [1, 1], [], ["a"], ["a", "b"], ["-x"], [3]),
    "hostname": ("a", "a.b", "A"),
    "subdomain": ("a", "a.b", "A"),
    "ip": ("1.2.3.4", "01.2.3.4", "::1", "x", ""),
    "nameservers": (["1.2.3.4"], ["x"], ["1.1.1.1"] * 4, ["::ffff:1.2.3.4"]),
    "searches": (["a.b"], ["A"], ["."], ["a_b."]),
    "limits": ({"cpu": "1"}, {"memory": "1Gi"}, {"x": "1"}, {"example.com/gpu": "1.5"}, {"hugepages-2Mi": "3Mi"}),
    "requests": ({"cpu": "2"}, {"memory": "1Gi"}, {"storage": "1Gi"}, {"cpu": "-1"}, {"example.com/gpu": "1"}),
    "labels": ({"a": "b"}, {"a/b/c": "d"}, {"a": "x" * 64}, {"job-name": "x"}),
    "annotations": ({"a": "b"}, {"A/b": "c"}, {"a b": "c"}),
    "matchLabels": ({"a": "b"}, {"-a": "b"}),
    "nodeSelector": ({"a": "b"}, {"-a": "b"}, {"a": "-b"}),
    "finalizers": (["example.com/x"], ["x"], ["orphan"]),
    "port": (80, "http", 0, 70000, "UPPER", "x" * 16),
    "sysctls": ([{"name": "net.a", "value": "1"}], [{"name": "A"}], [{"name": "kernel.shmmax", "value": "1"}] * 2),
    "data": ({"a": "YQ=="}, {"a/b": "YQ=="}, {"tls.crt": "YQ==", "tls.key": "YQ=="}, {"..a": "YQ=="}),
    "strategy": ("OldestEmulationVersion", "x"),
}
# Made by servers, or a subject of its own.
_LEFT_OUT = frozenset(
    [
        "status",
        "managedFields",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "resourceVersion",
        "generation",
        "generateName",
        "namespace",
        "apiVersion",
        "kind",
        "ownerReferences",
        "scheduling",
        "schedulingGroup",
        "evictionResponders",
        "ephemeralContainers",
        "nodeName",
        "priority",
        "overhead",
        "serviceAccountName",
        "serviceAccount",
        "automountServiceAccountToken",
        "imagePullSecrets",
        "volumeName",
        "priorityClassName",
        "runtimeClassName",
        "preemptionPolicy",
        "resourceClaims",
        "claims",
        "portworxVolume",
        "azureDisk",
        "fc",
        "flocker",
        "quobyte",
        "iscsi",
        "storageos",
        "clusterTrustBundle",
        "podCertificate",
    ]
)
_NAMED_TWICE = frozenset(("containers", "initContainers", "volumes", "volumeMounts", "env"))


def _job() -> Object:
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "c"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    main = {"name": "main", "image": "busybox", "command": ["true"], "volumeMounts": mounts}
    spec = {"restartPolicy": "Never", "containers": [main], "volumes": volumes}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": True, "template": {"spec": spec}}}


def _indexed() -> Object:
    job = _job()
    job["spec"] |= {"completionMode": "Indexed", "completions": 4, "backoffLimitPerIndex": 1}
    return job


def _init() -> Object:
    job = _job()
    job["spec"]["template"]["spec"]["initContainers"] = [{"name": "init", "image": "busybox"}]
    return job


def _pod() -> Object:
    """With what the admission plug-in for service accounts would put into it: here there is none."""
    spec = {**pod_spec(), "serviceAccountName": "default", "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec}


def _claim() -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": spec}


SAMPLES: Mapping[ResourceType, tuple[Object, ...]] = {
    JOBS: (_job(), _indexed(), _init()),
    PODS: (_pod(),),
    CONFIG_MAPS: (config_map(""),),
    SECRETS: ({"apiVersion": "v1", "kind": "Secret", "data": {"a": "YQ=="}},),
    CLAIMS: (_claim(),),
    LEASES: (lease(""),),
}


class Bodies:
    """An endless supply of objects."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def body(self, type_: ResourceType, name: str) -> Object:
        """A sound object of this kind, changed in one to three places."""
        made = copy.deepcopy(self._rng.choice(SAMPLES[type_]))
        made["metadata"] = {"name": name}
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            self._change(type_of(type_.group, type_.version, type_.kind), made)
        return made

    def _change(self, type_: FieldType, target: Object) -> None:
        """Go down to some field and set it; into what is there rather than into what is not."""
        while True:
            names = [name for name in type_.properties if name not in _LEFT_OUT]
            there = [name for name in names if isinstance(target.get(name), dict | list) and target[name]]
            name = self._rng.choice(there if there and self._rng.random() < 0.75 else names)
            child, value = type_.properties[name], target.get(name)
            if isinstance(value, list) and child.items.kind == "object" and value and self._rng.random() < 0.8:
                if name in _NAMED_TWICE and self._rng.random() < 0.15:
                    value.append(copy.deepcopy(value[-1]))
                    return
                type_, target = child.items, self._rng.choice(value)
            elif isinstance(value, dict) and child.kind == "object" and self._rng.random() < 0.9:
                type_, target = child, value
            else:
                target[name] = self._value(child, name, 0)
                return

    def _value(self, type_: FieldType, name: str, depth: int) -> Any:
        if name in _HINTS and self._rng.random() < 0.9 and _fits(type_, _HINTS[name][0]):
            return copy.deepcopy(self._rng.choice(_HINTS[name]))
        if type_.kind == "object":
            return self._object(type_, depth)
        if type_.kind == "array":
            return [self._value(type_.items, name, depth + 1) for _ in range(self._rng.choice((0, 1, 1, 2)))]
        if type_.kind == "map":
            return {self._rng.choice(_STRINGS[:6]): self._value(type_.items, "", depth + 1)}
        return self._rng.choice(_SCALARS.get(type_.kind, _STRINGS))

    def _object(self, type_: FieldType, depth: int) -> Object:
        names = [name for name in type_.properties if name not in _LEFT_OUT]
        if depth > 4 or not names:
            return {}
        # An object is more often sound if its name is given.
        chosen = set(self._rng.sample(names, min(len(names), self._rng.choice((0, 1, 1, 2)))))
        chosen |= {
            n for n in ("name", "path", "key", "port", "operator", "command") if n in names and self._rng.random() < 0.7
        }
        return {n: self._value(type_.properties[n], n, depth + 1) for n in sorted(chosen)}


def _fits(type_: FieldType, example: Any) -> bool:
    """Whether hints like this one are of the field's type."""
    kinds = {str: ("string", "quantity"), list: ("array",), dict: ("object", "map"), int: ("int-or-string", "integer")}
    return type_.kind in kinds[type(example)]
