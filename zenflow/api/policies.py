"""The admission policies as data: what the API server itself can check and CRD rules can't.

A rule over all steps is beyond the cost budget of a CRD, and CRD rules see neither who asks nor the inside of
templates.
Policies can do all of that. Rendered to deploy/manifests/admission-policies.yaml; the embedded API server and servers
without these kinds have `admission` instead.
"""

from zenflow.api import approval_policies, children_policy, editing_policies, names, spec_policies
from zenflow.api.cel import Document

_VERSION = "admissionregistration.k8s.io/v1"
# Not jobflows/status: metadata and spec can't be changed there, and the controller's writes stay cheap.
MATCHED = {
    "resourceRules": [
        {
            "apiGroups": [names.GROUP],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [names.PLURAL],
        }
    ]
}


def build() -> tuple[Document, ...]:
    """Each policy followed by its binding."""
    return (
        *_bound("Mutating", "approvals", approval_policies.mark(), {}),
        *_validating("approvers", approval_policies.guard()),
        *_validating("editors", editing_policies.editors()),
        *_validating("rivals", editing_policies.rivals()),
        *_validating("sizes", spec_policies.size()),
        *_validating("graphs", spec_policies.graph()),
        *_validating("templates", spec_policies.templates()),
        *_validating("started", spec_policies.started()),
        *_validating("children", children_policy.build()),
    )


def _validating(name: str, spec: Document) -> tuple[Document, Document]:
    return _bound("Validating", name, spec, {"validationActions": ["Deny"]})


def _bound(sort: str, name: str, spec: Document, binding: Document) -> tuple[Document, Document]:
    full = f"{name}.{names.GROUP}"
    return (
        {
            "apiVersion": _VERSION,
            "kind": f"{sort}AdmissionPolicy",
            "metadata": {"name": full},
            "spec": {"failurePolicy": "Fail", "matchConstraints": MATCHED, **spec},
        },
        {
            "apiVersion": _VERSION,
            "kind": f"{sort}AdmissionPolicyBinding",
            "metadata": {"name": full},
            "spec": {"policyName": full, **binding},
        },
    )
