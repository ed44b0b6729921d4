"""Pods on a whole local cluster with scripted containers: order, restarts, phases, deletion, slots."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.clock import VirtualClock
from tests.support.scripted_cluster import Object, ScriptedCluster, conditions_of
from tests.support.workloads import pod
from zenflow.local.containers.script import Outcome, Rule, ScriptExecutor, by_rules
from zenflow.local.loop.objects import PODS, Container, Pod
from zenflow.local.node.executor import RunId
from zenflow.local.node.pod_worker import PodWorker
from zenflow.runtime.errors import NotFound

MAIN = {"name": "main", "image": "busybox"}


def scripted(**containers: Outcome | tuple[Outcome, ...]) -> ScriptedCluster:
    """A cluster where each named container goes its own way, whatever its Pod."""
    rules = [
        Rule({}, outcomes if isinstance(outcomes, tuple) else (outcomes,), name)
        for name, outcomes in containers.items()
    ]
    return ScriptedCluster(by_rules(*rules))


def statuses(pod: Object) -> dict[str, Mapping[str, Any]]:
    """Container statuses by name."""
    status = pod["status"]
    return {s["name"]: s for s in (status.get("initContainerStatuses") or []) + status["containerStatuses"]}


def state(pod: Object, container: str = "main") -> tuple[str, Any]:
    """What the container does, and its reason, exit code or start."""
    ((kind, details),) = statuses(pod)[container]["state"].items()
    return kind, details.get("exitCode", details.get("reason", details.get("startedAt")))


def started_at(pod: Object, container: str) -> str:
    return str(statuses(pod)[container]["state"]["terminated"]["startedAt"])


def test_a_pod_runs_and_is_ready_while_it_runs() -> None:
    """Conditions hold as the kubelet sets them."""
    world = scripted(main=Outcome(seconds=10))
    world.create_pod()
    world.settle()
    pod = world.pod()
    assert (pod["status"]["phase"], pod["spec"]["nodeName"], state(pod)) == (
        "Running",
        "local",
        ("running", "2026-01-01T00:00:00Z"),
    )
    assert conditions_of(pod).keys() >= {"Initialized", "Ready", "ContainersReady", "PodScheduled"}


@pytest.mark.parametrize(("code", "phase", "reason"), [(0, "Succeeded", "Completed"), (3, "Failed", "Error")])
def test_a_pod_that_is_not_restarted_ends_with_its_container(code: int, phase: str, reason: str) -> None:
    """Exit code, message and times stand in the status."""
    world = scripted(main=Outcome(seconds=2, exit_code=code, message="done"))
    world.create_pod()
    world.run(3)
    pod = world.pod()
    terminated = statuses(pod)["main"]["state"]["terminated"]
    assert (pod["status"]["phase"], terminated) == (
        phase,
        {
            "exitCode": code,
            "reason": reason,
            "message": "done",
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:00:02Z",
        },
    )


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Never", (0, 0), "Succeeded"),
        ("Never", (0, 1), "Failed"),
        ("OnFailure", (0, 0), "Succeeded"),
        ("OnFailure", (0, 1), "Running"),
        ("Always", (0, 0), "Running"),
    ],
)
def test_the_phase_follows_from_all_containers_and_the_policy(policy: str, codes: tuple[int, int], phase: str) -> None:
    """Who will be restarted keeps the Pod running."""
    world = scripted(main=Outcome(1, exit_code=codes[0]), other=Outcome(1, exit_code=codes[1]))
    world.create_pod(restartPolicy=policy, containers=[MAIN, {**MAIN, "name": "other"}])
    world.run(5)
    assert world.pod()["status"]["phase"] == phase


def test_a_failing_container_is_restarted_ever_more_slowly() -> None:
    """At once, then 10 s after each end, doubled."""
    world = scripted(main=Outcome(seconds=1, exit_code=1))
    world.create_pod(restartPolicy="OnFailure")
    ends = []
    for seconds in (1, 1, 11, 21):
        world.run(seconds)
        ends.append(statuses(world.pod())["main"]["restartCount"])
    assert ends == [1, 1, 2, 3]


def test_a_container_in_backoff_says_so() -> None:
    """CrashLoopBackOff, with the last end beside it."""
    world = scripted(main=Outcome(seconds=1, exit_code=7))
    world.create_pod(restartPolicy="OnFailure")
    world.run(4)
    main = statuses(world.pod())["main"]
    assert main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert main["state"]["waiting"]["message"].startswith(
        "back-off 10s restarting failed container=main pod=pod_default"
    )
    assert main["lastState"]["terminated"]["exitCode"] == 7


def test_a_restarted_container_may_succeed() -> None:
    """restartPolicy OnFailure: two failures, then success."""
    failing = Outcome(seconds=1, exit_code=1)
    world = scripted(main=(failing, failing, Outcome(seconds=1)))
    world.create_pod(restartPolicy="OnFailure")
    world.run(60)
    pod = world.pod()
    assert (pod["status"]["phase"], statuses(pod)["main"]["restartCount"]) == ("Succeeded", 2)


def test_init_containers_run_one_after_another() -> None:
    """Each waits for the one before, the main ones for all."""
    world = scripted(one=Outcome(5), two=Outcome(5), main=Outcome(1))
    world.create_pod(initContainers=[{**MAIN, "name": "one"}, {**MAIN, "name": "two"}])
    world.run(7)
    assert (world.pod()["status"]["phase"], state(world.pod())) == ("Pending", ("waiting", "PodInitializing"))
    world.run(5)
    pod = world.pod()
    assert [started_at(pod, name)[-3:] for name in ("one", "two", "main")] == ["00Z", "05Z", "10Z"]


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Failed"), ("OnFailure", "Pending")])
def test_a_failing_init_container_fails_the_pod_or_is_tried_again(policy: str, phase: str) -> None:
    """The main container never starts."""
    world = scripted(one=Outcome(1, exit_code=1))
    world.create_pod(restartPolicy=policy, initContainers=[{**MAIN, "name": "one"}])
    world.run(3)
    assert (world.pod()["status"]["phase"], state(world.pod())[0]) == (phase, "waiting")


def test_a_sidecar_runs_beside_and_is_stopped_at_the_end() -> None:
    """An init container with restartPolicy Always: the Pod succeeds although the sidecar was terminated."""
    world = scripted(side=Outcome(seconds=None), main=Outcome(5))
    world.create_pod(initContainers=[{**MAIN, "name": "side", "restartPolicy": "Always"}])
    world.run(1)
    assert (world.pod()["status"]["phase"], state(world.pod(), "side")[0]) == ("Running", "running")
    world.run(5)
    assert (world.pod()["status"]["phase"], state(world.pod(), "side")) == ("Succeeded", ("terminated", 143))


def test_a_sidecar_that_ends_is_started_again() -> None:
    """Whatever its exit code and the Pod's policy."""
    world = scripted(side=Outcome(seconds=3), main=Outcome(seconds=60))
    world.create_pod(initContainers=[{**MAIN, "name": "side", "restartPolicy": "Always"}])
    world.run(5)
    assert (statuses(world.pod())["side"]["restartCount"], state(world.pod(), "side")[0]) == (1, "running")


