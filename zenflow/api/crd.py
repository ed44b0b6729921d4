"""The CustomResourceDefinition as data, made from the models in `types`. Renders no YAML and writes no file.

The schema is structural. Texts with a format carry a CEL rule instead of a `pattern`, so that the API server answers in
words and not with a regular expression. Lists are atomic: as maps by name, every status write of a big flow would cost
the API server three times as much; that names are unique is an admission policy's business (`policies`).
"""

from collections.abc import Mapping
from typing import Any

from zenflow.api import formats, names
from zenflow.api.types import JobFlowSpec, JobFlowStatus

Schema = dict[str, Any]

# What is taken over from pydantic's JSON schema as it is.
_KEPT = (
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "maxProperties",
    "description",
)

# RFC 3339 with nanoseconds and an offset has 35 characters.
_LONGEST_TIME = 64

# In `validation` the same rules have the same words. `fieldPath` can't hold an index, so the server names the list.
_STEP_RULES = (
    {
        "rule": "has(self.template) || (has(self.type) && self.type == 'Manual')",
        "messageExpression": (
            "'step \"' + self.name + '\" has no template; add the batch/v1 Job to run or set type to Manual'"
        ),
        "fieldPath": ".template",
        "reason": "FieldValueRequired",
    },
    {
        "rule": "!has(self.template) || !has(self.type) || self.type != 'Manual'",
        "messageExpression": (
            "'step \"' + self.name + '\" is Manual and has a template; remove the template or set type to Job'"
        ),
        "fieldPath": ".template",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "!has(self.dependencies) || !(self.name in self.dependencies)",
        "messageExpression": "'step \"' + self.name + '\" depends on itself; remove it from its dependencies'",
        "fieldPath": ".dependencies",
        "reason": "FieldValueForbidden",
    },
)

_COLUMNS = (
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "description": "Where the flow is."},
    {
        "name": "Progress",
        "type": "string",
        "jsonPath": ".status.progress.summary",
        "description": "Steps that are done, of all.",
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Message",
        "type": "string",
        "jsonPath": ".status.message",
        "description": "What it is doing or waiting for.",
        "priority": 1,
    },
)


def build() -> Schema:
    """The whole apiextensions.k8s.io/v1 document."""
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [dict(column) for column in _COLUMNS],
        "selectableFields": [{"jsonPath": ".status.phase"}],
        "schema": {"openAPIV3Schema": schema()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": [names.SHORT_NAME],
                "categories": ["all"],
            },
            "versions": [version],
        },
    }


def schema() -> Schema:
    """The structural schema of one JobFlow; `validation.unknown_fields` walks it, too."""
    spec = _of_model(JobFlowSpec.model_json_schema(by_alias=True))
    _finish_step(spec["properties"]["steps"]["items"])
    return {
        "type": "object",
        "description": "A graph of batch/v1 Jobs and approvals that runs once.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {names.API_VERSION}."},
            "kind": {"type": "string", "description": f"Always {names.KIND}."},
            "metadata": {"type": "object", "properties": {"name": _flow_name()}},
            "spec": spec,
            "status": _of_model(JobFlowStatus.model_json_schema(by_alias=True)),
        },
    }


def _flow_name() -> Schema:
    limit = formats.FLOW_NAME.limit
    rule = {"rule": f"self.size() <= {limit}", "message": formats.FLOW_NAME.remedy}
    return {"type": "string", "x-kubernetes-validations": [rule]}


def _finish_step(step: Schema) -> None:
    """What the models can't say: rules over several fields, and the few fields of a template that are known."""
    step["x-kubernetes-validations"] = [dict(rule) for rule in _STEP_RULES]
    # Written into each of 2,000 steps these would only make the object bigger.
    del step["properties"]["type"]["default"]
    step["properties"]["template"] |= {
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "enum": ["batch/v1"], "description": "batch/v1, or left out."},
            "kind": {"type": "string", "enum": ["Job"], "description": "Job, or left out."},
            "metadata": {
                "type": "object",
                "description": "Labels and annotations of the Job.",
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "spec": {
                "type": "object",
                "description": "The spec of the Job, as in batch/v1.",
                "x-kubernetes-preserve-unknown-fields": True,
            },
        },
    }


def _of_model(root: Mapping[str, Any]) -> Schema:
    return _structural(root, root.get("$defs", {}))


def _structural(node: Mapping[str, Any], shared: Mapping[str, Any]) -> Schema:
    """One node of pydantic's JSON schema as a structural one: references resolved, `null` alternatives dropped."""
    resolved = _resolved(node, shared)
    found: Schema = {key: _plain(resolved[key]) for key in _KEPT if key in resolved}
    if resolved.get("format") == "date-time":
        found["maxLength"] = _LONGEST_TIME
    if "pattern" in resolved:
        shape = formats.BY_PATTERN[resolved["pattern"]]
        rule = {"rule": f"self.matches(r'{shape.pattern}')", "message": shape.remedy}
        found["x-kubernetes-validations"] = [rule]
    if "properties" in resolved:
        found["properties"] = {key: _property(child, shared) for key, child in resolved["properties"].items()}
        if resolved.get("required"):
            found["required"] = list(resolved["required"])
    elif resolved.get("type") == "object":
        found |= _map(resolved.get("additionalProperties", True), shared)
    if "items" in resolved:
        found |= {"items": _structural(resolved["items"], shared), "x-kubernetes-list-type": "atomic"}
    return found


def _property(node: Mapping[str, Any], shared: Mapping[str, Any]) -> Schema:
    """A property with the default that the API server writes into the object: none that is empty, false or null.

    An object with such defaults inside gets `{}`, or they would wait for somebody to write the object.
    """
    found = _structural(node, shared)
    if node.get("default"):
        found["default"] = _plain(node["default"])
    elif "anyOf" not in node and any("default" in child for child in found.get("properties", {}).values()):
        found["default"] = {}
    return found


def _resolved(node: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node with its `$ref` or its one alternative that is not null merged in; its own words win."""
    for alternative in node.get("anyOf", ()):
        if alternative.get("type") != "null":
            return {**_resolved(alternative, shared), **{k: v for k, v in node.items() if k != "anyOf"}}
    if "$ref" in node:
        return {**_resolved(shared[node["$ref"].rpartition("/")[2]], shared), **node}
    return node


def _map(values: Any, shared: Mapping[str, Any]) -> Schema:
    if values is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": _structural(values, shared)}


def _plain(value: Any) -> Any:
    """Whole numbers as integers: 100.0 and 100 are one bound, and the second is how people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
