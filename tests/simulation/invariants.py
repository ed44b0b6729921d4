"""An independent witness: it watches the API server, not the controller, and holds every write to the promises.

I1, I2 at most one Job per (flow, step, attempt) ever exists · I3 attempts never overlap · I4 at creation every
dependency is satisfied in the server's truth · I5 final phases and results never change · I7 attempts are contiguous
from 1, at most limit + 1 · I8 nothing starts after the end · I12 what waits for an approval starts only after one
that admission has stamped · I15 status writes are bounded.
"""

import json
from collections import defaultdict
from typing import Any

from zenflow.api import names
from zenflow.controller.objects import JOBFLOWS, JOBS
from zenflow.local.apiserver import ApiServer
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.transport import Stream

Object = dict[str, Any]

_FINAL_FLOW = ("Succeeded", "Failed")
_FINAL_STEP = ("Succeeded", "Failed", "Skipped")


class Historian:
    """The truth of the API server, event by event. What it finds broken is in `violations`."""

    def __init__(self, api: ApiServer) -> None:
        client = Client(api.as_user("historian"))
        self._streams = [self._watch(client, resource) for resource in (JOBFLOWS, JOBS)]
        self._flows: dict[str, Object] = {}  # by UID, the latest version
        self._jobs: dict[str, Object] = {}  # by UID, the latest version, deleted ones included
        self._attempts: dict[str, dict[str, dict[int, list[str]]]] = defaultdict(lambda: defaultdict(dict))
        self._status_writes: dict[str, int] = defaultdict(int)
        self.first_job_version = 0  # resourceVersion of the first Job that was made
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
            if event["object"]["kind"] == JOBS.kind:
                self._take_job(event["type"], event["object"])
            else:
                self._take_flow(event["object"])

    def all_ended(self) -> bool:
        """Whether every flow is in its final phase."""
        return all(_phase(flow) in _FINAL_FLOW for flow in self._flows.values())

    def end_state(self) -> Object:
        """What must not depend on faults: phases, and which Jobs were made, by flow."""
        return {
            flow["metadata"]["name"]: {
                "phase": _phase(flow),
                "steps": {
                    step["name"]: (step["phase"], step.get("reason"), step.get("retryCount", 0))
                    for step in flow.get("status", {}).get("steps", [])
                },
                "jobs": sorted((step, number) for step, numbers in self._attempts[uid].items() for number in numbers),
            }
            for uid, flow in self._flows.items()
        }

    def _claim(self, holds: bool, promise: str) -> None:
        if not holds:
            self.violations.append(promise)

    def _take_flow(self, flow: Object) -> None:
        uid = flow["metadata"]["uid"]
        before = self._flows.get(uid, {})
        self._flows[uid] = flow
        was, now = before.get("status", {}), flow.get("status", {})
        if was != now:
            self._status_writes[uid] += 1
        if was.get("phase") in _FINAL_FLOW:
            self._claim(was == now, f"I5: the status of {flow['metadata']['name']} changed after its end")
        final = {step["name"]: step for step in was.get("steps", []) if step["phase"] in _FINAL_STEP}
        for step in now.get("steps", []):
            expected = final.get(step["name"], step)
            self._claim(expected == step, f"I5: step {step['name']} changed after its end: {expected} -> {step}")
        made = sum(len(numbers) for numbers in self._attempts[uid].values())
        bound = len(flow["spec"]["steps"]) + made + 4
        self._claim(self._status_writes[uid] <= bound, f"I15: {self._status_writes[uid]} status writes, bound {bound}")

    def _take_job(self, type_: str, job: Object) -> None:
        uid = job["metadata"]["uid"]
        is_new = uid not in self._jobs
        self._jobs[uid] = job
        if type_ == "ADDED" and is_new:
            self._take_creation(job)

    def _take_creation(self, job: Object) -> None:
        self.first_job_version = self.first_job_version or int(job["metadata"]["resourceVersion"])
        labels = job["metadata"]["labels"]
        flow_uid, step = labels[names.LABEL_FLOW_UID], labels[names.LABEL_STEP]
        number = int(labels[names.LABEL_ATTEMPT])
        flow = self._flows[flow_uid]
        attempts = self._attempts[flow_uid][step]
        attempts.setdefault(number, []).append(job["metadata"]["uid"])
        where = f"{flow['metadata']['name']}/{step}/{number}"
        self._claim(len(attempts[number]) == 1, f"I2: {where} was created twice")
        self._claim(_phase(flow) not in _FINAL_FLOW, f"I8: {where} was created after the end")
        spec = next(one for one in flow["spec"]["steps"] if one["name"] == step)
        limit = spec["retryPolicy"].get("limit", 3) if "retryPolicy" in spec else 0
        self._claim(number <= limit + 1, f"I7: {where} exceeds the limit of {limit} retries")
        if number > 1:
            before = [self._jobs[uid] for uid in attempts.get(number - 1, [])]
            self._claim(bool(before), f"I7: {where} was created without attempt {number - 1}")
            self._claim(all(_has(one, "Failed") for one in before), f"I3: {where} overlaps the attempt before it")
        for dependency in spec.get("dependencies", []):
            self._claim(self._is_satisfied(flow, dependency), f"I4: {where} was created before {dependency} was done")

    def _is_satisfied(self, flow: Object, name: str) -> bool:
        spec = next(one for one in flow["spec"]["steps"] if one["name"] == name)
        if spec.get("when", "").lower() in ("never", "false"):
            return True
        if spec.get("type") == "Manual":
            return _is_approved(flow, name)
        jobs = [self._jobs[uid] for uids in self._attempts[flow["metadata"]["uid"]][name].values() for uid in uids]
        if any(_has(job, "Complete") for job in jobs):
            return True
        return bool(spec.get("continueOnFailure")) and bool(jobs) and all(_has(job, "Failed") for job in jobs)


def _is_approved(flow: Object, name: str) -> bool:
    """By somebody, as admission says; or rejected, where the step may fail."""
    annotations = flow["metadata"].get("annotations", {})
    spec = next(one for one in flow["spec"]["steps"] if one["name"] == name)
    counts = ("true", "false") if spec.get("continueOnFailure") else ("true",)
    return annotations.get(names.APPROVED_PREFIX + name) in counts and names.APPROVED_BY_PREFIX + name in annotations


def _phase(flow: Object) -> str:
    phase: str = flow.get("status", {}).get("phase", "")
    return phase


def _has(job: Object, type_: str) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] == type_ and one["status"] == "True" for one in conditions)
