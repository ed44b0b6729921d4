"""Numbers and dates at the edges of what can be stored, in specs, in statuses and in what Pods report."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import Work, flow, gate, step
from tests.hostile.stage import TERMINAL, Stage

ATTACKS = Attacks("numbers")
LARGEST = 2**63 - 1
FAR, LONG_AGO = "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"


def spec(*steps: Any, **fields: Any) -> Callable[[Stage], Iterator[None]]:
    """Refused by the API server, refused by the controller, or run: each to an end that is told."""

    def deed(stage: Stage) -> Iterator[None]:
        answer = stage.tenant("bob").create("jobflows", flow("edge", *steps, **fields))
        yield
        if answer.ok:
            stage.wait_for_phase("edge", "Running", *TERMINAL)

    return deed


def retrying(**backoff: Any) -> Any:
    return step("a", work=Work(codes=(1,)), retryPolicy={"limit": 1, "backoff": backoff})


EDGES: dict[str, Any] = {
    "retry-limit-of-a-billion": step("a", work=Work(codes=(1, 0)), retryPolicy={"limit": 10**9}),
    "retry-limit-negative": step("a", retryPolicy={"limit": -1}),
    "retry-limit-of-64-bits": step("a", retryPolicy={"limit": LARGEST}),
    "retry-limit-fraction": step("a", retryPolicy={"limit": 1.5}),
    "factor-1e300": retrying(type="Exponential", factor=1e300, duration="1s"),
    "factor-1e-300": retrying(type="Exponential", factor=1e-300, duration="1s"),
    "factor-zero": retrying(type="Exponential", factor=0, duration="1s"),
    "factor-negative": retrying(type="Exponential", factor=-3, duration="1s"),
    "duration-of-a-million-hours": retrying(type="Fixed", duration="1000000h"),
    "duration-of-400-digits": retrying(type="Fixed", duration="9" * 400 + "s"),
    "duration-zero": retrying(type="Fixed", duration="0s"),
    "duration-negative": retrying(type="Fixed", duration="-1s"),
    "duration-in-foreign-digits": retrying(type="Fixed", duration="١s"),
    "timeout-of-64-bits": step("a", timeoutSeconds=LARGEST),
    "timeout-zero": step("a", timeoutSeconds=0),
    "timeout-negative": step("a", timeoutSeconds=-1),
    "jobs-backoff-limit-of-31-bits": step("a", job={"backoffLimit": 2**31 - 1}),
    "jobs-backoff-limit-of-64-bits": step("a", job={"backoffLimit": LARGEST}),
    "jobs-deadline-of-64-bits": step("a", job={"activeDeadlineSeconds": LARGEST}),
    "jobs-completions-zero": step("a", job={"completions": 0}),
    "jobs-parallelism-zero": step("a", timeoutSeconds=1, job={"parallelism": 0}),
}
for _name, _step in EDGES.items():
    ATTACKS.add(_name, spec(_step))
POLICIES = {
    "deadline-of-64-bits": {"activeDeadlineSeconds": LARGEST},
    "deadline-of-one-second": {"activeDeadlineSeconds": 1},
    "ttl-of-64-bits": {"ttlSecondsAfterFinished": LARGEST},
    "ttl-of-31-bits": {"ttlSecondsAfterFinished": 2**31 - 1},
    "ttl-negative": {"ttlSecondsAfterFinished": -1},
    "budget-of-64-bits": {"backoffLimit": LARGEST},
}
for _name, _policy in POLICIES.items():
    ATTACKS.add(_name, spec(step("a"), executionPolicy=_policy))


def written_status(status: dict[str, Any]) -> Callable[[Stage], Iterator[None]]:
    """By somebody who may write status: that flow is theirs to spoil, and nothing else is."""

    def deed(stage: Stage) -> Iterator[None]:
        stage.tenant("bob").create("jobflows", flow("spoilt", gate("g"), step("a", "g"))).stored()
        stage.wait_for_step("spoilt", "g", "PendingApproval")
        stage.tenant("steve").merge("jobflows", "spoilt", {"status": status}, "status")
        yield

    return deed


PENDING = {"name": "a", "phase": "Pending", "jobRef": {"name": "nope", "uid": "nope"}}
RUNNING = {"name": "a", "phase": "Running", "jobRef": {"name": "nope", "uid": "nope"}}
STATUSES: dict[str, dict[str, Any]] = {
    "status-retry-count-999999999": {"steps": [{**PENDING, "retryCount": 999_999_999}]},
    "status-retry-count-of-running": {"steps": [{**RUNNING, "retryCount": 999_999_999}]},
    "status-retry-count-negative": {"steps": [{**PENDING, "retryCount": -5}]},
    "status-retries-in-the-year-9999": {"steps": [{**PENDING, "nextRetryTime": FAR}]},
    "status-ended-in-the-year-9999": {"phase": "Succeeded", "completionTime": FAR},
    "status-ended-in-the-year-1": {"phase": "Failed", "completionTime": LONG_AGO},
    "status-started-in-the-year-1": {"startTime": LONG_AGO},
    "status-started-in-the-year-9999": {"startTime": FAR},
    "status-step-times-swapped": {"steps": [{**RUNNING, "startTime": FAR, "completionTime": LONG_AGO}]},
    "status-ended-without-a-time": {"phase": "Succeeded"},
    "status-exit-code-of-64-bits": {"steps": [{**RUNNING, "exitCode": LARGEST}]},
    "status-generation-of-64-bits": {"observedGeneration": LARGEST},
    "status-progress-negative": {"progress": {"totalSteps": -1, "completedSteps": -1}},
    "status-same-step-a-hundred-times": {"steps": [PENDING] * 100},
    "status-of-no-step": {"steps": [{**RUNNING, "name": "nosuch"}]},
    "status-without-steps": {"steps": None},
    "status-unknown-phase": {"phase": "Dancing"},
}
for _name, _status in STATUSES.items():
    ATTACKS.add(_name, written_status(_status), kills=_name == "status-retry-count-999999999")


def reported(**terminated: Any) -> Callable[[Stage], Iterator[None]]:
    """What a kubelet might report of a container; a Pod's status is written by an administrator here."""

    def deed(stage: Stage) -> Iterator[None]:
        made = flow("reported", step("a", work=Work(seconds=120), job={"backoffLimit": 0}))
        stage.tenant("bob").create("jobflows", made).stored()
        stage.wait_for_step("reported", "a", "Running")
        name = stage.wait_for_pod("a")
        container = {"name": "main", "ready": False, "restartCount": 2**31 - 1, "image": "x", "imageID": "x"}
        ended = {"exitCode": 1, "startedAt": LONG_AGO, "finishedAt": FAR, **terminated}
        states = {"containerStatuses": [{**container, "state": {"terminated": ended}}]}
        stage.admin.merge("pods", name, {"status": {"phase": "Failed", **states}}, "status").stored()
        yield
        assert stage.wait_for_phase("reported", *TERMINAL)["phase"] == "Failed"

    return deed


ATTACKS.add("exit-code-of-31-bits", reported(exitCode=2**31 - 1))
ATTACKS.add("exit-code-negative", reported(exitCode=-(2**31)))
ATTACKS.add("exit-in-the-year-9999", reported(finishedAt=FAR))
