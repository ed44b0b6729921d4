"""The policies of specs: what CRD rules can't check for their cost budget, or because it is inside a template.

What `dependencies`, `templates` and `validation.check_update` say in Python, in CEL and in the same words.
A cycle can't be found in CEL.
"""

import json

from zenflow.api import names, sizes
from zenflow.api.approvals import FIELDS
from zenflow.api.cel import Document, named, rule, same
from zenflow.api.types import MAX_STEPS

# A flow at its limits (2,000 steps of 100 dependencies) is looked through in parts. One expression may cost a million
# units, and looking up a dependency costs about five; and a CEL loop costs the API server the square of its rounds.
_PARTS = 20

_RESERVED = json.dumps(sorted(names.RESERVED_LABELS))
# Ratcheting: a flow stored before the policies can still be annotated, suspended and deleted.
_SPEC_CHANGED = {"spec-changed": "oldObject == null || object.spec != oldObject.spec"}
_STARTED = "oldObject != null && has(oldObject.status) && has(oldObject.status.startTime)"


def graph() -> Document:
    """Duplicate names and unknown dependencies."""
    size = MAX_STEPS // _PARTS
    unknown = "has(s.dependencies) && s.dependencies.exists(d, !(d in variables.known))"
    parts = {
        f"lost{n}": f"{_slice(n * size, size)}.transformList(i, s, {unknown}, i + {n * size})" for n in range(_PARTS)
    }
    first = "variables.steps[variables.lost[0]]"
    variables = {
        "steps": "object.spec.steps",
        "names": "variables.steps.map(s, s.name).sort()",
        "repeated": "variables.names.transformList(i, n, i > 0 && variables.names[i - 1] == n, n)",
        "known": "variables.names.transformMapEntry(i, n, i == 0 || variables.names[i - 1] != n, {n: true})",
        "places": "variables.steps.transformList(i, s, s.name == variables.repeated[0], i)",
        **parts,
        "lost": " + ".join(f"variables.{part}" for part in parts),
        "unknown": f"{first}.dependencies.transformList(j, d, !(d in variables.known), j)",
    }
    return {
        "matchConditions": named(_SPEC_CHANGED),
        "variables": named(variables),
        "validations": [
            rule(
                "variables.repeated.size() == 0",
                "'spec.steps[' + string(variables.places[1]) + '].name: Duplicate value: \"' + variables.repeated[0]"
                " + '\": spec.steps[' + string(variables.places[0]) + '] already has this name; rename one of them'",
            ),
            rule(
                "variables.lost.size() == 0",
                "'spec.steps[' + string(variables.lost[0]) + '].dependencies[' + string(variables.unknown[0])"
                f" + ']: Not found: \"' + {first}.dependencies[variables.unknown[0]] + '\": step \"' + {first}.name"
                " + '\" depends on it and the flow has no step of this name; name a step of this flow or remove it'",
            ),
            *(_unique_names(kind) for kind in ("volumeClaimTemplates", "configMapTemplates")),
        ],
    }


def _slice(start: int, size: int) -> str:
    """So many of the steps, fewer at the end of the list, none after it."""
    count, end = "variables.steps.size()", start + size
    part = f"variables.steps.slice({start}, {count} < {end} ? {count} : {end})"
    return f"({count} > {start} ? {part} : [])" if start else part


def _unique_names(kind: str) -> Document:
    """Of resource templates there are at most 100, so comparing all with all is cheap."""
    there = f"has(object.spec.resourceTemplates) && has(object.spec.resourceTemplates.{kind})"
    every = f"object.spec.resourceTemplates.{kind}.map(t, t.metadata.name)"
    again = f"{every}.filter(n, {every}.filter(m, m == n).size() > 1)[0]"
    return rule(
        f"!({there}) || {every}.distinct().size() == {every}.size()",
        f"'spec.resourceTemplates.{kind}: Duplicate value: \"' + {again} + '\": rename one of them'",
    )


