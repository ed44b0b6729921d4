"""The CRD: structural, described, and the same as the generated files."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.program import ROOT
from zenflow.api import crd, formats
from zenflow.api.types import BackoffType, FlowPhase, StepPhase
from zenflow.cli import crd as rendering

Schema = dict[str, Any]


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node of the schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


ALL = dict(nodes(crd.schema()))


@pytest.mark.parametrize("folder", ["crds", "deploy/crds", "charts/zen-flow/files"])
def test_the_files_are_what_the_models_say(folder: str) -> None:
    """`make generate` was run after the last change of a model."""
    assert (ROOT / folder / "workflow.zen.io_jobflows.yaml").read_text() == rendering.text()


def test_every_field_is_described() -> None:
    """`kubectl explain jobflow` is the reference that people have at hand."""
    undescribed = {
        path for path, node in ALL.items() if not path.endswith(("[]", "{}")) and not node.get("description")
    }
    assert undescribed == {".metadata", ".metadata.name"}


def test_the_schema_is_structural() -> None:
    """A type on every node, no reference, no alternative: or the API server would neither prune nor default."""
    for path, node in ALL.items():
        assert "type" in node, path
        assert not {"$ref", "anyOf", "oneOf", "allOf", "nullable", "title", "$defs"} & node.keys(), path


def test_every_list_is_atomic_and_bounded_in_the_spec() -> None:
    """Bounds keep CEL within its budget; lists as maps would treble the price of a status write."""
    lists = {path: node for path, node in ALL.items() if node["type"] == "array"}
    assert {node["x-kubernetes-list-type"] for node in lists.values()} == {"atomic"}
    assert [path for path, node in lists.items() if path.startswith(".spec") and "maxItems" not in node] == []


def test_every_number_text_list_and_map_is_bounded() -> None:
    """Whatever a tenant or a writer of statuses stores, nothing is kept or looped over without a bound."""
    needed = {"string": "maxLength", "integer": "maximum", "number": "maximum", "array": "maxItems"}
    unbounded = {
        path
        for path, node in ALL.items()
        if path.startswith((".spec.", ".status."))
        and not node.get("enum")
        and needed.get(node["type"], "type") not in node
    }
    assert unbounded == set()
    maps = {path for path, node in ALL.items() if "additionalProperties" in node and "maxProperties" not in node}
    assert maps == set()
    lowest = {path for path, node in ALL.items() if node["type"] == "integer" and "minimum" not in node}
    assert lowest == set()


def test_no_bound_of_a_number_is_beyond_what_the_api_server_can_read() -> None:
    """It has them as floats: 2^63 - 1 would be 2^63, and each write of such a field is refused."""
    bounds = {path: node["maximum"] for path, node in ALL.items() if "maximum" in node}
    assert {path for path, highest in bounds.items() if highest > 2**53 - 1} == set()


def test_the_inside_of_templates_is_kept_as_it_is() -> None:
    """A field of a later Kubernetes is not pruned from the Job."""
    kept = {path for path, node in ALL.items() if node.get("x-kubernetes-preserve-unknown-fields")}
    template = ".spec.steps[].template"
    assert kept == {
        template,
        f"{template}.metadata",
        f"{template}.spec",
        ".spec.resourceTemplates.volumeClaimTemplates[].spec",
    }


def test_defaults_that_people_want_to_see_are_written_out_and_no_others() -> None:
    """Those of the guide; nothing that every one of 2,000 steps would carry."""
    assert {path: node["default"] for path, node in ALL.items() if "default" in node} == {
        ".spec.executionPolicy": {},
        ".spec.executionPolicy.concurrencyPolicy": "Forbid",
        ".spec.executionPolicy.ttlSecondsAfterFinished": 86400,
        ".spec.executionPolicy.podFailurePolicy.rules[].action": "FailJob",
        ".spec.steps[].retryPolicy.limit": 3,
        ".spec.steps[].retryPolicy.backoff": {},
        ".spec.steps[].retryPolicy.backoff.type": "Exponential",
        ".spec.steps[].retryPolicy.backoff.factor": 2,
        ".spec.steps[].retryPolicy.backoff.duration": "10s",
    }


@pytest.mark.parametrize(
    ("path", "enum"),
    [
        (".status.phase", FlowPhase),
        (".status.steps[].phase", StepPhase),
        (".spec.steps[].retryPolicy.backoff.type", BackoffType),
    ],
)
def test_enums_are_those_of_the_models(path: str, enum: Any) -> None:
    """A new phase reaches the CRD by itself."""
    assert ALL[path]["enum"] == [member.value for member in enum]


def test_formats_are_rules_in_words() -> None:
    """A `pattern` would answer with a regular expression."""
    assert not any("pattern" in node for node in ALL.values())
    (rule,) = ALL[".spec.steps[].retryPolicy.backoff.duration"]["x-kubernetes-validations"]
    assert rule == {"rule": f"self.matches(r'{formats.DURATION.pattern}')", "message": formats.DURATION.remedy}


def test_columns_names_and_subresources() -> None:
    """`kubectl get jf`, `kubectl get all`, `-o wide`, `--field-selector status.phase=…`."""
    spec = crd.build()["spec"]
    (version,) = spec["versions"]
    columns = {column["name"]: column.get("priority", 0) for column in version["additionalPrinterColumns"]}
    assert columns == {"Phase": 0, "Progress": 0, "Age": 0, "Message": 1}
    assert (spec["names"]["shortNames"], spec["names"]["categories"]) == (["jf"], ["all"])
    assert version["subresources"] == {"status": {}}
    assert version["selectableFields"] == [{"jsonPath": ".status.phase"}]
