"""Jobs and Pods that look like a flow's, and who may make them: the same by the policy and by the webhook."""

import json
from typing import Any

import yaml

from tests.e2e.people import People
from tests.support.program import ROOT

MANIFEST = ROOT / "deploy" / "manifests" / "controller.yaml"
UID_LABEL, ATTEMPT_LABEL = "workflow.zen.io/flow-uid", "workflow.zen.io/attempt"
OWNER = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "name": "etl", "uid": "u-1", "controller": True}
MARKS = {"label": {"labels": {UID_LABEL: "u-1"}}, "owner": {"ownerReferences": [OWNER]}}
JOB_CONTROLLER, COLLECTOR = (
    f"system:serviceaccount:kube-system:{name}" for name in ("job-controller", "generic-garbage-collector")
)
# jobber and podder may write Jobs and Pods; `controller` holds exactly what the manifests give to the controller.
RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: job-writer, namespace: default}
rules:
- {apiGroups: [batch], resources: [jobs], verbs: [get, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: job-writer, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: job-writer}
subjects: [{kind: User, name: jobber, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pod-writer, namespace: default}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pod-writer, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pod-writer}
subjects: [{kind: User, name: podder, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: as-shipped, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: as-shipped}
subjects: [{kind: User, name: controller, apiGroup: rbac.authorization.k8s.io}]
"""
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
CREATE = ("create", "--filename=-", "--dry-run=server")


def give_rights(people: People) -> None:
    documents = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each]
    (role,) = (each for each in documents if each["kind"] == "ClusterRole" and each["rules"][0]["verbs"][0] == "list")
    role["metadata"] = {"name": "as-shipped"}
    people.admin.apply(*yaml.safe_load_all(RIGHTS), role)


def job(**metadata: Any) -> dict[str, Any]:
    spec = {"suspend": True, "template": {"spec": POD}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "looks-like", **metadata}, "spec": spec}


def pod(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "looks-like", **metadata}, "spec": POD}


def check_strangers(people: People) -> None:
    """Neither label nor owner; anything else they may make as ever."""
    job_sentence = (
        "jobber may not give Job looks-like the marks of a JobFlow, nor take them; "
        "it takes the right to create jobflows/children in workflow.zen.io"
    )
    pod_sentence = (
        "podder may not give Pod looks-like the marks of a Job, nor take them; "
        "it takes the right to update jobs/status in batch"
    )
    for user, make, sentence in (("jobber", job, job_sentence), ("podder", pod, pod_sentence)):
        for marks in MARKS.values():
            people.forbids(user, sentence, *CREATE, stdin=make(**marks))
        people[user].run(*CREATE, stdin=json.dumps(make(labels={"jobflow": "etl", "app": "x"})))


def check_that_no_job_adopts_a_stranger_s_pod(people: People, uid: str) -> None:
    """The Job controller would count it: a Pod that ends well completes a Job that still runs."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "any", "uid": uid, "controller": True}
    owned: dict[str, Any] = {"ownerReferences": [owner], "finalizers": ["batch.kubernetes.io/job-tracking"]}
    for more in ({}, owned):
        forged = pod(labels={"batch.kubernetes.io/controller-uid": uid}, **more)
        people.forbids("podder", "the marks of a Job", *CREATE, stdin=forged)
        people[JOB_CONTROLLER].run(*CREATE, stdin=json.dumps(forged))


def check_those_who_may(people: People) -> None:
    """The controller with the rights that it is shipped with, the Job controller with those of any cluster."""
    for marks in MARKS.values():
        people["controller"].run(*CREATE, stdin=json.dumps(job(**marks)))
        people[JOB_CONTROLLER].run(*CREATE, stdin=json.dumps(pod(**marks)))


def check_the_marks_of(people: People, name: str) -> None:
    """Of a Job of ours: nobody but the garbage collector takes them or changes them; the rest is free."""
    patch = ("patch", "job", name, "--type=merge", "--dry-run=server")
    changes: tuple[dict[str, Any], ...] = (
        {"labels": {UID_LABEL: None}},
        {"labels": {ATTEMPT_LABEL: "9"}},
        {"annotations": {"workflow.zen.io/concurrency-group": "nightly"}},
        {"ownerReferences": None},
    )
    takes = "it takes the right to update jobflows/children in workflow.zen.io"
    for metadata in changes:
        body = json.dumps({"metadata": metadata})
        people.forbids("jobber", f"jobber may not give Job {name} the marks", *patch, f"--patch={body}")
        people.forbids("jobber", takes, *patch, f"--patch={body}")
        people[COLLECTOR].run(*patch, f"--patch={body}")
    people["jobber"].run(*patch, '--patch={"spec":{"suspend":true},"metadata":{"labels":{"team":"data"}}}')
