"""The guide's common issues, answered by `kubectl get jobflow -o wide` and `kubectl describe jobflow` alone.

What a flow waits for, since when, and what to do about it.
"""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.flows import Work, flow, step
from tests.e2e.stuck import EVERYWHERE, NAMESPACES, REAL, WITH_CONTAINERS, Stuck
from tests.e2e.target import Target
from tests.support.waiting import eventually

SINCE = re.compile(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|Waiting Since: +\d{4}-|Next Retry Time: +\d{4}-")
FAILING = (
    flow("broken-step", step("load", work=Work(codes=(7,)), job={"backoffLimit": 0}), step("after", "load")),
    flow("broken-time", step("load", work=Work(seconds=600), timeoutSeconds=1)),
)
by_name = pytest.mark.parametrize("stuck", EVERYWHERE, ids=lambda stuck: stuck.name)


@pytest.fixture(scope="session")
def submitted(target: Target) -> Iterator[Target]:
    """All of them at once; one Job is then suspended by somebody else, as Kueue does it."""
    flows = [*EVERYWHERE, *(REAL if target.name != "embedded" else ()), *containers(target)]
    if target.name != "embedded":
        target.kubectl.apply(*NAMESPACES)
        eventually(lambda: quota_is_counted(target), within=30, what="the quota is in force")
    # One after another: who asks first is whom the next one waits for.
    for stuck in flows:
        target.submit(stuck.flow)
    target.submit(*FAILING)
    job = eventually(lambda: job_of(target, "stuck-queued"), within=60, what="stuck-queued has its Job")
    target.kubectl.run("patch", "job", job, "--type=merge", "--patch", '{"spec":{"suspend":true}}')
    yield target
    for stuck in flows:
        target.kubectl.run("delete", "jobflow", stuck.name, f"--namespace={stuck.namespace}", "--wait=false")


def containers(target: Target) -> tuple[Stuck, ...]:
    return () if target.name == "control_plane" else WITH_CONTAINERS


def quota_is_counted(target: Target) -> bool:
    quota = target.kubectl.get("resourcequota", "no-jobs", f"--namespace={NAMESPACES[1]['metadata']['name']}")
    return bool(quota.get("status", {}).get("hard"))


def job_of(target: Target, name: str) -> str:
    jobs = target.kubectl.get("jobs", f"--selector=jobflow={name}")["items"]
    return str(jobs[0]["metadata"]["name"]) if jobs else ""


def check(target: Target, stuck: Stuck) -> None:
    """Both commands name the cause, one of them a time, and `describe` the remedy."""
    where = f"--namespace={stuck.namespace}"

    def shown() -> str:
        target.assert_controller_lives()
        listed = target.kubectl.run("get", "jobflow", stuck.name, where, "--output=wide")
        described = target.kubectl.run("describe", "jobflow", stuck.name, where)
        told = stuck.cause[0] in listed and all(cause in described for cause in stuck.cause)
        return described if told and stuck.event in described.partition("\nEvents:")[2] else ""

    described = eventually(
        shown,
        within=120,
        what=f"{stuck.name} says why it stands still",
        every=1,
        else_show=lambda: target.kubectl.run("describe", "jobflow", stuck.name, where),
    )
    assert stuck.remedy in described
    assert SINCE.search(described), described


@pytest.mark.proves("troubleshooting.waits-say-why", "troubleshooting.waits-say-since-when")
@by_name
def test_a_flow_that_stands_still_says_why_since_when_and_what_to_do(submitted: Target, stuck: Stuck) -> None:
    """A turn, an approval, a retry, a suspension, a missing ConfigMap or claim, a Job that somebody suspended."""
    check(submitted, stuck)


@pytest.mark.containers
@pytest.mark.proves("troubleshooting.volumes-that-cannot-be-mounted")
@pytest.mark.parametrize("stuck", WITH_CONTAINERS, ids=lambda stuck: stuck.name)
def test_a_pod_whose_volume_is_missing_says_so(submitted: Target, stuck: Stuck) -> None:
    """The reason stands in the Pod's Events alone."""
    check(submitted, stuck)


@pytest.mark.real
@pytest.mark.proves("troubleshooting.cluster-says-no")
@pytest.mark.parametrize("stuck", REAL, ids=lambda stuck: stuck.name)
def test_what_the_cluster_refuses_is_said_in_its_words(submitted: Target, stuck: Stuck) -> None:
    """Image, node, volume, Pod Security and quota."""
    check(submitted, stuck)


@pytest.mark.proves("troubleshooting.failed-step")
def test_a_failed_flow_names_the_step_its_exit_code_and_what_was_not_run(submitted: Target) -> None:
    """`JobFlow failed: check step failures`."""
    submitted.finish("broken-step")
    listed = submitted.kubectl.run("get", "jobflow", "broken-step", "--output=wide")
    described = submitted.kubectl.run("describe", "jobflow", "broken-step")
    assert "Step load failed" in listed
    assert re.search(r"Exit Code: +7", described)
    assert "Its dependency load did not succeed" in described
    assert "StepFailed" in described.partition("\nEvents:")[2]


@pytest.mark.proves("troubleshooting.timeout")
def test_a_flow_that_ran_out_of_time_names_the_limit(submitted: Target) -> None:
    """`JobFlow failed: check timeout settings`."""
    submitted.finish("broken-time")
    assert "timeoutSeconds (1 s)" in submitted.kubectl.run("get", "jobflow", "broken-time", "--output=wide")
    assert "TimedOut" in submitted.kubectl.run("describe", "jobflow", "broken-time")


@pytest.mark.real
@pytest.mark.proves("troubleshooting.cycle")
def test_a_cycle_is_shown_with_its_path(target: Target) -> None:
    """`JobFlow stuck in Pending: check DAG for cycles`: it is not stuck but Failed, and nothing was started."""
    target.submit(flow("looped", step("a", "c"), step("b", "a"), step("c", "b")))
    outcome = target.finish("looped")
    assert outcome.phase == "Failed"
    listed = target.kubectl.run("get", "jobflow", "looped", "--output=wide")
    described = target.kubectl.run("describe", "jobflow", "looped")
    for shown in (listed, described):
        assert re.search(r"cycle of dependencies: (a -> c -> b -> a|b -> a -> c -> b|c -> b -> a -> c)", shown)
    assert "InvalidSpec" in described
    assert target.kubectl.get("jobs", "--selector=jobflow=looped")["items"] == []


@pytest.mark.proves("troubleshooting.no-controller")
def test_a_flow_that_no_controller_has_seen_shows_no_phase(target: Target) -> None:
    """`JobFlow stuck in Pending: check if controller is running`: then PHASE and PROGRESS are empty; later it runs."""
    assert target.controller.stop() == 0
    try:
        target.submit(flow("unattended", step("a")))
        line = target.kubectl.run("get", "jobflow", "unattended", "--no-headers")
        assert re.fullmatch(r"unattended\s+\d+s\s*", line), line
        assert "Status:" not in target.kubectl.run("describe", "jobflow", "unattended")
    finally:
        target.controller.start()
    assert target.finish("unattended").phase == "Succeeded"
