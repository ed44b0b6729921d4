"""Many steps that are refused, and many flows of one group: what they cost the API server and their neighbours."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.flows import flow, policy, step
from tests.e2e.target import Target
from tests.support.rawapi import RawApi
from tests.support.waiting import NotInTime, eventually

WIDE = 200
CROWD = 300
GATE = {"name": "gate", "type": "Manual"}
FLOWS = "/apis/workflow.zen.io/v1alpha1/namespaces/{}/jobflows"


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def placed(made: dict[str, Any], where: str) -> dict[str, Any]:
    return {**made, "metadata": {**made["metadata"], "namespace": where}}


def metric(target: Target, name: str) -> float:
    """One series of the controller's, once it is up."""

    def scraped() -> list[str] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{target.metrics_port}/metrics", timeout=10) as answer:
                return list(answer.read().decode().splitlines())
        except OSError:
            return None

    lines = eventually(scraped, within=60, what="the controller shows its metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def pass_time(seconds: float) -> None:
    with pytest.raises(NotInTime):
        eventually(lambda: None, within=seconds, every=1, what="time passes")


# --- a quota that is full ---

QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "none", "namespace": "no-jobs"},
    "spec": {"hard": {"count/jobs.batch": "0"}},
}
REFUSED = 'zenflow_creation_refusals_total{reason="QuotaExceeded"}'


@pytest.mark.real
@pytest.mark.served
def test_200_steps_over_a_quota_cost_20_creations_a_minute(target: Target) -> None:
    """All say why they wait; more room lets all of them run."""
    target.kubectl.apply(namespace("no-jobs"), QUOTA)
    eventually(lambda: is_counted(target), within=60, what="the quota is in force")
    before = metric(target, REFUSED)
    target.submit(placed(flow("wide", *(step(f"s{number}") for number in range(WIDE))), "no-jobs"))
    eventually(lambda: reasons(target) == ["QuotaExceeded"] * WIDE, within=60, what="all steps say why they wait")
    pass_time(60)
    first = metric(target, REFUSED)
    pass_time(60)
    assert 1 <= first - before <= 20
    assert metric(target, REFUSED) - first <= 20
    more = {"spec": {"hard": {"count/jobs.batch": str(WIDE)}}}
    target.kubectl.run("patch", "resourcequota", "none", "--namespace=no-jobs", f"--patch={json.dumps(more)}")
    assert target.finish("wide", namespace="no-jobs", within=600).phase == "Succeeded"


def is_counted(target: Target) -> bool:
    quota = target.kubectl.get("resourcequota", "none", "--namespace=no-jobs")
    return "count/jobs.batch" in quota.get("status", {}).get("used", {})


def reasons(target: Target) -> list[str]:
    return [str(each.get("reason")) for each in target.flow("wide", "no-jobs").get("status", {}).get("steps", [])]


# --- a crowd in one group ---


@pytest.mark.served
def test_changes_in_a_crowded_group_cost_its_neighbours_nothing(target: Target) -> None:
    """A chain of five beside two changes a second takes at most twice as long as alone."""
    target.kubectl.apply(namespace("crowd"))
    waiting = (flow(f"crowd-{number}", GATE, **policy(concurrencyGroup="crowd")) for number in range(CROWD))
    target.submit(*(placed(each, "crowd") for each in waiting))
    eventually(lambda: said(target) == CROWD, within=300, what="each has had its first look", every=2)
    alone = chains(target, "alone")
    with suspending(target):
        beside = chains(target, "beside")
    assert beside <= 2 * alone, (alone, beside)
    target.kubectl.run("delete", "jobflows", "--all", "--namespace=crowd", "--wait=false")


def said(target: Target) -> int:
    listed = json.loads(RawApi(target.kubectl.kubeconfig).request("GET", FLOWS.format("crowd")))
    return sum("phase" in each.get("status", {}) for each in listed["items"])


def chains(target: Target, name: str) -> float:
    """How long three chains of five take, one after another."""
    started = time.monotonic()
    for number in range(3):
        steps = (step(f"s{index}", *((f"s{index - 1}",) if index else ())) for index in range(5))
        target.submit(flow(f"{name}-{number}", *steps))
        assert target.finish(f"{name}-{number}").phase == "Succeeded"
    return time.monotonic() - started


@contextmanager
def suspending(target: Target) -> Iterator[None]:
    """Somebody suspends the newest of the crowd and lifts it again, twice a second."""
    api, done = RawApi(target.kubectl.kubeconfig), threading.Event()
    path = f"{FLOWS.format('crowd')}/crowd-{CROWD - 1}"

    def change() -> None:
        suspend = True
        while not done.wait(0.5):
            found = json.loads(api.request("GET", path))
            found["spec"]["suspend"] = suspend
            api.request("PUT", path, json.dumps(found).encode())
            suspend = not suspend

    with ThreadPoolExecutor(1) as somebody:
        changing = somebody.submit(change)
        try:
            yield
        finally:
            done.set()
            changing.result()
