"""Objects printed for other programs, as `kubectl get -o` prints them."""

import json
from typing import Any

import yaml


def print_flows(flows: list[dict[str, Any]], form: str) -> None:
    """One object, or a List of several, as YAML or JSON on standard output."""
    for flow in flows:
        flow["metadata"].pop("managedFields", None)
    found = flows[0] if len(flows) == 1 else {"apiVersion": "v1", "kind": "List", "items": flows}
    if form == "json":
        print(json.dumps(found, indent=2))
    else:
        print(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), end="")
