"""The policy of children: what `children` asks in Python, in the API server's own CEL and in the same words.

It is asked of each Job and Pod that anybody writes: one that bears no mark costs a few look-ups.
"""

from zenflow.api import names
from zenflow.api.cel import Document, named, rule
from zenflow.api.children import CREATE, JOB_STATUS, KINDS, LABEL_JOB, LABELS, UPDATE
from zenflow.api.editing import Right

MATCHED = {
    "resourceRules": [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
        for group, resource in (("batch", "jobs"), ("", "pods"))
    ]
}
"""Not their status, their bindings, or their deletion: the kubelet, the scheduler and the collector pass by."""
_IS_POD = "request.resource.resource == 'pods'"
_IS_FLOW = f"r.kind == '{names.KIND}' && r.apiVersion.startsWith('{names.GROUP}/')"


def build() -> Document:
    """The spec of the policy."""
    (job, flow), (pod, job_of_pod) = KINDS["jobs"], KINDS["pods"]
    name = "(has(object.metadata.name) ? object.metadata.name : '')"
    right = f"({_IS_POD} ? '{JOB_STATUS}' : oldObject == null ? '{CREATE}' : '{UPDATE}')"
    return {
        "matchConstraints": MATCHED,
        "matchConditions": named(CONDITIONS),
        "validations": [
            rule(
                MAY,
                f"request.userInfo.username + ' may not give ' + ({_IS_POD} ? '{pod} ' : '{job} ') + {name}"
                f" + ' the marks of a ' + ({_IS_POD} ? '{job_of_pod}' : '{flow}')"
                f" + ', nor take them; it takes ' + {right}",
                reason="Forbidden",
            )
        ],
    }


def _may(right: Right, verb: str) -> str:
    of = f"group('{right.group}').resource('{right.resource}').subresource('{right.subresource}')"
    return f"authorizer.{of}.namespace(request.namespace).check({verb}).allowed()"


_VERB = f"oldObject == null ? '{CREATE.verb}' : '{UPDATE.verb}'"
_MAY_POD = _may(JOB_STATUS, f"'{JOB_STATUS.verb}'")
MAY = f"({_IS_POD} ? {_MAY_POD} : {_may(CREATE, _VERB)})"
"""Whether who writes may: for Pods JOB_STATUS, for Jobs of CREATE and UPDATE the one that this write is."""


def _marked(obj: str) -> str:
    labels, owners = f"{obj}.metadata.labels", f"{obj}.metadata.ownerReferences"
    return (
        f"(has({labels}) && ('{names.LABEL_FLOW_UID}' in {labels} || ({_IS_POD} && '{LABEL_JOB}' in {labels})))"
        f" || (has({owners}) && {owners}.exists(r, {_IS_FLOW}))"
    )


def _entry(obj: str, field: str, key: str) -> str:
    entries = f"{obj}.metadata.{field}"
    return f"(has({entries}) && '{key}' in {entries} ? {entries}['{key}'] : '')"


def _owners(obj: str) -> str:
    return f"(has({obj}.metadata.ownerReferences) ? {obj}.metadata.ownerReferences : [])"


_SAME = " && ".join(
    (
        *(f"{_entry('object', 'labels', label)} == {_entry('oldObject', 'labels', label)}" for label in LABELS),
        f"{_entry('object', 'annotations', names.ANNOTATION_GROUP)}"
        f" == {_entry('oldObject', 'annotations', names.ANNOTATION_GROUP)}",
        f"{_owners('object')} == {_owners('oldObject')}",
    )
)
CONDITIONS = {
    "ours": f"{_marked('object')} || (oldObject != null && ({_marked('oldObject')}))",
    "news": f"oldObject == null || !({_SAME})",
}
"""Of writes that are somebody's business; the webhook has them too."""
