"""The reasons that may be values of a metric's label: a fixed set, so that nobody can add a series or write into one.

A step's reason may be a word of somebody else (an Event's, a Pod's). In the status it stands as it is; in a metric a
word that is not listed here is `Other`. Whoever adds a reason to a status and wants it counted by name adds it here.
"""

from zenflow.dag.remedies import REMEDIES

OTHER = "Other"

REASONS = frozenset(
    {
        "",
        *REMEDIES,
        # how a flow waits or ends
        "ConcurrencyPolicy",
        "NotYetReconciled",
        "StepsSucceeded",
        "StepFailed",
        "DeadlineExceeded",
        "BackoffLimitExceeded",
        "Replaced",
        "InvalidSpec",
        "ResourceConflict",
        # how a step waits
        "ApprovalRequired",
        "UnstampedApproval",
        "Suspended",
        "Backoff",
        "JobRetry",
        # how a step ends
        "Approved",
        "Rejected",
        "JobFailed",
        "JobDeleted",
        "TimedOut",
        "InvalidTemplate",
        "FailureIgnored",
        "FailureCounted",
        "WhenFalse",
        "DependencyFailed",
        "FlowFailed",
        # what kubelet and the scheduler report of a Pod that does not start
        "FailedScheduling",
        "FailedCreatePodSandBox",
        "NetworkNotReady",
    }
)


def label(reason: str) -> str:
    """The reason if it is a known word, else `Other`."""
    return reason if reason in REASONS else OTHER
