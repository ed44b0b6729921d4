"""What an operator sees: a real Prometheus scrapes the controller, and every rule and every panel works there."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.flows import Work, flow, step
from tests.e2e.target import Target
from tests.support.program import ROOT
from tests.support.prometheus import JOB, Prometheus, promtool
from tests.support.waiting import eventually

ALERTS = ROOT / "charts" / "zen-flow" / "files" / "alerts.yaml"
DASHBOARD = ROOT / "charts" / "zen-flow" / "files" / "dashboard.json"
SECRET = "hunter2-of-this-test"

SOON = {"limit": 1, "backoff": {"type": "Fixed", "duration": "1s"}}
LATE = {"limit": 1, "backoff": {"type": "Fixed", "duration": "1h"}}


def telling(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A step that knows a secret and prints it before it fails."""
    made: dict[str, Any] = step(name, *after, work=Work(codes=(1,)), **fields)
    container = made["template"]["spec"]["template"]["spec"]["containers"][0]
    container["env"].append({"name": "PASSWORD", "value": SECRET})
    container["command"] = ["sh", "-c", f"echo {SECRET}; exit 1"]
    return made


ENDING = (
    flow(
        "observed-chain", step("observed-one"), step("observed-two", "observed-one"), step("observed-x", when="never")
    ),
    flow("observed-failure", telling("observed-telling", job={"backoffLimit": 0})),
    flow("observed-flaky", step("observed-retried", work=Work(codes=(1, 0)), retryPolicy=SOON)),
)
GATE = flow("observed-gate", {"name": "observed-asks", "type": "Manual"})
TURN = flow("observed-turn", step("observed-later"), executionPolicy={"concurrencyGroup": "observed-gate"})
BACKOFF = flow("observed-backoff", telling("observed-waits", retryPolicy=LATE))


@pytest.fixture(scope="module")
def observed(target: Target) -> Iterator[Target]:
    """A cluster on which flows of all kinds have ended, and others wait: for a person, their turn, their retry."""
    target.submit(*ENDING, GATE, BACKOFF)
    for each in ENDING:
        target.finish(each["metadata"]["name"], within=60)
    await_status(target, GATE, lambda status: status["phase"] == "Paused")
    target.submit(TURN)
    await_status(target, TURN, lambda status: status["phase"] == "Pending")
    await_status(target, BACKOFF, lambda status: status["steps"][0].get("reason") == "Backoff")
    yield target
    names = (waiting["metadata"]["name"] for waiting in (GATE, TURN, BACKOFF))
    target.kubectl.run("delete", "jobflow", *names, "--wait=false")


