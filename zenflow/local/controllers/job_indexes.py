"""The indexes of an Indexed Job: which have failed for good, which suffice, when each is tried again. Pure.

Rules and words are those of kube-controller-manager's Job controller (KEP-3850 backoffLimitPerIndex, KEP-3998
successPolicy).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from zenflow.local.controllers.job_census import Census, PodEnd, PodOutcome
from zenflow.local.loop.objects import Job, SuccessPolicyRule

FIRST_BACKOFF = timedelta(seconds=10)
MAX_BACKOFF = timedelta(minutes=10)


def failed(job: Job, census: Census) -> tuple[int, ...]:
    """Indexes that are not tried again: failed more often than backoffLimitPerIndex, or by a FailIndex rule."""
    limit = job.spec.backoff_limit_per_index
    if limit is None:
        return ()
    done = set(census.completed_indexes)
    ends = _by_index(census)
    given_up = (index for index, ended in ends.items() if index not in done and _is_given_up(ended, limit))
    return tuple(sorted(index for index in given_up if index < (job.spec.completions or 0)))


def _is_given_up(ended: list[PodEnd], limit: int) -> bool:
    failures = sum(end.outcome is PodOutcome.FAILED for end in ended)
    return failures > limit or any(end.fails_index for end in ended)


def _by_index(census: Census) -> Mapping[int, list[PodEnd]]:
    found: dict[int, list[PodEnd]] = {}
    for end in census.ended.values():
        if end.index is not None:
            found.setdefault(end.index, []).append(end)
    return found


def why_failed(job: Job, census: Census) -> tuple[str, str] | None:
    """Reason and message if the failed indexes fail the Job: too many of them, or nothing else is left to do."""
    count, completions = len(failed(job, census)), job.spec.completions or 0
    most = job.spec.max_failed_indexes
    if most is not None and count > most:
        return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
    if count and count + len(succeeded(job, census)) >= completions:
        return "FailedIndexes", "Job has failed indexes"
    return None


def succeeded(job: Job, census: Census) -> tuple[int, ...]:
    """Indexes with a success; those beyond completions do not count."""
    return tuple(index for index in census.completed_indexes if index < (job.spec.completions or 0))


def matched_rule(job: Job, census: Census) -> int | None:
    """The first rule of successPolicy that holds, by its position."""
    policy = job.spec.success_policy
    if policy is None or not job.is_indexed:
        return None
    done = set(succeeded(job, census))
    return next((position for position, rule in enumerate(policy.rules) if _holds(rule, done)), None)


def _holds(rule: SuccessPolicyRule, done: set[int]) -> bool:
    if rule.succeeded_indexes is None:
        return rule.succeeded_count is not None and len(done) >= rule.succeeded_count
    wanted = set(indexes_of(rule.succeeded_indexes))
    if not wanted:
        return False
    return wanted <= done or (rule.succeeded_count is not None and len(wanted & done) >= rule.succeeded_count)


def indexes_of(text: str) -> list[int]:
    """`0,2-4` as the numbers it stands for; the API server has seen to its form."""
    found: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def not_before(census: Census, index: int) -> datetime | None:
    """When this index may be tried again: 10 s after a failure of its own, doubled with each further one."""
    failures = (PodOutcome.FAILED, PodOutcome.IGNORED)
    times = [end.at for end in census.ended.values() if end.index == index and end.outcome in failures]
    return after_failures(len(times), max(times, default=None))


def after_failures(count: int, last: datetime | None) -> datetime | None:
    """10 s after the last of some failures, doubled with each further one, at most 10 min; None without any."""
    if last is None:
        return None
    return last + min(FIRST_BACKOFF * (1 << min(count - 1, 10)), MAX_BACKOFF)
