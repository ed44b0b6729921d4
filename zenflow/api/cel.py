"""CEL for admission policies, put together from parts. Knows the shapes of a policy, not what it is about."""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


def named(expressions: Mapping[str, str]) -> list[Document]:
    """Variables or match conditions, in order: later ones may use earlier ones."""
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def rule(expression: str, message: str, *, reason: str = "Invalid") -> Document:
    """A validation whose `message` is CEL too; it is evaluated only where the rule does not hold."""
    return {"expression": expression, "messageExpression": message, "reason": reason}


def swapped(key: str, old: str, new: str) -> str:
    """The key with another prefix."""
    return f"'{new}' + {without(key, old)}"


def without(key: str, prefix: str) -> str:
    """What follows the prefix of a key."""
    return f"{key}.substring({len(prefix)})"


def patch(operation: str, key: str, value: str = "") -> str:
    """A JSON patch of one annotation."""
    given = f", value: {value}" if value else ""
    path = f'"/metadata/annotations/" + jsonpatch.escapeKey({key})'
    return f'JSONPatch{{op: "{operation}", path: {path}{given}}}'