def size() -> Document:
    """That a flow's status fits beside it (`api.sizes`). How many values it has, and how deep, can't be counted in CEL.

    Lists and maps are formatted as JSON with a space after each comma. Characters that JSON escapes count once, so
    that some flows that are too large are left to the controller; none that it would run is refused.
    """
    steps = "variables.steps"
    return {
        "matchConditions": named(_SPEC_CHANGED),
        "variables": named(
            {
                "size": "bytes('%s'.format([object.spec]).replace(', ', ',')).size()",
                "steps": "object.spec.steps.size()",
            }
        ),
        "validations": [
            rule(
                f"variables.size + {steps} * {sizes.STATUS_PER_STEP} <= {sizes.MAX_SPEC}",
                f"'spec: Too long: its ' + string(variables.size) + ' bytes and {sizes.STATUS_PER_STEP} bytes of status"
                f" for each of its steps, ' + string({steps}) + ', are more than the {sizes.MAX_SPEC} that fit into one"
                " object; make templates smaller or split the flow'",
            )
        ],
    }


def templates() -> Document:
    """One rule for each thing that a template may not hold; each names the first step that has it."""
    metadata = f"has(s.template) && {_given('s.template.metadata')}"
    pod = f"has(s.template) && {_given('s.template.spec.template')} && {_given('s.template.spec.template.metadata')}"
    rules = (
        (
            f"{metadata} && {_given('s.template.metadata.namespace')}"
            " && s.template.metadata.namespace != '' && s.template.metadata.namespace != object.metadata.namespace",
            "'.template.metadata.namespace: Invalid value: \"' + s.template.metadata.namespace + '\": "
            "Jobs run in the namespace of their flow, \"' + object.metadata.namespace + '\"; remove it'",
        ),
        (
            f"{metadata} && {_given('s.template.metadata.ownerReferences')}"
            " && s.template.metadata.ownerReferences.size() > 0",
            "'.template.metadata.ownerReferences: Forbidden: the flow owns its Jobs; remove it'",
        ),
        (
            f"{metadata} && {_given('s.template.metadata.finalizers')} && s.template.metadata.finalizers.size() > 0",
            "'.template.metadata.finalizers: Forbidden: a flow must be able to delete its Jobs; remove it'",
        ),
        _reserved(metadata, "template.metadata"),
        _reserved(pod, "template.spec.template.metadata"),
    )
    first = "object.spec.steps.transformList(i, s, {condition}, 'spec.steps[' + string(i) + ']' + {text})"
    return {
        "matchConditions": named(_SPEC_CHANGED),
        "variables": named(
            {f"found{n}": first.format(condition=condition, text=text) for n, (condition, text) in enumerate(rules)}
        ),
        "validations": [rule(f"variables.found{n}.size() == 0", f"variables.found{n}[0]") for n in range(len(rules))],
    }


def _reserved(present: str, field: str) -> tuple[str, str]:
    labels = f"s.{field}.labels"
    taken = f"{_RESERVED}.filter(k, k in {labels})"
    return (
        f"{present} && {_given(labels)} && {taken}.size() > 0",
        f"'.{field}.labels[' + {taken}[0] + ']: Invalid value: \"' + {labels}[{taken}[0]] + '\": "
        "zenflow sets this label to tell whose Job it is; remove it'",
    )


def _given(field: str) -> str:
    """Whether it is there and not null: inside a template the API server prunes no nulls."""
    return f"has({field}) && {field} != null"


def started() -> Document:
    """Once a flow has started, its steps and resource templates stay as they are."""
    return {
        "matchConditions": named({"has-started": _STARTED} | _SPEC_CHANGED),
        "validations": [
            rule(
                same(f"spec.{field}"),
                f"'spec.{field}: Forbidden: the flow has started and this can\\'t change any more; "
                "create a new flow instead'",
                reason="Forbidden",
            )
            for field in FIELDS
        ],
    }
