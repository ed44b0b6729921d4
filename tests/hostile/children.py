"""Jobs, Pods, ConfigMaps and claims that pretend to be a flow's.

An ordinary user is refused by the admission policy for children. An administrator is not: what the controller itself
makes of such an object is what it would make of it where the policy is not installed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.attack import Attacks
from tests.hostile.bodies import Work, flow, gate, job, marks, owner, pod, step
from tests.hostile.stage import TERMINAL, Stage
from zenflow.api.names import job_name

ATTACKS = Attacks("children")
Deed = Callable[[Stage], Iterator[None]]


def gated(name: str) -> dict[str, Any]:
    """Nothing behind the gate may run while nobody answers."""
    made: dict[str, Any] = flow(name, gate("gate"), step("deploy", "gate"), step("notify", "deploy"))
    return made


def behind_a_gate(attempt: str = "1", target: str = "deploy", **reference: Any) -> Deed:
    """A Job that ends well under the labels of a step that has not been reached."""

    def deed(stage: Stage) -> Iterator[None]:
        made = stage.tenant("bob").create("jobflows", gated("weekly")).stored()
        stage.wait_for_step("weekly", "gate", "PendingApproval")
        planted = job("forged", labels=marks(made, target, attempt), ownerReferences=owner(made, **reference))
        stage.admin.create("jobs", planted)
        yield
        assert stage.step("weekly", "gate")["phase"] == "PendingApproval"
        assert stage.step("weekly", "deploy").get("phase") in (None, "Pending")
        assert not [each for each in stage.jobs("notify") if each["metadata"]["name"] != "forged"]

    return deed


ATTEMPTS = {
    "one": "1",
    "leading-zero": "01",
    "plus": "p1",
    "zero": "0",
    "five-hundred": "500",
    "nine-digits": "999999999",
    "twenty-digits": "9" * 20,
    "sixty-digits": "9" * 60,
    "underscore": "1_0",
    "exponent": "1e3",
    "empty": "",
    "word": "first",
}
for _name, _attempt in ATTEMPTS.items():
    ATTACKS.add(f"attempt-{_name}", behind_a_gate(_attempt), kills=_name == "nine-digits")
for _name, _reference in {
    "owner-of-another-kind": {"kind": "JobSet"},
    "owner-of-another-group": {"apiVersion": "other.io/v1"},
    "owner-of-another-name": {"name": "other"},
    "owner-that-does-not-control": {"controller": False},
    "owner-of-another-uid": {"uid": "00000000-0000-0000-0000-000000000000"},
}.items():
    ATTACKS.add(_name, behind_a_gate(**_reference))
ATTACKS.add("for-the-gate-itself", behind_a_gate(target="gate"))
ATTACKS.add("for-a-step-that-is-not-there", behind_a_gate(target="nosuch"))
ATTACKS.add("for-the-last-step", behind_a_gate(target="notify"))


@ATTACKS.attack("under-the-right-name")
def right_name(stage: Stage) -> Iterator[None]:
    """The name of a Job can be foretold: the one in the way is neither taken for ours nor touched."""
    made = stage.tenant("bob").create("jobflows", gated("weekly")).stored()
    stage.wait_for_step("weekly", "gate", "PendingApproval")
    name = job_name("weekly", made["metadata"]["uid"], "deploy", 1)
    planted = job(name, labels=marks(made, "deploy", "1"))
    stage.admin.create("jobs", planted).stored()
    before = stage.admin.get("jobs", name)["metadata"]["uid"]
    yield
    stage.tenant("alice").merge(
        "jobflows", "weekly", {"metadata": {"annotations": {"approved.workflow.zen.io/gate": "true"}}}
    ).stored()
    status = stage.wait_for_phase("weekly", *TERMINAL)
    assert status["phase"] == "Failed"
    assert stage.admin.get("jobs", name)["metadata"]["uid"] == before
    assert not stage.jobs("notify")


@ATTACKS.attack("beside-the-real-attempt")
def beside(stage: Stage) -> Iterator[None]:
    """A second Job for the attempt that runs, which ends well at once."""
    made = (
        stage.tenant("bob").create("jobflows", flow("daily", step("a", work=Work(seconds=8)), step("b", "a"))).stored()
    )
    stage.wait_for_step("daily", "a", "Running")
    for attempt in ("1", "01", "2"):
        planted = job(f"forged-{attempt}", labels=marks(made, "a", attempt), ownerReferences=owner(made))
        stage.admin.create("jobs", planted)
    yield
    real = [each for each in stage.jobs("a") if not each["metadata"]["name"].startswith("forged")]
    status = stage.wait_for_phase("daily", *TERMINAL)
    assert status["phase"] == "Succeeded"
    (step_a,) = (each for each in status["steps"] if each["name"] == "a")
    assert step_a["jobRef"]["uid"] == real[0]["metadata"]["uid"]
    assert step_a.get("retryCount", 0) == 0


@ATTACKS.attack("beside-a-step-with-a-timeout")
def timed(stage: Stage) -> Iterator[None]:
    """Both Jobs outlive the timeout: it is enforced on ours, without a storm of writes."""
    work = Work(seconds=120)
    made = stage.tenant("bob").create("jobflows", flow("timed", step("w", work=work, timeoutSeconds=6))).stored()
    stage.wait_for_step("timed", "w", "Running")
    for attempt in ("2", "3"):
        planted = job(f"loop-{attempt}", seconds=120, labels=marks(made, "w", attempt), ownerReferences=owner(made))
        stage.admin.create("jobs", planted)
    before = stage.admin.get("jobflows", "timed")["metadata"]["generation"]
    yield
    status = stage.wait_for_phase("timed", *TERMINAL)
    assert status["steps"][0]["reason"] == "TimedOut"
    assert stage.admin.get("jobflows", "timed")["metadata"]["generation"] == before


@ATTACKS.attack("of-a-flow-that-waits-its-turn")
def waiting_turn(stage: Stage) -> Iterator[None]:
    group = {"concurrencyGroup": "turn"}
    stage.tenant("alice").create("jobflows", flow("hold", gate("g"), executionPolicy=group)).stored()
    stage.wait_for_step("hold", "g", "PendingApproval")
    maps = {"configMapTemplates": [{"metadata": {"name": "made"}, "data": {"a": "b"}}]}
    made = (
        stage.tenant("alice")
        .create("jobflows", flow("pend", step("a"), executionPolicy=group, resourceTemplates=maps))
        .stored()
    )
    stage.wait_for_phase("pend", "Pending")
    for name in ("zzz", "a"):
        planted = job(f"stray-{name}", labels=marks(made, name, "1"), ownerReferences=owner(made))
        stage.admin.create("jobs", planted)
    yield
    assert stage.status("pend")["phase"] == "Pending"


@ATTACKS.attack("evidence-for-a-failure-on-record")
def late_evidence(stage: Stage) -> Iterator[None]:
    """A Pod that appears after its Job has failed does not change why it failed."""
    rule = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}
    failing = step("a", work=Work(codes=(1,)), retryPolicy={"limit": 1, "backoff": {"type": "Fixed", "duration": "8s"}})
    made = stage.tenant("bob").create(
        "jobflows", flow("judged", failing, executionPolicy={"podFailurePolicy": {"rules": [rule]}})
    )
    uid = made.stored()["metadata"]["uid"]
    stage.wait_for_step("judged", "a", "Pending", within=30)
    found = stage.job("a")["metadata"]
    reference = [{"apiVersion": "batch/v1", "kind": "Job", "name": found["name"], "uid": found["uid"]}]
    reference[0]["controller"] = True  # type: ignore[assignment]
    labels = {**marks({"metadata": {"name": "judged", "uid": uid}}, "a", "1"), "job-name": found["name"]}
    stage.admin.create("pods", pod("liar", codes=(42,), labels=labels, ownerReferences=reference))
    yield
    status = stage.wait_for_phase("judged", *TERMINAL)
    assert status["phase"] == "Failed"
    assert status["steps"][0]["exitCode"] == 1


@ATTACKS.attack("pods-of-no-owner-in-a-group")
def ownerless_pods(stage: Stage) -> Iterator[None]:
    """A bare Pod that bears a group's marks holds nobody up."""
    labels = {"workflow.zen.io/flow-uid": "whatever", "jobflow": "weekly"}
    fake = pod("fake", labels=labels, annotations={"workflow.zen.io/concurrency-group": "weekly"})
    fake["spec"]["schedulingGates"] = [{"name": "zenflow.test/never"}]
    stage.admin.create("pods", fake).stored()
    stage.tenant("alice").create("jobflows", flow("weekly", step("a"))).stored()
    yield
    assert stage.wait_for_phase("weekly", *TERMINAL)["phase"] == "Succeeded"


def refused(resource: str, user: str, make: Callable[[dict[str, Any]], dict[str, Any]]) -> Deed:
    """An ordinary user who may create such objects may not create ones with our marks."""

    def deed(stage: Stage) -> Iterator[None]:
        made = stage.tenant("bob").create("jobflows", gated("weekly")).stored()
        answer = stage.tenant(user).create(resource, make(made))
        yield
        assert answer.status in (403, 422), answer.message

    return deed


ATTACKS.add("job-with-our-labels", refused("jobs", "jobber", lambda f: job("j", labels=marks(f, "deploy", "1"))))
ATTACKS.add("job-with-our-owner", refused("jobs", "jobber", lambda f: job("j", ownerReferences=owner(f))))
ATTACKS.add(
    "job-with-one-label", refused("jobs", "jobber", lambda _: job("j", labels={"workflow.zen.io/flow-uid": "x"}))
)
ATTACKS.add("pod-with-our-labels", refused("pods", "podder", lambda f: pod("p", labels=marks(f, "deploy", "1"))))
ATTACKS.add("pod-with-our-owner", refused("pods", "podder", lambda f: pod("p", ownerReferences=owner(f))))


def planted_map(data: dict[str, str], **metadata: Any) -> Deed:
    """A ConfigMap under the name of a template, which says it is the flow's."""

    def deed(stage: Stage) -> Iterator[None]:
        maps = {"configMapTemplates": [{"metadata": {"name": "scripts"}, "data": {"run.sh": "GOOD"}}]}
        body = flow("mapped", step("a"), resourceTemplates=maps, suspend=True)
        made = stage.tenant("bob").create("jobflows", body).stored()
        fake = {"metadata": {"name": "scripts", "ownerReferences": owner(made), **metadata}, "data": data}
        stage.tenant("mapper").create("configmaps", fake)
        stage.tenant("bob").merge("jobflows", "mapped", {"spec": {"suspend": False}})
        yield
        status = stage.wait_for_phase("mapped", *TERMINAL)
        assert status["phase"] == "Failed", status
        assert "scripts" in status["message"]

    return deed


ATTACKS.add("config-map-of-other-content", planted_map({"run.sh": "EVIL"}))
ATTACKS.add("config-map-of-no-content", planted_map({}))
ATTACKS.add("config-map-that-is-not-owned", planted_map({"run.sh": "GOOD"}, ownerReferences=[]))
