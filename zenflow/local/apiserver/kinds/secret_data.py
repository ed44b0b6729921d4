"""What is wrong with the data of a Secret, which depends on its type."""

import base64
import json
from collections.abc import Callable, Mapping

from zenflow.local.apiserver.errors import field_errors
from zenflow.local.apiserver.errors.json_errors import explain
from zenflow.local.apiserver.errors.name_formats import config_key
from zenflow.local.apiserver.kinds.checks import named
from zenflow.local.apiserver.kinds.strategy import Frozen
from zenflow.runtime.errors import Cause

_MAX_SIZE = 2**20
_ACCOUNT = "kubernetes.io/service-account.name"


def problems(secret: Frozen) -> list[Cause]:
    """Everything that is wrong besides its metadata."""
    data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    found = [cause for key in sorted(data) for cause in named(key, config_key, f"data[{key}]")]
    if sum(map(len, data.values())) > _MAX_SIZE:
        found.append(field_errors.too_long("data", _MAX_SIZE))
    check = _TYPES.get(secret.get("type", ""))
    return found + (check(data) if check is not None else _account_problems(secret))


def _account_problems(secret: Frozen) -> list[Cause]:
    if secret.get("type") != "kubernetes.io/service-account-token":
        return []
    annotations = secret["metadata"].get("annotations") or {}
    return [] if annotations.get(_ACCOUNT) else [field_errors.required(f"metadata.annotations[{_ACCOUNT}]")]


def _all_of(*keys: str) -> Callable[[Mapping[str, bytes]], list[Cause]]:
    return lambda data: [field_errors.required(f"data[{key}]") for key in keys if key not in data]


def _json(key: str) -> Callable[[Mapping[str, bytes]], list[Cause]]:
    def check(data: Mapping[str, bytes]) -> list[Cause]:
        if key not in data:
            return [field_errors.required(f"data[{key}]")]
        try:
            wrong = "" if isinstance(json.loads(data[key]), dict | None) else "json: cannot unmarshal into Go value"
        except (ValueError, RecursionError):
            wrong = explain(data[key])
        return [field_errors.invalid(f"data[{key}]", "<secret contents redacted>", wrong)] if wrong else []

    return check


def _basic(data: Mapping[str, bytes]) -> list[Cause]:
    """One of the two is enough."""
    return [] if {"username", "password"} & data.keys() else _all_of("username", "password")(data)


def _ssh(data: Mapping[str, bytes]) -> list[Cause]:
    return [] if data.get("ssh-privatekey") else [field_errors.required("data[ssh-privatekey]")]


_TYPES: Mapping[str, Callable[[Mapping[str, bytes]], list[Cause]]] = {
    "kubernetes.io/dockercfg": _json(".dockercfg"),
    "kubernetes.io/dockerconfigjson": _json(".dockerconfigjson"),
    "kubernetes.io/basic-auth": _basic,
    "kubernetes.io/ssh-auth": _ssh,
    "kubernetes.io/tls": _all_of("tls.crt", "tls.key"),
}
