"""A real Prometheus over one target, on 127.0.0.1, for as long as a test needs it."""

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build
from tests.cluster.control_plane import free_ports
from tests.support.program import Program
from tests.support.waiting import eventually

JOB = "zen-flow"


class Prometheus:
    """Scrapes every second and evaluates the rules as often."""

    def __init__(self, folder: Path, target: str, rules: Path) -> None:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(_config(target, rules)))
        command = (
            build.ensure(build.PROMETHEUS)["prometheus"],
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        )
        self._program = Program(command, folder / "prometheus.log")

    def start(self) -> None:
        """Wait until it has scraped the target."""
        self._program.start()
        eventually(self._has_scraped, within=60, what="Prometheus has scraped", else_show=self._program.output)

    def stop(self) -> None:
        self._program.stop()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant vector. Raises HTTPError for an expression that is none."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with what came of its last evaluation."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _has_scraped(self) -> bool:
        try:
            return bool(self.query(f'up{{job="{JOB}"}} == 1'))
        except OSError:
            return False

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data


def promtool(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Prometheus' own judge of rules and of the text format."""
    command = [str(build.ensure(build.PROMETHEUS)["promtool"]), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)


def _config(target: str, rules: Path) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
    }
