"""How much the controller asks of the API server, counted by the API server."""

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.e2e.flows import flow, step
from tests.e2e.target import Target

FLOWS, LENGTH = 10, 5
MOST = 2.2  # one request creates a step's Job, one reports it, and each flow is begun and ended


@pytest.mark.audited
@pytest.mark.proves("status.writes")
def test_a_step_costs_two_requests(target: Target, control_plane: ControlPlane) -> None:
    """The Lease aside, which is renewed whatever there is to do."""
    for earlier in target.kubectl.get("jobflows")["items"]:
        target.finish(earlier["metadata"]["name"])
    since = control_plane.audit.position()
    names = [f"frugal-{number}" for number in range(FLOWS)]
    for name in names:
        chain = (step(f"s-{link}", *((f"s-{link - 1}",) if link else ())) for link in range(LENGTH))
        target.submit(flow(name, *chain))
    for name in names:
        assert target.finish(name).phase == "Succeeded"
    calls = control_plane.audit.calls("zenflow", since)
    work = {call: count for call, count in calls.items() if call.resource != "leases"}
    assert sum(work.values()) <= MOST * FLOWS * LENGTH, work
