"""Alerts, dashboard and documentation speak of metrics that exist, and of all of them."""

import json
import re

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector
from structlog.testing import CapturingLogger

from tests.support.program import ROOT
from zenflow.controller.census import Census
from zenflow.controller.memory import Memory
from zenflow.controller.metrics import FlowMetrics
from zenflow.controller.objects import JOBFLOWS, decode_flow
from zenflow.controller.traces import Traces
from zenflow.runtime.cache import Cache
from zenflow.runtime.informer import Informer
from zenflow.runtime.metrics import Metrics

FILES = ROOT / "charts" / "zen-flow" / "files"
PAGE = (ROOT / "docs" / "observability.md").read_text()
GROUPS = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
TESTS = yaml.safe_load((ROOT / "tests" / "alerts" / "alerts_test.yaml").read_text())["tests"]
METRIC = re.compile(
    r"\b(?:zenflow|workqueue|controller_runtime|rest_client|leader_election|reflector|process)_[a-z_]+[a-z]\b"
)
SUFFIXES = ("_bucket", "_count", "_sum")


@pytest.fixture(scope="module")
def exported() -> dict[str, str]:
    """Type by name as scraped, of a controller with everything switched on."""
    registry = CollectorRegistry()
    Metrics(registry)
    FlowMetrics(registry)
    flows = Informer(JOBFLOWS, decode_flow)
    registry.register(Census(flows.cache, Memory(), (), lambda: True))
    Traces(Cache({}), lambda trace: True, registry, log=CapturingLogger())
    ProcessCollector(registry=registry)
    families = registry.collect()
    return {family.name + ("_total" if family.type == "counter" else ""): family.type for family in families}


def base(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def named_in(*texts: str) -> set[str]:
    return {base(name) for text in texts for name in METRIC.findall(text)}


def test_every_metric_is_documented_with_its_type(exported: dict[str, str]) -> None:
    """And every documented one is exported."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert dict(rows) == {name: kind for name, kind in exported.items() if not name.startswith("process_")}


def test_alerts_dashboard_and_page_name_metrics_that_exist(exported: dict[str, str]) -> None:
    """A misspelt name would never fire, and never be missed."""
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert named_in(*queries, *map(str, ALERTS.values()), PAGE) - set(exported) == set()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_and_where_and_what_to_do(name: str) -> None:
    """One sentence, the whole story, and a section of the runbook that is there."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/observability.md#{name.lower()}"
    assert f"\n### {name}\n" in PAGE


def test_each_alert_is_tested_to_fire_and_to_be_quiet() -> None:
    """By promtool (tests/e2e/test_observability.py)."""
    assert [test["name"] for test in TESTS] == [f"{name} {what}" for name in ALERTS for what in ("fires", "is quiet")]


def test_panels_do_not_overlap() -> None:
    """Each in its place of the grid of 24 columns."""
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(24))
