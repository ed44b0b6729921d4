"""A controller that starts beside very many flows: the real process, beside a kube-apiserver of its own."""

import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.cluster import build
from tests.cluster.control_plane import ControlPlane, free_ports
from tests.cluster.sandbox import Sandbox
from tests.e2e.target import CRDS, ZENFLOW
from tests.support.program import Program
from tests.support.rawapi import RawApi
from tests.support.waiting import eventually

FLOWS = "/apis/workflow.zen.io/v1alpha1/namespaces/default/jobflows"
ENDED = 10_000
END = "2026-01-01T00:05:00Z"
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["sh", "-c", "true"]}]}


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver with the CRD; nobody else works on its objects."""
    sandbox = Sandbox(network=False)
    try:
        plane = ControlPlane(sandbox, build.ensure(build.CONTROL))
        plane.prepare()
        plane.start_etcd()
        plane.start_api_server()
        plane.kubectl().run("apply", "--server-side", f"--filename={CRDS}")
        plane.kubectl().run("wait", "--for=condition=Established", "crd/jobflows.workflow.zen.io", "--timeout=30s")
        yield plane
    finally:
        sandbox.close(keep_logs=False)


def ended(number: int) -> dict[str, Any]:
    """A flow of three to five steps, a few of many groups."""
    template = {"spec": {"template": {"spec": POD}}}
    names = [f"step-{n}" for n in range(3 + number % 3)]
    steps = [{"name": name, "template": template} for name in names]
    policy = {"concurrencyGroup": f"group-{number // 40}", "ttlSecondsAfterFinished": 2**31 - 1}
    head = {"apiVersion": "workflow.zen.io/v1alpha1", "kind": "JobFlow", "metadata": {"name": f"ended-{number:05}"}}
    return {**head, "spec": {"executionPolicy": policy, "steps": steps}}


def status(flow: dict[str, Any]) -> dict[str, Any]:
    """It has succeeded."""
    name, steps = flow["metadata"]["name"], flow["spec"]["steps"]
    done = {"phase": "Succeeded", "startTime": "2026-01-01T00:00:00Z", "completionTime": END, "retryCount": 0}
    uid = "0b0c6dbe-8a5c-4c3b-9a43-5a2d3b9d6e0f"
    entries = [
        {**done, "name": each["name"], "jobRef": {"name": f"{name}-{each['name']}-1-abcdefghij", "uid": uid}}
        for each in steps
    ]
    word = {"reason": "StepsSucceeded", "message": f"{len(steps)} of {len(steps)} steps succeeded"}
    condition = {**word, "type": "Complete", "status": "True", "lastTransitionTime": END, "observedGeneration": 1}
    flow_wide = {key: value for key, value in done.items() if key != "retryCount"}
    return {**flow_wide, "message": word["message"], "conditions": [condition], "steps": entries}


def store(api: RawApi, number: int) -> None:
    created = json.loads(api.request("POST", FLOWS, json.dumps(ended(number)).encode()))
    body = json.dumps({**created, "status": status(created)}).encode()
    api.request("PUT", f"{FLOWS}/{created['metadata']['name']}/status", body)


def memory_of(pid: int, what: str) -> float:
    """In MB, as the kernel has it: VmRSS now, VmHWM at most so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(what))


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture
def controller(server: ControlPlane, tmp_path: Path) -> Iterator[tuple[Program, int]]:
    """Not started yet, and the port of its probes."""
    (port,) = free_ports(1)
    flags = (f"--kubeconfig={server.kubeconfig()}", "--bind-address=127.0.0.1", f"--metrics-port={port}")
    program = Program((*ZENFLOW, "controller", *flags, "--lease-namespace=kube-system"), tmp_path / "controller.log")
    yield program, port
    assert program.stop() == 0, program.output()[-3000:]


@pytest.mark.control_plane
def test_ten_thousand_ended_flows_at_a_restart(server: ControlPlane, controller: tuple[Program, int]) -> None:
    """Ready within ten seconds, under 150 MB: nothing of them is read but when to delete them."""
    api, (program, port) = RawApi(server.kubeconfig()), controller
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: store(api, number), range(ENDED)))
    started = time.monotonic()
    program.start()
    eventually(lambda: is_ready(port), within=60, what="the controller is ready", every=0.1, else_show=program.output)
    ready_after = time.monotonic() - started
    eventually(lambda: is_looked_through(port), within=60, what="each flow was looked at", every=0.5)
    seen = f"ready after {ready_after:.1f} s, {memory_of(program.pid, 'VmHWM'):.0f} MB at most"
    print(seen)
    assert ready_after < 10, seen
    assert memory_of(program.pid, "VmHWM") < 150, seen


def is_looked_through(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    results = (line for line in lines if line.startswith("controller_runtime_reconcile_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in results) >= ENDED


@pytest.mark.control_plane
def test_large_suspended_flows_cost_what_they_are(server: ControlPlane, controller: tuple[Program, int]) -> None:
    """Fifteen of 1.2 MB, as many values as there may be: not 32 MB each, and no more for every patch of one."""
    api, (program, port) = RawApi(server.kubeconfig()), controller
    program.start()
    eventually(lambda: is_ready(port), within=60, what="the controller is ready", every=0.1, else_show=program.output)
    before = memory_of(program.pid, "VmRSS")
    for number in range(15):
        flow = ended(number)
        flow["metadata"]["name"] = f"large-{number}"
        flow["spec"] |= {"suspend": True, "executionPolicy": {}}
        (main,) = flow["spec"]["steps"][0]["template"]["spec"]["template"]["spec"]["containers"]
        padded = {**main, "args": ["x" * 20] * 48_000}
        flow["spec"]["steps"] = [
            {"name": "a", "template": {"spec": {"template": {"spec": {**POD, "containers": [padded]}}}}}
        ]
        api.request("POST", FLOWS, json.dumps(flow).encode())
    eventually(lambda: all_say(api, "Suspended"), within=120, what="each has a status", every=1)
    for number in range(20):
        body = json.dumps([{"op": "add", "path": "/metadata/annotations", "value": {"example.com/n": str(number)}}])
        path = f"{FLOWS}/large-{number % 15}"
        api.request("PATCH", path, body.encode(), content_type="application/json-patch+json")
    eventually(lambda: all_say(api, "Suspended"), within=60, what="nothing has changed", every=1)
    after = memory_of(program.pid, "VmHWM")
    print(f"{before:.0f} MB before, {after:.0f} MB at most")
    assert after - before < 150


def all_say(api: RawApi, phase: str) -> bool:
    found = [json.loads(api.request("GET", f"{FLOWS}/large-{number}")) for number in range(15)]
    return all(each.get("status", {}).get("phase") == phase for each in found)
