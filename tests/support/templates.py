"""Templates with one thing changed: a misspelt or foreign field, a value of another type, a number out of range."""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.jobflows import Object

RICH: Object = {
    "completions": 3,
    "parallelism": 2,
    "completionMode": "Indexed",
    "backoffLimit": 2,
    "activeDeadlineSeconds": 600,
    "suspend": False,
    "podFailurePolicy": {
        "rules": [
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]
    },
    "template": {
        "metadata": {"labels": {"app": "etl"}, "annotations": {"note": "x"}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
            "nodeSelector": {"disk": "ssd"},
            "securityContext": {"runAsUser": 1000, "fsGroup": 2000, "supplementalGroups": [1, 2]},
            "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}],
            "affinity": {
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 10,
                            "podAffinityTerm": {
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": {"matchLabels": {"app": "etl"}},
                            },
                        }
                    ]
                }
            },
            "initContainers": [{"name": "prepare", "image": "busybox", "command": ["true"]}],
            "containers": [
                {
                    "name": "main",
                    "image": "busybox",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c"],
                    "args": ["echo hi"],
                    "workingDir": "/tmp",
                    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    "env": [
                        {"name": "A", "value": "b"},
                        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
                        {"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                    ],
                    "envFrom": [{"prefix": "X_", "configMapRef": {"name": "c", "optional": True}}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": 1, "memory": "1Gi"}},
                    "volumeMounts": [
                        {"name": "scratch", "mountPath": "/scratch", "readOnly": False},
                        {"name": "config", "mountPath": "/config"},
                        {"name": "all", "mountPath": "/all"},
                        {"name": "own", "mountPath": "/own"},
                    ],
                    "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "failureThreshold": 3},
                    "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
                    "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True},
                }
            ],
            "volumes": [
                {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
                {"name": "config", "configMap": {"name": "c", "items": [{"key": "k", "path": "p", "mode": 420}]}},
                {"name": "all", "projected": {"sources": [{"downwardAPI": {"items": [
                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}},
                {"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": {
                    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}},
            ],
        },
    },
}  # fmt: skip

SCALARS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2.0,
    2.5,
    1e3,
    2**31,
    2**63 - 1,
    "",
    "x",
    "1",
    "true",
    "2024-01-01",
)
QUANTITIES = ("1x", "1 Gi", "1gi", "Gi", "", "+", "-", ".", "1.", ".5", "1e3", "1E", "1e-3", "0x10", "1_000", "--1",
              "5Ki ", " 5", "1n", "1u", "1.5.5", "1,5", "1e1000000000", "9999999999999999999Ei", "١")  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """A Job's spec in which something was changed; `what` says it for a person."""

    what: str
    spec: Object


def mutations(seed: int, count: int) -> Iterator[Mutation]:
    """So many, the same for the same seed; the first is none at all."""
    chance = random.Random(seed)
    yield Mutation("nothing", copy.deepcopy(RICH))
    for _ in range(count - 1):
        yield _mutation(chance)


def _mutation(chance: random.Random) -> Mutation:
    spec = copy.deepcopy(RICH)
    owner, key, where = chance.choice(list(_places(spec, "spec")))
    change = chance.choice((_misspell, _add, _replace, _replace, _nest))
    return Mutation(f"{where}: {change(chance, owner, key)}", spec)


def _places(value: Any, where: str) -> Iterator[tuple[Any, Any, str]]:
    """Every value that stands in an object or a list: its owner, its key there, its path."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        at = f"{where}.{key}"
        yield value, key, at
        yield from _places(inner, at)


def _misspell(chance: random.Random, owner: Any, key: Any) -> str:
    if isinstance(owner, list):
        return _add(chance, owner, key)
    at = chance.randrange(len(key))
    wrong = chance.choice(
        (key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], key.lower(), key.upper(), key + "s")
    )
    owner[wrong] = owner.pop(key)
    return f"called {wrong}"


def _add(chance: random.Random, owner: Any, key: Any) -> str:
    name = chance.choice(("foo", "kind", "name", "value", "image", "backoffLimit", "restartPolicy", "labels", ""))
    value = chance.choice(SCALARS)
    target = owner if isinstance(owner, dict) else owner[key] if isinstance(owner[key], dict) else None
    if target is None:
        owner[key] = value
        return f"becomes {value!r}"
    target.setdefault(name, value)
    return f"beside {name}: {value!r}"


def _replace(chance: random.Random, owner: Any, key: Any) -> str:
    is_quantity = key in ("cpu", "memory", "storage", "divisor", "sizeLimit")
    owner[key] = chance.choice(QUANTITIES if is_quantity and chance.random() < 0.7 else SCALARS)
    return f"becomes {owner[key]!r}"


def _nest(chance: random.Random, owner: Any, key: Any) -> str:
    owner[key] = chance.choice(([], {}, [owner[key]], {"a": owner[key]}, [[]], {"a": {}}, [None], {"a": None}))
    return f"becomes {json.dumps(owner[key])[:60]}"
