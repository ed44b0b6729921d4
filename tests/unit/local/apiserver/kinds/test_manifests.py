"""What is said of a manifest without a server: for Jobs, rule by rule, as kube-apiserver 1.37 says it."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from zenflow.local.apiserver.kinds.catalog import CLAIMS, CONFIG_MAPS, SECRETS
from zenflow.local.apiserver.kinds.manifests import UNKNOWN_FIELD, job_problems, problems

JOB: Mapping[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "load"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "busybox", "command": ["true"]}],
                "volumes": [{"name": "data", "emptyDir": {}}],
            }
        }
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The sound Job with one field set; `main.` and `pod.` shorten the paths of its container and its Pod."""
    job: dict[str, Any] = copy.deepcopy(dict(JOB))
    spec = job["spec"]["template"]["spec"]
    roots = {"main": spec["containers"][0], "pod": spec, "job": job["spec"], "meta": job["metadata"]}
    root, *names = path.split(".")
    target = roots[root]
    for name in names[:-1]:
        target = target.setdefault(name, {})
    target[names[-1]] = value
    return job


def test_a_sound_job_has_no_problem() -> None:
    """And is left as it was."""
    before = copy.deepcopy(dict(JOB))
    assert job_problems(JOB) == []
    assert before == JOB


CODES = {"operator": "In", "values": [1]}
INDEXED = {"completionMode": "Indexed", "completions": 2}
RULE = "spec.podFailurePolicy.rules[0]"
MAIN = "spec.template.spec.containers[0]"
POD = "spec.template.spec"


