"""I17: Forbid and Replace hold at every instant, judged by Jobs and flows themselves (semantics.md, section 6)."""

from collections.abc import Callable

from tests.simulation.objects import FINAL_FLOW, Object, phase
from zenflow.api import names


class Groups:
    """Who runs in each concurrency group. A flow runs from its first Job, or the start it reports, to its end."""

    def __init__(self, claim: Callable[[bool, str], None], has_pods: Callable[[str], bool]) -> None:
        self._claim = claim
        self._has_pods = has_pods  # whether a Pod of the Job with this UID can still run
        self._flows: dict[str, Object] = {}  # by UID, those that are there
        self._group_of: dict[str, str] = {}  # by flow UID, for good
        self._started: set[str] = set()
        self._jobs: dict[str, str] = {}  # all Jobs that ever were, by UID: the UID of their flow
        self._over: set[str] = set()  # UIDs of those that are finished or gone

    def flow_changed(self, flow: Object) -> None:
        uid = flow["metadata"]["uid"]
        self._flows[uid] = flow
        self._group_of[uid] = _group(flow)
        if flow.get("status", {}).get("startTime") and uid not in self._started:
            self._start(flow)

    def flow_gone(self, flow: Object) -> None:
        self._flows.pop(flow["metadata"]["uid"], None)

    def job_created(self, flow: Object, job: Object) -> None:
        uid = flow["metadata"]["uid"]
        self._jobs[job["metadata"]["uid"]] = uid
        if uid not in self._started:
            self._start(flow)

    def job_changed(self, job: Object, *, is_over: bool) -> None:
        if is_over:
            self._over.add(job["metadata"]["uid"])

    def _start(self, started: Object) -> None:
        uid, name = started["metadata"]["uid"], started["metadata"]["name"]
        self._started.add(uid)
        if _policy(started) == "Allow":
            return
        for other in self._others(uid):
            rival = other["metadata"]["name"]
            self._claim(not self._is_in_the_way(other, started), f"I17: {name} started before or beside {rival}")
        others = (
            job for job, flow in self._jobs.items() if flow != uid and self._group_of[flow] == self._group_of[uid]
        )
        busy = [job for job in others if job not in self._over or self._has_pods(job)]
        self._claim(not busy, f"I17: {name} started while Jobs of an earlier flow still ran")

    def _others(self, uid: str) -> list[Object]:
        return [
            flow for each, flow in self._flows.items() if each != uid and self._group_of[each] == self._group_of[uid]
        ]

    def _is_in_the_way(self, other: Object, flow: Object) -> bool:
        """It runs; or it is older, as far as times tell, and waits for its turn."""
        if phase(other) in FINAL_FLOW:
            return False
        is_older = other["metadata"]["creationTimestamp"] < flow["metadata"]["creationTimestamp"]
        return other["metadata"]["uid"] in self._started or is_older


def _policy(flow: Object) -> str:
    found: str = flow["spec"].get("executionPolicy", {}).get("concurrencyPolicy", "Forbid")
    return found


def _group(flow: Object) -> str:
    meta, policy = flow["metadata"], flow["spec"].get("executionPolicy", {})
    return names.concurrency_group(policy.get("concurrencyGroup", ""), meta.get("generateName", ""), meta["name"])
