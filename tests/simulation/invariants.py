"""An independent witness: it watches the API server, not the controller, and holds every write to the promises.

I1, I2 at most one Job per (flow, step, attempt) ever exists · I3 attempts never overlap · I4 at creation every
dependency is satisfied in the server's truth · I5 final phases and results never change · I7 attempts are contiguous
from 1, at most limit + 1 · I8 nothing starts after the end · I9 what is not ours stays as it is · I12 what waits for an
approval starts only after one that admission has stamped · I15 status writes are bounded · I17 Forbid and Replace hold
at every instant (`groups`).
"""

import json
from collections import defaultdict
from typing import Any

from tests.simulation.groups import Groups
from tests.simulation.objects import FINAL_FLOW, FINAL_STEP, Object, has, is_ours, phase
from zenflow.api import names
from zenflow.controller.objects import JOBFLOWS, JOBS, PODS
from zenflow.local.apiserver.server import ApiServer
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.transport import Stream


class Historian:
    """The truth of the API server, event by event. What it finds broken is in `violations`."""

    def __init__(self, api: ApiServer) -> None:
        client = Client(api.as_user("historian"))
        self._streams = [self._watch(client, resource) for resource in (JOBFLOWS, JOBS, PODS)]
        self._flows: dict[str, Object] = {}  # by UID, the latest version, deleted ones included
        self._jobs: dict[str, Object] = {}  # by UID, the latest version, deleted ones included
        self._running: dict[str, set[str]] = defaultdict(set)  # by Job UID: its Pods that may still run
        self._gone: set[str] = set()  # UIDs of flows and Jobs that were deleted
        self._foreign: dict[str, Object] = {}  # by UID: what is not ours, as it was when it came
        self._attempts: dict[str, dict[str, dict[int, list[str]]]] = defaultdict(lambda: defaultdict(dict))
        self._status_writes: dict[str, int] = defaultdict(int)
        self.first_job_version = 0  # resourceVersion of the first Job that was made
        self._groups = Groups(self._claim, lambda job_uid: bool(self._running[job_uid]))
        self.violations: list[str] = []

    @staticmethod
    def _watch(client: Client, resource: Resource) -> Stream:
        pages = list(client.pages(resource))
        return client.watch(resource, resource_version=pages[-1].resource_version)

    def observe(self) -> None:
        """Take in what was written since the last call, in the order in which it was written."""
        events = [json.loads(line) for stream in self._streams for line in stream.read()]
        events = [event for event in events if event["type"] != "BOOKMARK"]
        for event in sorted(events, key=lambda event: int(event["object"]["metadata"]["resourceVersion"])):
            takes = {JOBS.kind: self._take_job, PODS.kind: self._take_pod, JOBFLOWS.kind: self._take_flow}
            takes[event["object"]["kind"]](event["type"], event["object"])

    def all_ended(self) -> bool:
        """Whether every flow is in its final phase, or gone."""
        return all(uid in self._gone or phase(flow) in FINAL_FLOW for uid, flow in self._flows.items())

    def end_state(self) -> Object:
        """What must not depend on faults: phases, and which Jobs were made, by flow, deleted ones included."""
        return {
            flow["metadata"]["name"]: {
                "phase": phase(flow),
                "steps": {
                    step["name"]: (step["phase"], step.get("reason"), step.get("retryCount", 0))
                    for step in flow.get("status", {}).get("steps", [])
                },
                "jobs": sorted((step, number) for step, numbers in self._attempts[uid].items() for number in numbers),
            }
            for uid, flow in self._flows.items()
        }

    def flow(self, name: str) -> Object:
        """The latest flow of that name as it is now."""
        return next(flow for flow in reversed(self._flows.values()) if flow["metadata"]["name"] == name)

    def jobs(self, flow: str, step: str) -> list[Object]:
        """The Jobs of a step of the latest flow of that name, in order, deleted ones included."""
        attempts = self._attempts[self.flow(flow)["metadata"]["uid"]][step]
        return [self._jobs[uid] for _, uids in sorted(attempts.items()) for uid in uids]

    def is_deleted(self, obj: Object) -> bool:
        """Whether a flow or a Job is gone."""
        return obj["metadata"]["uid"] in self._gone

    def _claim(self, holds: bool, promise: str) -> None:
        if not holds:
            self.violations.append(promise)

    def _take_flow(self, type_: str, flow: Object) -> None:
        uid = flow["metadata"]["uid"]
        if type_ == "DELETED":
            self._gone.add(uid)
            self._groups.flow_gone(flow)
            return
        before = self._flows.get(uid, {})
        self._flows[uid] = flow
        self._groups.flow_changed(flow)
        was, now = before.get("status", {}), flow.get("status", {})
        if was != now:
            self._status_writes[uid] += 1
        if was.get("phase") in FINAL_FLOW:
            self._claim(was == now, f"I5: the status of {flow['metadata']['name']} changed after its end")
        final = {step["name"]: step for step in was.get("steps", []) if step["phase"] in FINAL_STEP}
        for step in now.get("steps", []):
            expected = final.get(step["name"], step)
            is_same = all(_is_kept(key, value, expected) for key, value in step.items())
            self._claim(is_same, f"I5: step {step['name']} changed after its end: {expected} -> {step}")
        made = sum(len(numbers) for numbers in self._attempts[uid].values())
        # Each try of a Job that retries by itself is told.
        tries = sum(
            self._jobs[job].get("status", {}).get("failed", 0)
            for numbers in self._attempts[uid].values()
            for jobs in numbers.values()
            for job in jobs
            if self._jobs[job]["spec"]["backoffLimit"]
        )
        bound = len(flow["spec"]["steps"]) + made + tries + 4
        self._claim(self._status_writes[uid] <= bound, f"I15: {self._status_writes[uid]} status writes, bound {bound}")

    def _take_job(self, type_: str, job: Object) -> None:
        if not is_ours(job):
            self._take_foreign(type_, job)
            return
        uid = job["metadata"]["uid"]
        is_new = uid not in self._jobs
        self._jobs[uid] = job
        if type_ == "DELETED":
            self._gone.add(uid)
        if type_ == "ADDED" and is_new:
            self._take_creation(job)
        else:
            self._groups.job_changed(job, is_over=type_ == "DELETED" or has(job, "Complete") or has(job, "Failed"))

    def _take_pod(self, type_: str, pod: Object) -> None:
        meta = pod["metadata"]
        owner = next((owner["uid"] for owner in meta.get("ownerReferences", ()) if owner.get("controller")), "")
        is_over = type_ == "DELETED" or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        pods = self._running[owner]
        (pods.discard if is_over else pods.add)(meta["uid"])

    def _take_foreign(self, type_: str, job: Object) -> None:
        meta = {key: job["metadata"].get(key) for key in ("labels", "annotations", "ownerReferences", "finalizers")}
        now = {"metadata": meta, "spec": job["spec"]}
        was = self._foreign.setdefault(job["metadata"]["uid"], now)
        self._claim(type_ != "DELETED" and was == now, f"I9: {job['metadata']['name']} is not ours and was touched")

    def _take_creation(self, job: Object) -> None:
        self.first_job_version = self.first_job_version or int(job["metadata"]["resourceVersion"])
        labels = job["metadata"]["labels"]
        flow_uid, step = labels[names.LABEL_FLOW_UID], labels[names.LABEL_STEP]
        number = int(labels[names.LABEL_ATTEMPT])
        flow = self._flows[flow_uid]
        attempts = self._attempts[flow_uid][step]
        attempts.setdefault(number, []).append(job["metadata"]["uid"])
        where = f"{flow['metadata']['name']}/{step}/{number}"
        self._groups.job_created(flow, job)
        self._claim(len(attempts[number]) == 1, f"I2: {where} was created twice")
        self._claim(phase(flow) not in FINAL_FLOW, f"I8: {where} was created after the end")
        spec = next(one for one in flow["spec"]["steps"] if one["name"] == step)
        limit = spec["retryPolicy"].get("limit", 3) if "retryPolicy" in spec else 0
        self._claim(number <= limit + 1, f"I7: {where} exceeds the limit of {limit} retries")
        if number > 1:
            before = attempts.get(number - 1, [])
            self._claim(bool(before), f"I7: {where} was created without attempt {number - 1}")
            self._claim(all(self._is_over(uid) for uid in before), f"I3: {where} overlaps the attempt before it")
        for dependency in spec.get("dependencies", []):
            self._claim(self._is_satisfied(flow, dependency), f"I4: {where} was created before {dependency} was done")

    def _is_over(self, job_uid: str) -> bool:
        """Whether a Job has failed or is gone, and none of its Pods can still run."""
        return (job_uid in self._gone or has(self._jobs[job_uid], "Failed")) and not self._running[job_uid]

    def _is_satisfied(self, flow: Object, name: str) -> bool:
        spec = next(one for one in flow["spec"]["steps"] if one["name"] == name)
        if spec.get("when", "").lower() in ("never", "false"):
            return True
        if spec.get("type") == "Manual":
            return _is_approved(flow, name)
        jobs = [self._jobs[uid] for uids in self._attempts[flow["metadata"]["uid"]][name].values() for uid in uids]
        if any(has(job, "Complete") for job in jobs):
            return True
        failed = (has(job, "Failed") or self.is_deleted(job) for job in jobs)
        # What a podFailurePolicy makes of a failure is not the witness's to say.
        may_fail = spec.get("continueOnFailure") or "podFailurePolicy" in flow["spec"].get("executionPolicy", {})
        return bool(may_fail) and bool(jobs) and all(failed)


def _is_kept(key: str, value: Any, before: Object) -> bool:
    """Whether an ended step still says this of itself. Details may be left out where there is no room for them."""
    match key:
        case "message":
            return str(before.get("message", "")).startswith(value)
        case "jobRef":
            was = before.get("jobRef", {})
            return value["name"] == was.get("name") and value.get("uid", "") in ("", was.get("uid"))
        case "retryCount":
            return bool(value == before.get("retryCount", 0))
        case _:
            return bool(before.get(key) == value)


def _is_approved(flow: Object, name: str) -> bool:
    """By somebody, as admission says; or rejected, where the step may fail."""
    annotations = flow["metadata"].get("annotations", {})
    spec = next(one for one in flow["spec"]["steps"] if one["name"] == name)
    counts = ("true", "false") if spec.get("continueOnFailure") else ("true",)
    return annotations.get(names.APPROVED_PREFIX + name) in counts and names.APPROVED_BY_PREFIX + name in annotations