def await_status(target: Target, waiting: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> None:
    name = waiting["metadata"]["name"]

    def reached() -> bool:
        status = target.flow(name).get("status")
        return bool(status) and holds(status)

    eventually(reached, within=60, what=f"{name} waits", else_show=lambda: target.story(name))


@pytest.fixture(scope="module")
def prometheus(observed: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    started = Prometheus(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{observed.metrics_port}", ALERTS)
    try:
        started.start()
        yield started
    finally:
        started.stop()


def exposition(target: Target) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{target.metrics_port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.proves("observability.alerts-evaluate")
def test_every_alert_is_evaluated_and_none_cries_wolf(prometheus: Prometheus) -> None:
    """Health is ok for each, and a healthy controller with failing flows fires none."""

    def evaluated() -> list[dict[str, Any]] | None:
        rules = prometheus.rules()
        return None if any(rule["health"] == "unknown" for rule in rules) else rules

    rules = eventually(evaluated, within=60, what="every rule has been evaluated")
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
    assert len(rules) == ALERTS.read_text().count("- alert:")
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


@pytest.mark.proves("observability.alerts-fire")
def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    """Prometheus' own unit tests of rules."""
    tested = promtool("test", "rules", ROOT / "tests" / "alerts" / "alerts_test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.proves("observability.dashboard-has-data")
def test_every_panel_of_the_dashboard_has_data(prometheus: Prometheus) -> None:
    """With its variables filled in as Grafana does it."""
    expressions = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    assert len(expressions) > 30

    def empty() -> list[str]:
        filled = (each.replace("$job", JOB).replace("$__rate_interval", "1m") for each in expressions)
        return [expression for expression in filled if not prometheus.query(expression)]

    eventually(
        lambda: not empty(), within=60, what="data for every query", every=1, else_show=lambda: "\n".join(empty())
    )


@pytest.mark.proves("observability.current-state")
def test_flows_are_counted_by_phase_as_the_cluster_has_them(observed: Target, prometheus: Prometheus) -> None:
    """What Prometheus says of every phase is what kubectl lists."""

    def sums() -> tuple[dict[str, int], dict[str, int]]:
        listed = dict.fromkeys(("Pending", "Running", "Paused", "Suspended", "Succeeded", "Failed"), 0)
        for item in observed.kubectl.get("jobflows", "--all-namespaces")["items"]:
            listed[item.get("status", {}).get("phase", "Pending")] += 1
        scraped = prometheus.query("zenflow_flows")
        return listed, {series["metric"]["phase"]: int(series["value"][1]) for series in scraped}

    def agree() -> bool:
        listed, scraped = sums()
        return listed == scraped

    eventually(agree, within=60, what="the same counts", every=1, else_show=lambda: str(sums()))
    oldest = prometheus.query('zenflow_oldest_wait_timestamp_seconds{phase="Paused"}')
    assert len(oldest) == 1
    reasons = {series["metric"]["reason"] for series in prometheus.query("zenflow_steps_waiting")}
    assert {"ApprovalRequired", "Backoff"} <= reasons
    assert prometheus.query('zenflow_flows_waiting{reason="ConcurrencyPolicy"}')


@pytest.mark.proves("observability.start-latency")
def test_the_time_from_a_job_s_end_to_its_dependent_s_creation_is_measured(observed: Target) -> None:
    """A chain ran, so there is at least one."""
    families = text_string_to_metric_families(exposition(observed))
    samples = {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}
    assert samples["zenflow_step_start_latency_seconds_count"] >= 1
    assert samples["zenflow_step_start_latency_seconds_sum"] > 0


@pytest.mark.proves("observability.no-names-in-labels")
def test_no_label_names_a_flow_or_a_step(observed: Target) -> None:
    """Their number has no bound, and a metric's series must have one."""
    names = {item["metadata"]["name"] for item in observed.kubectl.get("jobflows", "--all-namespaces")["items"]}
    names |= {entry["name"] for each in ENDING for entry in each["spec"]["steps"]}
    families = list(text_string_to_metric_families(exposition(observed)))
    labels = {pair for family in families for sample in family.samples for pair in sample.labels.items()}
    assert {name for name, _ in labels} & {"flow", "jobflow", "step", "job"} == set()
    assert {value for _, value in labels} & names == set()
    assert not [value for _, value in labels if "observed-" in value]


@pytest.mark.proves("observability.no-secrets")
def test_no_secret_is_in_metrics_or_logs(observed: Target) -> None:
    """Neither what a template holds nor what a container says goes anywhere but into the flow's own status."""
    assert SECRET not in exposition(observed)
    assert SECRET not in observed.controller.output()


@pytest.mark.proves("observability.promtool")
def test_prometheus_own_linter_finds_nothing(observed: Target) -> None:
    """Names, units and types are as Prometheus wants them."""
    checked = promtool("check", "metrics", stdin=exposition(observed))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.proves("observability.json-logs")
def test_log_lines_are_json_with_flow_step_attempt_and_reconcile_id(observed: Target) -> None:
    """One line for each Job created and for each phase of a flow, and all of one reconcile carry its id."""
    lines = [json.loads(line) for line in observed.controller.output().splitlines()]
    created = [line for line in lines if line["event"] == "job created" and line["step"] == "observed-retried"]
    assert [line["attempt"] for line in created] == [1, 2]
    assert {line["flow"] for line in created} == {"default/observed-flaky"}
    assert len({line["reconcileID"] for line in created}) == 2
    phases = [
        line for line in lines if line["event"] == "flow phase changed" and line["flow"] == "default/observed-chain"
    ]
    assert [line["phase"] for line in phases][-1] == "Succeeded"
    (failed,) = [line for line in lines if line["event"] == "step failed" and line["step"] == "observed-telling"]
    assert (failed["reason"], failed["flow"]) == ("JobFailed", "default/observed-failure")


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found
