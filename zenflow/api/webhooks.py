"""The webhook configurations as data: admission by the controller, for servers without MutatingAdmissionPolicy.

They ask for what `policies` checks by itself, and for cycles, which no policy can find. Rendered by `zenflow crd
--webhooks`. Without caBundle: each replica of the controller puts its own authority there (`runtime.authority`).
"""

from collections.abc import Mapping
from typing import Any

from zenflow.api import children_policy, names
from zenflow.api.cel import named, right
from zenflow.api.editing import METADATA
from zenflow.api.editing_policies import unchanged
from zenflow.api.policies import MATCHED

NAME = f"{names.PLURAL}.{names.GROUP}"
"""Of both configurations: what RBAC lets the controller update."""
PATHS = {"Mutating": "/mutate", "Validating": "/validate"}
# Within the API server's own patience for a request, and short enough for a person who waits.
_TIMEOUT_SECONDS = 10
# Of those who may edit flows, labels, finalizers and owners change without us: nothing of a running flow waits for the
# webhook. Who may only answer is to change none of them.
_EDITED = " || ".join(f"!({unchanged(field)})" for field in METADATA)
_NEWS = (
    "oldObject == null || object.spec != oldObject.spec"
    " || has(object.metadata.annotations) != has(oldObject.metadata.annotations)"
    " || (has(object.metadata.annotations) && object.metadata.annotations != oldObject.metadata.annotations)"
    f" || (({_EDITED}) && !{right('update', name='object.metadata.name')})"
)


def build(*, service: str = "", namespace: str = "", url: str = "") -> tuple[dict[str, Any], ...]:
    """The mutating and the validating configuration, calling a Service of the cluster or a base URL."""
    return tuple(_configuration(sort, _client(path, service, namespace, url)) for sort, path in PATHS.items())


def _client(path: str, service: str, namespace: str, url: str) -> dict[str, Any]:
    if url:
        return {"url": url.rstrip("/") + path}
    return {"service": {"name": service, "namespace": namespace, "path": path}}


def _configuration(sort: str, client: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{sort}WebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [_flows(client) | {"reinvocationPolicy": "Never"}] if sort == "Mutating" else _validating(client),
    }


def _validating(client: dict[str, Any]) -> list[dict[str, Any]]:
    return [_flows(client), _children(client)]


def _flows(client: dict[str, Any]) -> dict[str, Any]:
    # Not jobflows/status: the controller's own writes never come here.
    return _webhook(NAME, client, MATCHED["resourceRules"], {"news": _NEWS})


def _children(client: dict[str, Any]) -> dict[str, Any]:
    # Only writes that will be refused: neither the controller nor the Job controller waits for the webhook.
    stranger = {"stranger": f"!({children_policy.MAY})"}
    rules = children_policy.MATCHED["resourceRules"]
    return _webhook(f"children.{names.GROUP}", client, rules, children_policy.CONDITIONS | stranger)


def _webhook(name: str, client: dict[str, Any], rules: Any, conditions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "clientConfig": client,
        "rules": rules,
        "matchConditions": named(conditions),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": _TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }
