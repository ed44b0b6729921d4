"""One flow in a scripted world, told in whole seconds since it was created: for tests of times, exact by the clock."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.simulation.faults import Plan
from tests.simulation.objects import Object, has
from tests.simulation.shapes import step
from tests.simulation.world import Simulation
from tests.support.clock import EPOCH, VirtualClock
from zenflow.api.names import LABEL_ATTEMPT, LABEL_STEP
from zenflow.controller.objects import JOBFLOWS, JOBS
from zenflow.local.apiserver.admission import Admission, AdmissionRequest, AdmissionResponse, Operation
from zenflow.local.apiserver.storage.store import MAX_OBJECT
from zenflow.local.containers.script import Outcome, Rule, by_rules
from zenflow.runtime.client import Client

FLOW = "story"
OK = Outcome(seconds=2.0)
FAILS = Outcome(seconds=2.0, exit_code=1, message="no luck")
HANGS = Outcome(seconds=None)
DEAF = Outcome(seconds=None, obeys=False)  # ends only by force, after the Pod's grace of 30 s

_REASONS = {422: "Invalid", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
Outcomes = Mapping[str, Sequence[Outcome]]
Person = Callable[[Client], object]


def exits(code: int, seconds: float = 2.0) -> Outcome:
    """A container that ends by itself."""
    return Outcome(seconds=seconds, exit_code=code)


@dataclass(frozen=True, slots=True)
class Span:
    """One Job in seconds since the beginning. `end` is that of its Complete or Failed condition, None without one."""

    start: float
    end: float | None = None
    is_deleted: bool = False


class Story:
    """A flow that is driven to its end, with no promise broken.

    `outcomes` are by step: one for each attempt, the last for all later ones. `people` act and `looks` are taken at
    seconds since the beginning; what was seen then of the flow is in `seen`.
    """

    def __init__(
        self,
        *steps: dict[str, Any],
        outcomes: Outcomes | None = None,
        people: Sequence[tuple[float, Person]] = (),
        looks: Sequence[float] = (),
        admission: Callable[[VirtualClock], Admission] | None = None,
        plan: Plan | None = None,
        max_object: int = MAX_OBJECT,
        **spec: Any,
    ) -> None:
        script = by_rules(*_rules(outcomes or {}), otherwise=OK)
        clock = VirtualClock()
        plugins = (admission(clock),) if admission else ()
        simulation = Simulation(lambda _: script, clock=clock, admission=plugins, plan=plan, max_object=max_object)
        simulation.submit(FLOW, steps, **spec)
        self.seen: dict[float, Object] = {}
        for seconds, person in (*people, *((seconds, self._look(seconds)) for seconds in looks)):
            simulation.later(seconds, person)
        simulation.run()
        self.requests = len(simulation.transport.requests)
        self._history = simulation.history
        assert self._history.violations == [], self._history.violations

    @property
    def flow(self) -> Object:
        return self._history.flow(FLOW)

    @property
    def ending(self) -> str:
        """`Failed/Reason`, or `Succeeded/StepsSucceeded`."""
        ends = {each["type"]: each["reason"] for each in self.flow["status"]["conditions"]}
        return f"{self.flow['status']['phase']}/{ends.get('Complete') or ends.get('Failed')}"

    def step(self, name: str, *, when: float | None = None) -> Object:
        """The step's status, at the end or as it was seen."""
        flow = self.flow if when is None else self.seen[when]
        found: Object = next(each for each in flow["status"]["steps"] if each["name"] == name)
        return found

    def says(self, name: str) -> str:
        """`Phase/Reason` of a step."""
        status = self.step(name)
        return f"{status['phase']}/{status.get('reason')}"

    def says_all(self) -> dict[str, tuple[str, int]]:
        """`Phase/Reason` of every step, and how many Jobs it had."""
        return {each["name"]: (self.says(each["name"]), len(self.spans(each["name"]))) for each in self._steps()}

    def _steps(self) -> list[Object]:
        steps: list[Object] = self.flow["status"]["steps"]
        return steps

    def spans(self, name: str) -> list[Span]:
        """The Jobs of a step, in order."""
        return [self._span(job) for job in self._history.jobs(FLOW, name)]

    def waits(self, name: str) -> list[float]:
        """Seconds from the end of each attempt to the creation of the next."""
        return [after.start - (before.end or 0) for before, after in pairwise(self.spans(name))]

    def _look(self, seconds: float) -> Person:
        def look(client: Client) -> None:
            self.seen[seconds] = json.loads(client.get(JOBFLOWS, FLOW, "default"))

        return look

    def _span(self, job: Object) -> Span:
        conditions = job.get("status", {}).get("conditions", ())
        ends = [since(each["lastTransitionTime"]) for each in conditions if each["type"] in ("Complete", "Failed")]
        is_over = has(job, "Complete") or has(job, "Failed")
        start = since(job["metadata"]["creationTimestamp"])
        return Span(start, ends[0] if is_over else None, self._history.is_deleted(job))


def since(time: str) -> float:
    """A time of an object as seconds since the beginning."""
    return (datetime.fromisoformat(time) - EPOCH).total_seconds()


def retrying(name: str, limit: int = 3, **backoff: Any) -> dict[str, Any]:
    """A step with a retryPolicy."""
    return step(name, retryPolicy={"limit": limit, "backoff": backoff})


def with_job(made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The step with more in the spec of its Job; a field that is None is taken out."""
    spec = {**made["template"]["spec"], **fields}
    template = {"spec": {key: value for key, value in spec.items() if value is not None}}
    return {**made, "template": template}


def delete_jobs_of(name: str) -> Person:
    """A person deletes the Jobs of a step that are there."""

    def act(client: Client) -> None:
        jobs = [json.loads(bytes(item)) for page in client.pages(JOBS, "default") for item in page.items]
        for job in jobs:
            if job["metadata"]["labels"][LABEL_STEP] == name:
                client.delete(JOBS, job["metadata"]["name"], "default")

    return act


def patch_flow(body: Mapping[str, Any], name: str = FLOW) -> Person:
    """A person changes the flow."""
    return lambda client: client.patch(JOBFLOWS, name, json.dumps(body).encode(), "default")


def refuse_jobs(until: float, code: int, message: str) -> Callable[[VirtualClock], Admission]:
    """An API server that takes no Job until then."""

    def make(clock: VirtualClock) -> Admission:
        def admit(request: AdmissionRequest) -> AdmissionResponse:
            is_new_job = request.resource.plural == "jobs" and request.operation is Operation.CREATE
            if not is_new_job or clock.monotonic() >= until:
                return AdmissionResponse()
            reason = _REASONS.get(code, "Forbidden")
            return AdmissionResponse(allowed=False, code=code, reason=reason, message=message)

        return admit

    return make


def _rules(outcomes: Outcomes) -> list[Rule]:
    return [
        Rule({LABEL_STEP: name, **({LABEL_ATTEMPT: str(number)} if number < len(each) else {})}, (outcome,))
        for name, each in outcomes.items()
        for number, outcome in enumerate(each, 1)
    ]