def test_nothing_starts_before_a_sidecar_that_cannot() -> None:
    """The main containers count on it."""
    world = scripted(side=Outcome(lacks='configmap "late" not found'), main=Outcome(seconds=5))
    world.create_pod(initContainers=[{**MAIN, "name": "side", "restartPolicy": "Always"}])
    world.run(60)
    assert (state(world.pod(), "side"), state(world.pod())) == (
        ("waiting", "CreateContainerConfigError"),
        ("waiting", "PodInitializing"),
    )


def test_what_a_container_lacks_is_looked_for_again() -> None:
    """Every few seconds, until it is there."""
    found = [False]
    lacking, there = Outcome(lacks='configmap "late" not found'), Outcome()
    world = ScriptedCluster(lambda pod, container, attempt: there if found[0] else lacking)
    world.create_pod()
    world.run(60)
    assert statuses(world.pod())["main"]["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": 'configmap "late" not found',
    }
    found[0] = True
    world.run(5)
    assert world.pod()["status"]["phase"] == "Succeeded"


def test_a_container_that_cannot_start_has_exit_code_128() -> None:
    """StartError, with why."""
    world = scripted(main=Outcome(start_error="no such command"))
    world.create_pod()
    world.run(1)
    terminated = statuses(world.pod())["main"]["state"]["terminated"]
    assert (world.pod()["status"]["phase"], terminated["exitCode"], terminated["reason"], terminated["message"]) == (
        "Failed",
        128,
        "StartError",
        "no such command",
    )


def test_a_deleted_pod_gets_its_grace_and_then_goes() -> None:
    """SIGTERM first; the object stays until nothing of it runs."""
    world = scripted(main=Outcome(seconds=None, obeys=False))
    world.create_pod(terminationGracePeriodSeconds=20)
    world.run(1)
    world.client.delete(PODS, "pod", "default")
    world.run(19)
    assert world.pod()["status"]["phase"] == "Running"
    world.run(2)
    with pytest.raises(NotFound):
        world.client.get(PODS, "pod", "default")


def test_a_second_delete_may_shorten_the_grace() -> None:
    """As `kubectl delete --now` after a patient one."""
    world = scripted(main=Outcome(seconds=None, obeys=False))
    world.create_pod(terminationGracePeriodSeconds=300)
    world.run(1)
    world.client.delete(PODS, "pod", "default")
    world.run(1)
    world.client.delete(PODS, "pod", "default", grace_period=5)
    world.run(6)
    assert world.get(PODS, "pod") is None


class Broken(ScriptExecutor):
    """An executor of a machine that refuses in ways nobody has thought of."""

    fails_at = "prepare"

    def prepare(self, pod: Pod) -> Sequence[str]:
        if self.fails_at == "prepare":
            raise NotADirectoryError(20, "Not a directory", "/etc/passwd/x")
        return ()

    def start(self, run: RunId, pod: Pod, container: Container) -> None:
        if self.fails_at == "start":
            raise PermissionError(13, "Permission denied", "/root")
        super().start(run, pod, container)


@pytest.mark.parametrize(("at", "told"), [("prepare", "NotADirectoryError"), ("start", "PermissionError")])
def test_whatever_a_machine_refuses_is_told_and_tried_again(at: str, told: str) -> None:
    """A Pod never waits in silence."""
    clock = VirtualClock()
    executor = Broken(by_rules(), clock)
    executor.fails_at = at
    said: list[str] = []
    worker = PodWorker(pod("p"), executor, clock.now(), lambda type_, reason, message: said.append(message))
    worker.advance(clock.now())
    assert any(told in message for message in said)
    assert worker.look_again_at is not None
    executor.fails_at = ""
    worker.advance(worker.look_again_at)
    assert any("Started container" in message for message in said)


def test_a_pod_that_obeys_goes_at_once() -> None:
    """Nobody waits for a grace period that is not needed."""
    world = scripted(main=Outcome(seconds=None))
    world.create_pod()
    world.run(1)
    world.client.delete(PODS, "pod", "default")
    world.settle()
    assert world.get(PODS, "pod") is None


def test_a_pod_deleted_by_force_frees_its_slot_only_when_it_has_ended() -> None:
    """The object is gone at once, the process is not: its successor waits."""
    world = ScriptedCluster(by_rules(Rule({"app": "old"}, (Outcome(seconds=None, obeys=False),))), slots=1)
    world.create_pod("old", terminationGracePeriodSeconds=30)
    world.run(1)
    world.client.delete(PODS, "old", "default", grace_period=0)
    world.create_pod("new")
    world.run(29)
    assert world.pod("new")["status"]["phase"] == "Pending"
    world.run(2)
    assert world.pod("new")["status"]["phase"] == "Succeeded"


def test_no_more_pods_run_than_there_are_slots() -> None:
    """The others are Pending, and come in the order in which they were made."""
    world = ScriptedCluster(by_rules(otherwise=Outcome(seconds=10)), slots=2)
    for name in ("a", "b", "c", "d", "e"):
        world.create_pod(name)
    world.run(15)
    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in world.pods()}
    assert phases == {"a": "Succeeded", "b": "Succeeded", "c": "Running", "d": "Running", "e": "Pending"}
    world.run(20)
    assert {pod["status"]["phase"] for pod in world.pods()} == {"Succeeded"}


def test_a_pod_that_waits_for_a_slot_can_be_deleted() -> None:
    """It goes at once and takes no slot when its turn would have come."""
    world = ScriptedCluster(by_rules(otherwise=Outcome(seconds=10)), slots=1)
    for name in ("a", "b", "c"):
        world.create_pod(name)
    world.settle()
    world.client.delete(PODS, "b", "default")
    world.settle()
    assert world.get(PODS, "b") is None
    world.run(25)
    assert world.pod("c")["status"]["phase"] == "Succeeded"


def test_a_pod_past_its_own_deadline_is_ended() -> None:
    """activeDeadlineSeconds of the Pod, in the kubelet's words."""
    world = scripted(main=Outcome(seconds=None))
    world.create_pod(activeDeadlineSeconds=10)
    world.run(11)
    status = world.pod()["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_condition_keeps_its_time_while_it_holds() -> None:
    """lastTransitionTime changes with the status only."""
    world = scripted(main=Outcome(seconds=5))
    world.create_pod()
    world.run(10)
    times = {c["type"]: c["lastTransitionTime"][-3:] for c in world.pod()["status"]["conditions"]}
    assert (times["Initialized"], times["Ready"]) == ("00Z", "05Z")
