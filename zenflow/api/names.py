"""Every label, annotation and generated name, in one place.

Names of children are functions of identity (flow UID, step, attempt), so writing twice is writing once.
"""

import hashlib

GROUP = "workflow.zen.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "JobFlow"
PLURAL = "jobflows"
SINGULAR = "jobflow"
SHORT_NAME = "jf"

# Labels on each Job and its Pods.
LABEL_FLOW = "jobflow"  # the guide's `kubectl get jobs -l jobflow=<name>`
LABEL_STEP = f"{GROUP}/step"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_FLOW_UID = f"{GROUP}/flow-uid"
RESERVED_LABELS = frozenset({LABEL_FLOW, LABEL_STEP, LABEL_ATTEMPT, LABEL_FLOW_UID})

# Annotation on each Job and its Pods: a group may be longer than a label, and outlives its flow on what still runs.
ANNOTATION_GROUP = f"{GROUP}/concurrency-group"

# Annotations on a JobFlow. The guide's key has two slashes, which no API server stores:
# admission moves it to the stored one (semantics.md, section 7).
APPROVED_GUIDE_PREFIX = f"{GROUP}/approved/"
APPROVED_PREFIX = f"approved.{GROUP}/"
APPROVED_BY_PREFIX = f"approved-by.{GROUP}/"

MAX_NAME = 63
_HASH_LENGTH = 8


def concurrency_group(chosen: str, generate_name: str, name: str) -> str:
    """What flows "of the same name" share: the chosen group, else generateName without its dash, else the name."""
    return chosen or generate_name.rstrip("-") or name


def job_name(flow: str, flow_uid: str, step: str, attempt: int) -> str:
    """`<flow>-<step>-<attempt>-<hash>`, at most 63 characters; the readable parts are cut, the rest is kept.

    The hash is over (flow UID, step, attempt): a flow re-created under the same name never collides
    with Jobs that are still going away.
    """
    identity = f"{flow_uid}/{step}/{attempt}".encode()
    suffix = f"-{attempt}-{hashlib.sha256(identity).hexdigest()[:_HASH_LENGTH]}"
    room = MAX_NAME - len(suffix) - 1
    flow_room = max(room - len(step), room // 2)
    head = flow[:flow_room].rstrip("-.")
    tail = step[: room - len(head)].rstrip("-")
    return f"{head}-{tail}{suffix}"
