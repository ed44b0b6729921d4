"""What a person can do about a flow or a step that stands still: one sentence for each reason that can be met.

The cause is told in the words of whoever refused (API server, scheduler, kubelet); the remedy is ours, and follows it.
"""

from collections.abc import Mapping

_MISSING = "create what is missing, it is tried again by itself; a wrong name takes a new flow"
_IMAGE = "correct the image's name in a new flow, or give the node access to it: it is tried again by itself"
_EVENTS = "see kubectl describe {kind} {name}"

REMEDIES: Mapping[str, str] = {
    # of a flow
    "Concurrency": "wait, delete {name}, or set executionPolicy.concurrencyPolicy to Allow",
    "BeingDeleted": "it is tried again by itself; if the object stays, see its finalizers and who uses it",
    # what the API server says to a create
    "QuotaExceeded": "raise the quota or free some of it, it is tried again by itself",
    "Forbidden": "grant the controller the right in this namespace, it is tried again by itself",
    # what holds up a Job
    "JobSuspended": "let its queue admit it, or resume it: "
    'kubectl patch job {name} --type=merge -p \'{{"spec":{{"suspend":false}}}}\'',
    "FailedCreate": "allow its Pods (quota, Pod Security, admission), it is tried again by itself",
    "NoPods": _EVENTS,
    # what holds up a Pod
    "PodNotStarted": _EVENTS,
    "Unschedulable": "add or free nodes or volumes that fit, or correct the template in a new flow",
    "SchedulingGated": "let whoever set the Pod's scheduling gates remove them",
    "FailedMount": _MISSING,
    "FailedAttachVolume": _MISSING,
    "CreateContainerConfigError": _MISSING,
    "ImagePullBackOff": _IMAGE,
    "InvalidImageName": _IMAGE,
    "ErrImageNeverPull": "load the image on the node, or allow pulling in a new flow",
    "CreateContainerError": "correct the container in a new flow",
    "RunContainerError": "correct the container's command in a new flow",
    "CrashLoopBackOff": "see kubectl logs {name}",
}


def advise(reason: str, message: str, name: str = "", kind: str = "job") -> str:
    """The message, followed by what to do about it where that is known. `name` and `kind`: the object to look at."""
    remedy = REMEDIES.get(reason)
    return f"{message.rstrip('.')}. Remedy: {remedy.format(name=name, kind=kind)}" if remedy else message
