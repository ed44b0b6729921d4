"""Objects that no decoder can take whole: each costs at most the flow that it belongs to, and the process never ends.

Only on a real API server, which takes 10,000 levels of nesting; the embedded one refuses them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.e2e.flows import Work, flow, step
from tests.e2e.outcome import assert_always
from tests.e2e.target import Target
from tests.support.rawapi import RawApi

pytestmark = pytest.mark.audited

LEVELS = 1_200
# Where whoever may create an object may write what he likes, and nobody reads it.
FIELDS = '{"f:a":' * LEVELS + "{}" + "}" * LEVELS
MANAGED = '[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":%s}]' % (
    '{"f:metadata":{"f:annotations":' + FIELDS + "}}"
)
OURS = {"workflow.zen.io/flow-uid": "x"}
CONTAINERS = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
POD = {"schedulingGates": [{"name": "example.org/never"}], **CONTAINERS}
JOB = {"suspend": True, "template": {"spec": CONTAINERS}}


def deep(kind: str, name: str, *, version: str = "v1", labels: dict[str, str] | None = None, **fields: object) -> bytes:
    """An object with managedFields of 1,200 levels."""
    metadata = {"name": name, "namespace": "default", "labels": labels or {}, "managedFields": []}
    whole = json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **fields})
    return whole.replace('"managedFields": []', f'"managedFields": {MANAGED}').encode()


class Attacker:
    """Sends bytes as they are, for no client would make them."""

    def __init__(self, target: Target, control_plane: ControlPlane) -> None:
        self.target = target
        self._api = RawApi(control_plane.kubeconfig())

    def create(self, path: str, body: bytes) -> None:
        self._api.request("POST", path, body)

    def delete(self, path: str) -> None:
        self._api.request("DELETE", path)

    @contextmanager
    def planted(self, path: str, name: str, body: bytes) -> Iterator[None]:
        self.create(path, body)
        try:
            yield
        finally:
            self.delete(f"{path}/{name}")

    def assert_others_run(self, name: str) -> None:
        """A neighbour's flow, beside the controller that watches and beside one that has to list first."""
        for each in (f"{name}-watched", f"{name}-listed"):
            self.target.submit(flow(each, step("a"), step("b", "a")))
            outcome = self.target.finish(each, within=60)
            assert outcome.phase == "Succeeded"
            assert_always(outcome)
            self.target.controller.kill()
            self.target.controller.start()


@pytest.fixture
def attacker(target: Target, control_plane: ControlPlane) -> Attacker:
    return Attacker(target, control_plane)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/namespaces/default/pods", deep("Pod", "deep", labels=OURS, spec=POD)),
        ("/apis/batch/v1/namespaces/default/jobs", deep("Job", "deep", version="batch/v1", labels=OURS, spec=JOB)),
    ],
    ids=["pod", "job"],
)
def test_a_foreign_child_that_is_nested_too_deep_is_nothing(attacker: Attacker, path: str, body: bytes) -> None:
    """With the label by which children are watched."""
    with attacker.planted(path, "deep", body):
        attacker.assert_others_run(f"beside-{path.rpartition('/')[2]}")


@pytest.mark.parametrize("is_suspended", [True, False])
def test_a_flow_that_is_nested_too_deep_ends_alone_and_says_why(attacker: Attacker, is_suspended: bool) -> None:
    """Whether it was to run or not."""
    name = f"deep-{str(is_suspended).lower()}"
    made = flow(name, step("a"), suspend=is_suspended)
    made["spec"]["steps"][0]["template"]["spec"]["x"] = []
    body = json.dumps(made).replace('"x": []', f'"x": {FIELDS}').encode()
    path = "/apis/workflow.zen.io/v1alpha1/namespaces/default/jobflows"
    with attacker.planted(path, name, body):
        attacker.assert_others_run(f"beside-{name}")
        message = attacker.target.kubectl.run(
            "get", "jobflow", name, "--output=jsonpath={.status.phase} {.status.message}"
        )
        assert message.startswith("Failed ")
        assert "spec.steps[0]: Invalid value: is nested more than 100 levels deep; make it flatter" in message


def test_an_event_that_is_nested_too_deep_decides_nothing(attacker: Attacker) -> None:
    """About a Pod of which only Events say why it does not start."""
    target = attacker.target
    waits = step("waits")
    waits["template"]["spec"]["template"]["metadata"]["annotations"]["fake.zenflow.test/waiting"] = "ContainerCreating"
    # Events are read when a Pod has stood still for half a minute.
    target.submit(flow("told", waits, step("other", work=Work(seconds=40)), step("after", "other")))
    target.wait_for_step("told", "waits", "Running")
    pods = target.kubectl.get("pods", "--selector=jobflow=told,workflow.zen.io/step=waits")["items"]
    about = {"kind": "Pod", "namespace": "default", "name": "x", "uid": pods[0]["metadata"]["uid"]}
    body = deep("Event", "deep", involvedObject=about, reason="Odd", message="m", type="Warning")
    with attacker.planted("/api/v1/namespaces/default/events", "deep", body):
        target.wait_for_step("told", "after", "Succeeded")
        target.assert_controller_lives()
    target.kubectl.run("delete", "jobflow", "told", "--wait=false")


def test_a_config_map_that_is_nested_too_deep_is_in_the_way_like_any_other(attacker: Attacker) -> None:
    """The flow says so, and whose it is not."""
    target = attacker.target
    made = flow("in-the-way", step("a"), resourceTemplates={"configMapTemplates": [{"metadata": {"name": "taken"}}]})
    with attacker.planted("/api/v1/namespaces/default/configmaps", "taken", deep("ConfigMap", "taken")):
        target.submit(made)
        outcome = target.finish("in-the-way", within=60)
        assert outcome.phase == "Failed"
        assert "ConfigMap taken exists and belongs to something else" in outcome.flow["status"]["message"]
