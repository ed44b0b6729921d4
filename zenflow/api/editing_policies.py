"""The policies of rights: what `editing` asks in Python, in the API server's own CEL and in the same words."""

from zenflow.api import names
from zenflow.api.cel import Document, named, right, rule
from zenflow.api.editing import EDIT, END_OTHERS, MAX_ANNOTATIONS, METADATA

_USER = "request.userInfo.username"


def editors() -> Document:
    """Who holds `patch` and not `update` changes answers and nothing else."""
    prefixes = (names.APPROVED_GUIDE_PREFIX, names.APPROVED_PREFIX, names.APPROVED_BY_PREFIX)
    answer = " || ".join(f"k.startsWith('{prefix}')" for prefix in prefixes)
    variables = {
        "new": _annotations("object"),
        "old": _annotations("oldObject"),
        # Who may edit at all is asked first: the comparison is for the others.
        "annotated": (
            f"variables.new == variables.old || (variables.new.size() <= {MAX_ANNOTATIONS}"
            f" && variables.new.all(k, {answer} || (k in variables.old && variables.old[k] == variables.new[k]))"
            f" && variables.old.all(k, {answer} || k in variables.new))"
        ),
        "changed": "\n+ ".join(
            (
                "(object.spec == oldObject.spec ? [] : ['spec'])",
                *(f"({unchanged(field)} ? [] : ['metadata.{field}'])" for field in METADATA),
                "(variables.annotated ? [] : ['metadata.annotations'])",
            )
        ),
    }
    return {
        "matchConditions": named(
            {"update": "oldObject != null", "no-editor": f"!{right(EDIT.verb, name='object.metadata.name')}"}
        ),
        "variables": named(variables),
        "validations": [
            rule(
                "variables.changed.size() == 0",
                f"{_USER} + ' may only answer the Manual steps of JobFlow ' + object.metadata.name + '; changing '"
                f" + variables.changed[0] + ' takes {EDIT}'",
                reason="Forbidden",
            )
        ],
    }


def _annotations(obj: str) -> str:
    return f"has({obj}.metadata.annotations) ? {obj}.metadata.annotations : {{}}"


def unchanged(field: str) -> str:
    """Whether a write leaves this field of the metadata as it is; an empty one is as good as none."""
    new, old = f"object.metadata.{field}", f"oldObject.metadata.{field}"
    empty = "''" if field == "generateName" else "{}" if field == "labels" else "[]"
    return f"(has({new}) ? {new} : {empty}) == (has({old}) ? {old} : {empty})"


def rivals() -> Document:
    """Who may not delete flows makes none that ends others or holds them back, by a policy or by a group."""
    policy, group = (
        {obj: f"{_has_policy(obj, field)} ? {obj}.spec.executionPolicy.{field} : ''" for obj in ("object", "oldObject")}
        for field in ("concurrencyPolicy", "concurrencyGroup")
    )
    prefix = {
        obj: f"has({obj}.metadata.generateName) ? {obj}.metadata.generateName : ''" for obj in ("object", "oldObject")
    }
    same = " && ".join(f"({each['object']}) == ({each['oldObject']})" for each in (policy, group, prefix))
    variables = {
        "policy": policy["object"],
        "group": group["object"],
        "way": (
            "variables.policy == 'Replace' ? 'spec.executionPolicy.concurrencyPolicy: Replace'"
            " : variables.group != '' ? 'spec.executionPolicy.concurrencyGroup'"
            f" : oldObject != null && ({prefix['object']}) != ({prefix['oldObject']}) ? 'metadata.generateName' : ''"
        ),
    }
    return {
        "matchConditions": named({"changed": f"oldObject == null || !({same})"}),
        "variables": named(variables),
        "validations": [
            rule(
                f"variables.way == '' || {right(END_OTHERS.verb)}",
                f"{_USER} + ' may not end or hold back other JobFlows, as ' + variables.way"
                f" + ' does; it takes {END_OTHERS}'",
                reason="Forbidden",
            )
        ],
    }


def _has_policy(obj: str, field: str) -> str:
    return f"has({obj}.spec.executionPolicy) && has({obj}.spec.executionPolicy.{field})"
