"""What `helm test` runs, in the controller's own image: one JobFlow of one step, from its creation to its end.

Usage: python smoke_test.py NAMESPACE NAME IMAGE. Exit status 0: it Succeeded.
"""

import sys
import time

from kubernetes import client, config

SECONDS = 120
NOBODY = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
BARE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def flow(name: str, image: str) -> dict[str, object]:
    """A step that a namespace with Pod Security `restricted` admits."""
    container = {"name": "main", "image": image, "args": ["version"], "securityContext": BARE}
    pod = {"restartPolicy": "Never", "securityContext": NOBODY, "containers": [container]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    return {
        "apiVersion": "workflow.zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name},
        "spec": {"steps": [{"name": "version", "template": job}]},
    }


def main(namespace: str, name: str, image: str) -> int:
    config.load_incluster_config()
    flows = client.CustomObjectsApi()
    where = {"group": "workflow.zen.io", "version": "v1alpha1", "namespace": namespace, "plural": "jobflows"}
    flows.create_namespaced_custom_object(**where, body=flow(name, image))
    print(f"created jobflow {namespace}/{name}", flush=True)
    deadline, status = time.monotonic() + SECONDS, {}
    try:
        while status.get("phase") not in ("Succeeded", "Failed") and time.monotonic() < deadline:
            time.sleep(1)  # noqa: TID251 - a program of its own, not part of the controller
            status = flows.get_namespaced_custom_object(**where, name=name).get("status", {})
    finally:
        flows.delete_namespaced_custom_object(**where, name=name)
    print(f"{status.get('phase', 'Pending')}: {status.get('message', 'the controller has not looked at it')}")
    return 0 if status.get("phase") == "Succeeded" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
