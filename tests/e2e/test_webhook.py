"""The same by the controller's webhook, where the API server has no policies of ours, and by both together.

The webhook makes its certificate itself: nothing but a port is configured.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane, free_ports
from tests.e2e import children, gates, policies
from tests.e2e.flows import flow, step
from tests.e2e.gates import GATES, Gate, gate
from tests.e2e.people import People, people_of
from tests.e2e.policies import guided, takes
from tests.e2e.rights import CASES, STORED, Case, clean_up, flow_name
from tests.e2e.target import ZENFLOW, Target
from tests.support.kubectl import KubectlFailed
from tests.support.program import Program
from tests.support.waiting import eventually
from zenflow.cli import crd

pytestmark = pytest.mark.audited
WEBHOOK, BOTH = "webhook", "both"
SORTS = ("mutating", "validating")
NAME = "jobflows.workflow.zen.io"
CYCLE = flow("cycle-of-two", step("a", "b"), step("b", "a"))


@pytest.fixture(scope="module", params=[WEBHOOK, BOTH])
def way(
    request: pytest.FixtureRequest,
    target: Target,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """How admission comes to the API server while the tests run; afterwards it is by the policies again."""
    (port,) = free_ports(1)
    asked = replica(control_plane, port, tmp_path_factory.mktemp("webhook") / "controller.log")
    try:
        if request.param == WEBHOOK:
            remove_policies(target)
            approve_unseen(target)
        asked.start()
        manifests = crd.webhooks_text(service="", url=f"https://127.0.0.1:{port}")
        target.kubectl.run("apply", "--filename=-", stdin=manifests)
        eventually(lambda: is_in_force(target), within=60, what="the webhook is in force", else_show=asked.output)
        yield request.param
        assert asked.stop() == 0
    finally:
        asked.end()
        for sort in SORTS:
            target.kubectl.run("delete", f"{sort}webhookconfiguration", NAME, "--ignore-not-found")
        policies.install(target.kubectl)


def replica(control_plane: ControlPlane, port: int, log: Path) -> Program:
    """A controller that waits for the Lease and answers the API server meanwhile."""
    flags = (f"--webhook-port={port}", "--bind-address=127.0.0.1", "--metrics-port=0")
    kubeconfig = control_plane.kubeconfig("zenflow")
    return Program((*ZENFLOW, "controller", f"--kubeconfig={kubeconfig}", *flags), log)


def remove_policies(target: Target) -> None:
    target.kubectl.run("delete", f"--filename={policies.MANIFEST}")
    eventually(
        lambda: not takes(target.kubectl, guided("gate")) and takes(target.kubectl, unknown()),
        within=60,
        what="no policies",
    )


def unknown() -> dict[str, Any]:
    """A flow that only a policy or the webhook refuses."""
    return flow("unknown", step("a", "nosuch"))


def is_in_force(target: Target) -> bool:
    return (
        takes(target.kubectl, guided("gate"))
        and not takes(target.kubectl, guided("other"))
        and not takes(target.kubectl, CYCLE)
    )


def approve_unseen(target: Target) -> None:
    """An approval that no admission has seen, for there is none."""
    made = flow("unseen", gate(), step("after", "gate"))
    target.submit({**made, "metadata": {**made["metadata"], "annotations": {STORED: "true"}}})


@pytest.fixture(scope="module")
def people(way: str, target: Target, control_plane: ControlPlane) -> People:
    return people_of(target, control_plane)


@pytest.fixture(scope="module")
def submitted(people: People, target: Target, way: str) -> Target:
    gates.submit(people, target, way)
    return target


@pytest.mark.parametrize("case", [pytest.param(*case.values, id=case.id) for case in CASES])
@pytest.mark.proves("approval.webhook")
def test_rights(people: People, way: str, case: Case) -> None:
    """As by the policies alone."""
    try:
        case(people, f"{way}-{flow_name(case)}")
    finally:
        clean_up(people)


@pytest.mark.parametrize("each", GATES, ids=lambda each: each.id)
@pytest.mark.proves("approval.webhook")
def test_a_manual_step_waits_for_its_answer(submitted: Target, people: People, way: str, each: Gate) -> None:
    """As by the policies alone."""
    each.check(submitted, people, f"{way}-{each.id}")


@pytest.mark.proves("security.children")
def test_a_stranger_makes_nothing_that_looks_like_a_child(people: People, way: str) -> None:
    """And those who make them don't come to the webhook."""
    children.give_rights(people)
    children.check_strangers(people)
    children.check_those_who_may(people)


