"""How far a Job has come that retries by itself: failed how often, of how many, and when the next try begins. Pure.

The Job's own backoffLimit counts Pods that failed (restartPolicy Never) and restarts of containers (OnFailure) alike.
When the next begins is foretold by the rules of the Job controller and of kubelet, as of Kubernetes 1.37; nothing is
decided by it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from zenflow.controller.evidence import ended_at
from zenflow.controller.objects import ContainerStatus, Job, Pod
from zenflow.dag.snapshot import Tries

# pkg/controller/job: 10 s after the first failure since the last success, doubled with each, 10 minutes at most.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
# pkg/kubelet: none before the first restart, 10 s before the second, doubled with each, 5 minutes at most.
LONGEST_RESTART_WAIT = timedelta(minutes=5)
# The default where a limit for each index is given: none for all.
_UNLIMITED = 2**31 - 1


def tries_of(job: Job, pods: Iterable[Pod]) -> Tries | None:
    """What the Job has tried in vain; None where nothing has failed yet, and where the first failure is its last."""
    limit, known = job.spec.backoff_limit, tuple(pods)
    if limit == 0 or job.is_finished:
        return None
    restarted = [status for pod in known if not pod.is_over for status in pod.containers if _failures(status)]
    failed = _failed_pods(job, known) + sum(map(_failures, restarted))
    if failed == 0:
        return None
    allowed = None if limit >= _UNLIMITED else limit + 1
    if allowed is not None and failed >= allowed:
        return Tries(failed, allowed)
    return Tries(failed, allowed, _next_restart(restarted) if restarted else _next_pod(job, known))


def _failed_pods(job: Job, pods: Sequence[Pod]) -> int:
    """The Job's counter follows its Pods by seconds, and remembers Pods that are gone.

    Only the counter knows which failures the Job's own podFailurePolicy ignores.
    """
    seen = 0 if job.spec.pod_failure_policy else sum(pod.status.phase == "Failed" for pod in pods)
    return max(job.status.failed, seen)


def _failures(status: ContainerStatus) -> int:
    """How often a container of a Pod that goes on has failed: once for each restart, and once if it is down again."""
    state, last = status.state, status.last_state.terminated
    is_down = state.terminated is not None and state.terminated.exit_code != 0
    waits = state.waiting is not None and last is not None and last.exit_code != 0
    return status.restart_count + (is_down or waits)


def _next_restart(restarted: Iterable[ContainerStatus]) -> datetime | None:
    """Of a container that waits for its restart; None while all run."""
    moments = []
    for status in restarted:
        ended = status.state.terminated or (status.last_state.terminated if status.state.waiting else None)
        failures = _failures(status)
        if ended is not None and ended.finished_at is not None and failures > 1:
            moments.append(_after(ended.finished_at, failures - 2, LONGEST_RESTART_WAIT))
    return min((moment for moment in moments if moment is not None), default=None)


def _next_pod(job: Job, pods: Sequence[Pod]) -> datetime | None:
    if job.spec.backoff_limit_per_index is not None:
        return None  # each index waits by itself
    succeeded = max((at for pod in pods if pod.status.phase == "Succeeded" and (at := ended_at(pod))), default=None)
    failed = [at for pod in pods if pod.status.phase == "Failed" and (at := ended_at(pod))]
    since = [at for at in failed if succeeded is None or at > succeeded]
    if not since:
        return None
    # Pods that are gone had failed before those that are left.
    times = len(since) if succeeded is not None else max(len(since), job.status.failed)
    return _after(max(since), times - 1, LONGEST_WAIT)


def _after(moment: datetime, doublings: int, longest: timedelta) -> datetime | None:
    """None for a moment beyond the year 9999, which whoever may write the status of a Pod may write."""
    try:
        return moment + min(FIRST_WAIT * (1 << max(0, min(doublings, 10))), longest)
    except OverflowError:
        return None
