"""What a scrape says of flows and steps, straight from the caches."""

import json
from collections import Counter

from prometheus_client import CollectorRegistry

from zenflow.api.types import FlowPhase
from zenflow.controller.census import Census, count
from zenflow.controller.memory import Memory
from zenflow.controller.objects import JOBFLOWS, FlowRecord, decode_flow
from zenflow.controller.reasons import OTHER
from zenflow.dag.snapshot import Refusal
from zenflow.runtime.informer import Informer

CREATED = "2026-01-01T12:00:00Z"


def record(name: str, status: dict[str, object] | None = None, created: str = CREATED) -> FlowRecord:
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": created,
    }
    obj = {"metadata": meta, "spec": {"steps": []}, **({"status": status} if status else {})}
    return decode_flow(json.dumps(obj).encode())


def paused(name: str, since: str) -> FlowRecord:
    asking = {"name": "gate", "phase": "PendingApproval", "reason": "ApprovalRequired", "startTime": since}
    return record(name, {"phase": "Paused", "startTime": CREATED, "steps": [asking]})


def test_flows_are_counted_by_phase_and_a_new_one_is_pending() -> None:
    """As kubectl would sum them up."""
    sums = count([record("a"), record("b", {"phase": "Running"}), record("c", {"phase": "Failed"})], Memory())
    assert +sums.flows == Counter({FlowPhase.PENDING: 1, FlowPhase.RUNNING: 1, FlowPhase.FAILED: 1})


def test_steps_of_ended_flows_are_not_counted() -> None:
    """They are history: counters have them."""
    steps = [{"name": "a", "phase": "Succeeded"}, {"name": "b", "phase": "Pending", "reason": "Backoff"}]
    live, ended = (record(phase, {"phase": phase, "steps": steps}) for phase in ("Running", "Failed"))
    sums = count([live, ended], Memory())
    assert +sums.steps == Counter({"Succeeded": 1, "Pending": 1})
    assert sums.steps_waiting == Counter({"Backoff": 1})


def test_a_flow_that_has_not_started_says_what_it_waits_for() -> None:
    """Nobody has looked at it, a refused resource template, or its turn."""
    memory = Memory()
    memory.of("uid-refused").resource_refusals["ConfigMap/x"] = Refusal("QuotaExceeded", "too many")
    waiting = (record(name, {"phase": "Pending"}) for name in ("refused", "turn"))
    sums = count([record("new"), *waiting], memory)
    assert sums.flows_waiting == Counter({"NotYetReconciled": 1, "QuotaExceeded": 1, "ConcurrencyPolicy": 1})


def test_the_longest_wait_is_the_earliest_moment() -> None:
    """Of approvals since they were asked for, of flows that have not started since their creation."""
    first, second = "2026-01-01T12:30:00Z", "2026-01-01T12:40:00Z"
    sums = count([paused("a", second), paused("b", first), record("c", created="2026-01-01T11:00:00Z")], Memory())
    assert sums.since == {"Paused": 1767270600.0, "Pending": 1767265200.0}


def test_a_status_of_another_shape_is_counted_as_far_as_it_can_be_read() -> None:
    """Somebody else may have written it; a scrape must not fail by it, nor make series of its words."""
    strange = [
        record("a", {"phase": "Running", "steps": "none"}),
        record("b", {"phase": "Running", "steps": [{"phase": "Odd"}]}),
    ]
    sums = count(strange, Memory())
    assert sums.flows[FlowPhase.RUNNING] == 2
    assert "Odd" not in sums.steps


def test_a_reason_that_is_no_word_of_ours_is_counted_as_other() -> None:
    """Whoever writes Events or a status chooses their reasons: a scrape must neither grow by them nor repeat them."""
    words = ("Backoff", "FailedMount", "Curse\n", "x" * 100_000, "FromATenant")
    steps = [{"name": f"s{n}", "phase": "Running", "reason": word} for n, word in enumerate(words)]
    sums = count([record("a", {"phase": "Running", "steps": steps})], Memory())
    assert sums.steps_waiting == Counter({"Backoff": 1, "FailedMount": 1, OTHER: 3})


def test_only_the_leader_shows_flows() -> None:
    """So that a sum over replicas counts each flow once."""
    flows = Informer(JOBFLOWS, decode_flow)
    flows.replace([record("a")], "1")
    values = []
    for leads in (True, False):
        registry = CollectorRegistry()
        registry.register(Census(flows.cache, Memory(), (), lambda leads=leads: leads))
        values.append(registry.get_sample_value("zenflow_flows", {"phase": "Pending"}))
    assert values == [1, None]