@pytest.mark.proves("approval.webhook-cycles")
def test_a_cycle_is_never_stored(target: Target, way: str) -> None:
    """It shows the path."""
    with pytest.raises(KubectlFailed, match="cycle of dependencies: a -> b -> a; remove one of them"):
        target.submit(CYCLE)
    assert not target.kubectl.succeeds("get", "jobflow", "cycle-of-two")


@pytest.mark.parametrize("way", [WEBHOOK], indirect=True)
@pytest.mark.proves("approval.unseen")
def test_an_approval_that_no_admission_has_seen_does_not_count(target: Target, people: People, way: str) -> None:
    """Until somebody who may gives it again."""
    gates.wait_for(target, "unseen", "gate", "PendingApproval")
    assert gates.step_of(target, "unseen", "gate")["reason"] == "UnstampedApproval"
    assert "no admission saw who gave it" in target.flow("unseen")["status"]["message"]
    assert gates.events(target, "unseen", "UnstampedApproval")
    people["bob"].run("label", "jobflow", "unseen", "team=data")
    people["bob"].run("annotate", "jobflow", "unseen", "approved-by.workflow.zen.io/gate=alice")
    assert "approved-by.workflow.zen.io/gate" not in people.annotations("unseen")
    people.refuses("bob", "unseen", "annotate", "jobflow", "unseen", "workflow.zen.io/approved/gate=true")
    gates.approve(people, "unseen")
    outcome = target.finish("unseen")
    assert outcome.phase == "Succeeded"
    assert outcome.step("gate")["approvedBy"] == "alice"


@pytest.mark.proves("approval.webhook-certificates")
def test_the_certificate_needs_no_secret(target: Target, control_plane: ControlPlane, way: str) -> None:
    """The authority stands in both configurations; the controller has asked for no Secret, ever."""
    for sort in SORTS:
        found = target.kubectl.get(f"{sort}webhookconfiguration", NAME)
        assert found["webhooks"][0]["clientConfig"]["caBundle"]
    calls = control_plane.audit.calls("zenflow")
    assert "secrets" not in {call.resource for call in calls}
    assert {call.verb for call in calls if "webhookconfigurations" in call.resource} == {"get", "update"}


@pytest.mark.proves("approval.webhook-certificates")
def test_replicas_vouch_for_themselves_side_by_side(
    target: Target, control_plane: ControlPlane, way: str, tmp_path: Path
) -> None:
    """Another one adds its authority to both configurations, and the first stays trusted."""
    other = replica(control_plane, free_ports(1)[0], tmp_path / "other.log")
    before = {sort: authorities(target, sort) for sort in SORTS}
    other.start()
    try:
        for sort in SORTS:
            eventually(
                lambda sort=sort: authorities(target, sort) == before[sort] + 1,
                within=60,
                what=f"two authorities in the {sort} configuration",
                else_show=other.output,
            )
        assert is_in_force(target)
    finally:
        assert other.stop() == 0


def authorities(target: Target, sort: str) -> int:
    client = target.kubectl.get(f"{sort}webhookconfiguration", NAME)["webhooks"][0]["clientConfig"]
    return base64.b64decode(client["caBundle"]).count(b"BEGIN CERTIFICATE")


@pytest.mark.proves("approval.webhook-spares-controller", "security.fails-closed-for-people")
def test_a_webhook_that_is_away_stops_people_and_no_flow(target: Target, way: str) -> None:
    """It fails closed for those who write flows; the controller's own writes, and the end of flows, never ask it."""
    target.submit(flow(f"{way}-under-way", step("a"), step("b", "a")))
    elsewhere = crd.webhooks_text(service="", url="https://127.0.0.1:1")
    before = {sort: target.kubectl.get(f"{sort}webhookconfiguration", NAME) for sort in SORTS}
    try:
        target.kubectl.run("apply", "--filename=-", stdin=elsewhere)
        eventually(lambda: not takes(target.kubectl, flow("refused", step("a"))), within=30, what="the webhook is away")
        assert target.finish(f"{way}-under-way").phase == "Succeeded"
        target.kubectl.run("label", "jobflow", f"{way}-under-way", "still=possible")
        target.kubectl.run("delete", "jobflow", f"{way}-under-way", "--cascade=foreground")
    finally:
        for configuration in before.values():
            url = configuration["webhooks"][0]["clientConfig"]["url"]
            patch = [{"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": url}]
            kind = configuration["kind"].lower()
            target.kubectl.run("patch", kind, NAME, "--type=json", f"--patch={json.dumps(patch)}")
        eventually(lambda: is_in_force(target), within=60, what="the webhook is back")