@pytest.mark.parametrize(
    ("path", "value", "field", "told"),
    [
        ("job.parallelism", -1, "spec.parallelism", "must be greater than or equal to 0"),
        ("job.completionMode", "indexed", "spec.completionMode", 'supported values: "NonIndexed", "Indexed"'),
        ("job.backoffLimitPerIndex", 1, "spec.backoffLimitPerIndex", "requires indexed completion mode"),
        ("job.maxFailedIndexes", 1, "spec.backoffLimitPerIndex", "Required value: when maxFailedIndexes is specified"),
        ("job.managedBy", "me", "spec.managedBy", "must be a domain-prefixed path"),
        ("job.podReplacementPolicy", "Never", "spec.podReplacementPolicy", "Unsupported value"),
        ("job.successPolicy", {"rules": [{"succeededCount": 1}]}, "spec.successPolicy", "requires indexed"),
        ("job.selector", {"matchLabels": {"a": "b"}}, "spec.selector", "`selector` not auto-generated"),
        ("job.template.metadata", {"labels": {"job-name": "x"}}, "spec.template.metadata.labels[job-name]", "must be"),
        ("job.template.metadata", {"annotations": {"a b": ""}}, "spec.template.annotations", "name part must consist"),
        ("job.podFailurePolicy", {"rules": [{"action": "Retry", "onExitCodes": CODES}]}, f"{RULE}.action", '"Count"'),
        (
            "job.podFailurePolicy",
            {"rules": [{"action": "FailIndex", "onExitCodes": CODES}]},
            f"{RULE}.action",
            "requires the backoffLimitPerIndex to be set",
        ),
        ("job.podFailurePolicy", {"rules": [{"action": "Ignore"}]}, RULE, "specifying one of OnExitCodes and"),
        (
            "job.podFailurePolicy",
            {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [0]}}]},
            f"{RULE}.onExitCodes.values[0]",
            "must not be 0 for the In operator",
        ),
        (
            "job.podFailurePolicy",
            {"rules": [{"action": "Ignore", "onExitCodes": {**CODES, "containerName": "x"}}]},
            f"{RULE}.onExitCodes.containerName",
            "must be one of the container or initContainer names",
        ),
        ("pod.restartPolicy", "Always", f"{POD}.restartPolicy", 'valid values: "OnFailure", "Never"'),
        ("pod.containers", [], f"{POD}.containers", "Required value"),
        ("pod.initContainers", [{"name": "main", "image": "x"}], f"{POD}.initContainers[0].name", "Duplicate value"),
        (
            "pod.initContainers",
            [{"name": "init", "image": "x", "livenessProbe": {"exec": {"command": ["x"]}}}],
            f"{POD}.initContainers[0].livenessProbe",
            "may not be set for init containers without restartPolicy=Always",
        ),
        (
            "pod.volumes",
            [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}],
            f"{POD}.volumes[0].hostPath",
            "may not specify more than 1 volume type",
        ),
        ("pod.volumes", [{"name": "a", "hostPath": {"path": "/../b"}}], f"{POD}.volumes[0].hostPath.path", "'..'"),
        ("pod.volumes", [{"name": "a", "configMap": {}}], f"{POD}.volumes[0].configMap.name", "Required value"),
        (
            "pod.volumes",
            [{"name": "a", "secret": {"secretName": "s", "items": [{"key": "k", "path": "../x"}]}}],
            f"{POD}.volumes[0].secret.items[0].path",
            "must not contain '..'",
        ),
        ("pod.dnsPolicy", "None", f"{POD}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None"),
        ("pod.activeDeadlineSeconds", 0, f"{POD}.activeDeadlineSeconds", "must be between 1 and 2147483647"),
        ("pod.nodeSelector", {"-a": "b"}, f"{POD}.nodeSelector", "name part must consist"),
        ("pod.hostname", "a.b", f"{POD}.hostname", "must not contain dots"),
        ("pod.tolerations", [{"value": "x"}], f"{POD}.tolerations[0].operator", "operator must be Exists"),
        ("pod.hostAliases", [{"ip": "x"}], f"{POD}.hostAliases[0].ip", "must be a valid IP address"),
        ("pod.securityContext", {"runAsUser": -1}, f"{POD}.securityContext.runAsUser", "must be between 0 and"),
        (
            "pod.topologySpreadConstraints",
            [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}],
            f"{POD}.topologySpreadConstraints[0].maxSkew",
            "must be greater than zero",
        ),
        (
            "pod.affinity",
            {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
            f"{POD}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
            "must have at least one node selector term",
        ),
        ("main.image", "", f"{MAIN}.image", "Required value"),
        ("main.name", "Main", f"{MAIN}.name", "a lowercase RFC 1123 label"),
        ("main.imagePullPolicy", "always", f"{MAIN}.imagePullPolicy", "Unsupported value"),
        (
            "main.resources",
            {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
            f"{MAIN}.resources.requests",
            "must be less than or equal to cpu limit of 1",
        ),
        ("main.resources", {"limits": {"memory": "-1Gi"}}, f"{MAIN}.resources.limits[memory]", "must be gr"),
        ("main.resources", {"limits": {"gpu": "1"}}, f"{MAIN}.resources.limits[gpu]", "must be a standard resource"),
        ("main.livenessProbe", {}, f"{MAIN}.livenessProbe", "must specify a handler type"),
        ("main.ports", [{"containerPort": 70000}], f"{MAIN}.ports[0].containerPort", "must be between 1 and 65535"),
        ("main.env", [{"name": "A=B"}], f"{MAIN}.env[0].name", "a valid environment variable name"),
        ("main.env", [{"name": "A", "valueFrom": {}}], f"{MAIN}.env[0].valueFrom", "must specify one of"),
        (
            "main.env",
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.color"}}}],
            f"{MAIN}.env[0].valueFrom.fieldRef.fieldPath",
            "error converting fieldPath: field label not supported: metadata.color",
        ),
        ("main.envFrom", [{"prefix": "A_"}], f"{MAIN}.envFrom", "must specify one of: `configMapRef` or `secretRef`"),
        ("main.volumeMounts", [{"name": "x", "mountPath": "/x"}], f"{MAIN}.volumeMounts[0].name", 'Not found: "x"'),
        (
            "main.volumeMounts",
            [{"name": "data", "mountPath": "/x", "subPath": "../x"}],
            f"{MAIN}.volumeMounts.subPath",
            "must not contain '..'",
        ),
        (
            "main.securityContext",
            {"privileged": True, "allowPrivilegeEscalation": False},
            f"{MAIN}.securityContext",
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
        ("meta.labels", {"a": "x" * 64}, "metadata.labels", "must be no more than 63 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_field(path: str, value: Any, field: str, told: str) -> None:
    """Word for word, so that people find the sentence."""
    found = {cause.field: cause.message for cause in job_problems(changed(path, value))}
    assert field in found, found
    assert told in found[field]


def test_an_indexed_job_needs_a_name_that_its_pods_can_have() -> None:
    """They are hosts of that name and an index."""
    job = changed("meta.name", "a.b")
    job["spec"] |= INDEXED
    (cause,) = job_problems(job)
    assert (cause.field, "invalid DNS label: a.b-1" in cause.message) == ("metadata.name", True)


def test_misspelt_fields_and_wrong_types_are_told() -> None:
    """Before anything else; a wrong type ends the search."""
    misspelt = changed("pod.restartpolicy", "Never")
    (cause,) = job_problems(misspelt)
    assert (cause.reason, cause.field) == (UNKNOWN_FIELD, "spec.template.spec.restartpolicy")
    (cause,) = job_problems(changed("job.backoffLimit", "3"))
    assert "spec.backoffLimit of type int32" in cause.message


@pytest.mark.parametrize(
    ("indexes", "told"),
    [
        ("0,2-3", ""),
        ("3-1", "non-increasing order, previous: 3, current: 1"),
        ("1,1", "non-increasing order"),
        ("9", 'too large index: "9"'),
        ("a", 'cannot convert string to integer for index: "a"'),
        ("1-2-3", "at most two parts separated by '-'"),
    ],
)
def test_indexes_of_a_success_policy_are_read(indexes: str, told: str) -> None:
    """Ascending, each below completions."""
    job = changed("job.successPolicy", {"rules": [{"succeededIndexes": indexes}]})
    job["spec"] |= {**INDEXED, "completions": 4}
    found = "".join(cause.message for cause in job_problems(job))
    assert (told in found, bool(found)) == (True, bool(told))


def test_other_kinds_are_judged_too() -> None:
    """As far as they have rules."""
    assert problems(CONFIG_MAPS, {"data": {"a": "b"}}) == []
    (cause,) = problems(SECRETS, {"type": "kubernetes.io/tls", "data": {"tls.crt": "YQ=="}})
    assert cause.field == "data[tls.key]"
    fields = [cause.field for cause in problems(CLAIMS, {"spec": {"accessModes": ["x"]}})]
    assert fields == ["spec.accessModes", "spec.resources[storage]"]
