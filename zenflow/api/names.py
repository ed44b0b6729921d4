"""Every label, annotation and generated name, in one place.

Names of children are functions of identity (flow UID, step, attempt), so writing twice is writing once.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

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

# Labels that Kubernetes itself sets on the Pods of a Job, by their older and newer names.
LABELS_JOB_UID = frozenset({"controller-uid", "batch.kubernetes.io/controller-uid"})
LABELS_JOB_NAME = frozenset({"job-name", "batch.kubernetes.io/job-name"})

# Annotation on each Job and its Pods: a group may be longer than a label, and outlives its flow on what still runs.
ANNOTATION_GROUP = f"{GROUP}/concurrency-group"

# Annotations on a JobFlow. The guide's key has two slashes, which no API server stores:
# admission moves it to the stored one (semantics.md, section 7).
APPROVED_GUIDE_PREFIX = f"{GROUP}/approved/"
APPROVED_PREFIX = f"approved.{GROUP}/"
APPROVED_BY_PREFIX = f"approved-by.{GROUP}/"

# A Job's name is the beginning of its Pods' names and of the host names of Indexed Pods, `<job>-<index>`, which must be
# DNS labels of at most 63 characters. An index has at most 10 digits: completions is an int32.
MAX_JOB_NAME = 63 - len("-2147483646")
# 50 bits: 2,000 steps of 1,000 attempts share one with a chance of 1 in 500,000,000, and then only if the readable
# parts are the same too.
_HASH_LENGTH = 10
MAX_ATTEMPTS = 1001  # of a step: the highest retryPolicy.limit, and the first
_ATTEMPT = re.compile(r"[1-9][0-9]{0,3}")


def concurrency_group(chosen: str, generate_name: str, name: str) -> str:
    """What flows "of the same name" share: the chosen group, else generateName without its dash, else the name."""
    return chosen or generate_name.rstrip("-") or name


def job_name(flow: str, flow_uid: str, step: str, attempt: int) -> str:
    """`<flow>-<step>-<attempt>-<hash>`, a DNS label of at most 52 characters, as a CronJob's name may be.

    The readable parts are cut, and the dots of a flow's name become dashes. The hash is over (flow UID, step, attempt):
    a flow re-created under the same name never collides with Jobs that are still going away.
    """
    digest = hashlib.sha256(f"{flow_uid}/{step}/{attempt}".encode()).digest()
    suffix = f"-{attempt}-{base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]}"
    room = MAX_JOB_NAME - len(suffix) - 1
    flow_room = max(room - len(step), room // 2)
    head = flow.replace(".", "-")[:flow_room].rstrip("-")
    tail = step[: room - len(head)].rstrip("-")
    return f"{head}-{tail}{suffix}"


def attempt_of(labels: Mapping[str, str]) -> int:
    """The attempt that the labels of a child name; 0 where they name none.

    A number counts only as we write it: ASCII digits, no sign, no leading zero, at most `MAX_ATTEMPTS`.
    """
    text = labels.get(LABEL_ATTEMPT, "")
    number = int(text) if _ATTEMPT.fullmatch(text) else 0
    return number if number <= MAX_ATTEMPTS else 0
