"""Concurrency groups as a weapon: ending, holding up and slowing down others."""

from collections.abc import Iterator

from tests.hostile.attack import Attacks
from tests.hostile.bodies import Work, flow, gate, step
from tests.hostile.stage import TERMINAL, Stage

ATTACKS = Attacks("groups")


def group(name: str, policy: str) -> dict[str, object]:
    return {"executionPolicy": {"concurrencyGroup": name, "concurrencyPolicy": policy}}


@ATTACKS.attack("replacing-anothers-flow")
def replacing(stage: Stage) -> Iterator[None]:
    """mallory may create flows and not delete them: she ends nobody's."""
    running = flow("alices", step("a", work=Work(seconds=8)), executionPolicy={"concurrencyPolicy": "Allow"})
    stage.tenant("alice").create("jobflows", running).stored()
    stage.wait_for_step("alices", "a", "Running")
    stage.tenant("mallory").create("jobflows", flow("evil", step("b"), **group("alices", "Replace")))
    yield
    assert stage.wait_for_phase("alices", *TERMINAL)["phase"] == "Succeeded"


@ATTACKS.attack("holding-anothers-flow")
def holding(stage: Stage) -> Iterator[None]:
    """A gate that nobody answers, in the group that another's flow will have."""
    stage.tenant("mallory").create("jobflows", flow("evil", gate("g"), **group("nightly", "Forbid")))
    stage.tenant("alice").create("jobflows", flow("nightly", step("a"))).stored()
    yield
    assert stage.wait_for_phase("nightly", *TERMINAL)["phase"] == "Succeeded"


@ATTACKS.attack("three-hundred-gates-in-one-group", kills=True)
def three_hundred(stage: Stage) -> Iterator[None]:
    bob = stage.tenant("bob")
    for n in range(300):
        bob.create("jobflows", flow(f"g{n}", gate("g"), **group("big", "Forbid"))).stored()
    for n in range(10):
        bob.merge("jobflows", f"g{299 - n}", {"spec": {"suspend": True}}).stored()
    yield


@ATTACKS.attack("backlog-of-a-hundred")
def backlog(stage: Stage) -> Iterator[None]:
    for n in range(100):
        stage.tenant("bob").create("jobflows", flow(f"b{n}", step("a"), **group("line", "Forbid"))).stored()
    yield


@ATTACKS.attack("moving-between-groups")
def moving(stage: Stage) -> Iterator[None]:
    """A running flow leaves its group: the next of the old one goes on, and nobody spins."""
    bob = stage.tenant("bob")
    bob.create("jobflows", flow("first", gate("g"), **group("old", "Forbid"))).stored()
    stage.wait_for_step("first", "g", "PendingApproval")
    bob.create("jobflows", flow("second", step("a"), **group("old", "Forbid"))).stored()
    bob.merge("jobflows", "first", {"spec": group("new", "Forbid")})
    yield
    assert stage.wait_for_phase("second", *TERMINAL)["phase"] == "Succeeded"


@ATTACKS.attack("suspended-while-it-may-not-create")
def suspended_claim(stage: Stage) -> Iterator[None]:
    """One that entered, could not make its claim, and was suspended, lets the next go."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"persistentvolumeclaims": "0"}}}
    stage.admin.create("resourcequotas", quota).stored()
    claim = {
        "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    bob = stage.tenant("bob")
    templates = {"volumeClaimTemplates": [claim]}
    bob.create("jobflows", flow("first", step("a"), resourceTemplates=templates, **group("q", "Forbid"))).stored()
    stage.wait_for_phase("first", "Pending")
    bob.create("jobflows", flow("second", step("a"), **group("q", "Forbid"))).stored()
    bob.merge("jobflows", "first", {"spec": {"suspend": True}}).stored()
    yield
    assert stage.wait_for_phase("second", *TERMINAL)["phase"] == "Succeeded"


@ATTACKS.attack("deleted-and-made-again")
def again(stage: Stage) -> Iterator[None]:
    bob = stage.tenant("bob")
    for _ in range(20):
        bob.create("jobflows", flow("again", step("a"), **group("again", "Forbid"))).stored()
        bob.delete("jobflows", "again")
    bob.create("jobflows", flow("again", step("a"), **group("again", "Forbid"))).stored()
    yield
    assert stage.wait_for_phase("again", *TERMINAL)["phase"] == "Succeeded"


@ATTACKS.attack("ended-before-it-started-with-ttl-zero")
def ended_early(stage: Stage) -> Iterator[None]:
    """Its clean-up needs nobody's leave."""
    bob = stage.tenant("bob")
    bob.create("jobflows", flow("holder", gate("g"), **group("ttl", "Forbid"))).stored()
    stage.wait_for_step("holder", "g", "PendingApproval")
    stage.admin.create("configmaps", {"metadata": {"name": "taken"}}).stored()
    made = flow("conflict", step("a"))
    made["spec"]["executionPolicy"] = {
        "ttlSecondsAfterFinished": 0,
        "concurrencyGroup": "ttl",
        "concurrencyPolicy": "Allow",
    }
    made["spec"]["resourceTemplates"] = {"configMapTemplates": [{"metadata": {"name": "taken"}, "data": {}}]}
    bob.create("jobflows", made).stored()
    yield
    assert not [each for each in bob.list("jobflows") if each["metadata"]["name"] == "conflict"]


@ATTACKS.attack("two-hundred-refused-steps", kills=True)
def quota(stage: Stage) -> Iterator[None]:
    none = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    stage.admin.create("resourcequotas", none).stored()
    stage.tenant("bob").create("jobflows", flow("wide", *(step(f"s{n}") for n in range(200)))).stored()
    yield
    assert stage.wait_for_phase("wide", "Running", "Pending")["phase"]


@ATTACKS.attack("foreign-finalizer")
def finalizer(stage: Stage) -> Iterator[None]:
    """A flow that is being deleted and cannot go holds up nobody of its group for longer than it runs."""
    bob = stage.tenant("bob")
    made = flow("kept", step("a", work=Work(seconds=2)), **group("fin", "Forbid"))
    made["metadata"]["finalizers"] = ["mine.example/never"]
    bob.create("jobflows", made).stored()
    stage.wait_for_step("kept", "a", "Running")
    bob.delete("jobflows", "kept")
    bob.create("jobflows", flow("next", step("a"), **group("fin", "Forbid"))).stored()
    yield
    assert stage.wait_for_phase("next", *TERMINAL)["phase"] == "Succeeded"
    bob.merge("jobflows", "kept", {"metadata": {"finalizers": None}})
