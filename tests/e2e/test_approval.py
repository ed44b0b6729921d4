"""Manual steps: the guide's own command, on every cluster."""

from typing import Any

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.e2e import gates
from tests.e2e.flows import flow, step
from tests.e2e.gates import GATES, Gate, gate
from tests.e2e.people import People, people_of
from tests.e2e.target import TERMINAL, Target
from tests.support.waiting import eventually

RENEWALS = 4  # of the Lease: some eight seconds


def params() -> list[Any]:
    return [pytest.param(each, id=each.id, marks=pytest.mark.proves(*each.proves)) for each in GATES]


@pytest.fixture(scope="session")
def people(target: Target, request: pytest.FixtureRequest) -> People:
    own = {"control_plane": "control_plane", "node": "node_tier"}.get(target.name)
    return people_of(target, request.getfixturevalue(own) if own else None)


@pytest.fixture(scope="session")
def submitted(target: Target, people: People) -> Target:
    """All at once: their waits overlap."""
    gates.submit(people, target, "gate")
    return target


@pytest.mark.parametrize("each", params())
def test_a_manual_step_waits_for_its_answer(submitted: Target, people: People, each: Gate) -> None:
    """And the flow does what the answer says."""
    each.check(submitted, people, f"gate-{each.id}")


@pytest.mark.audited
@pytest.mark.proves("approval.silent-wait")
def test_while_it_waits_nothing_is_written_and_nothing_asked(target: Target, control_plane: ControlPlane) -> None:
    """For several renewals of the Lease, which are all that the API server hears of the controller."""
    target.submit(flow("silent", gate(), step("after", "gate")))
    gates.wait_for(target, "silent", "gate", "PendingApproval")
    gates.events(target, "silent", "ApprovalRequired")
    for earlier in target.kubectl.get("jobflows")["items"]:
        if earlier.get("status", {}).get("phase") not in (*TERMINAL, "Paused", "Suspended"):
            target.finish(earlier["metadata"]["name"])
    since = control_plane.audit.position()

    def renewals() -> int:
        calls = control_plane.audit.calls("zenflow", since)
        return sum(count for call, count in calls.items() if (call.verb, call.resource) == ("update", "leases"))

    eventually(lambda: renewals() >= RENEWALS, within=120, what="the Lease is renewed", every=0.5)
    calls = control_plane.audit.calls("zenflow", since)
    # A watch is reopened every few minutes, whatever there is to see.
    others = {call: count for call, count in calls.items() if call.resource != "leases" and call.verb != "watch"}
    assert not others
    target.kubectl.run("delete", "jobflow", "silent")
