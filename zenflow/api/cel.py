"""CEL for admission policies, put together from parts. Knows the shapes of a policy and of a question for a right."""

from collections.abc import Mapping
from typing import Any

from zenflow.api import names

Document = dict[str, Any]


def named(expressions: Mapping[str, str]) -> list[Document]:
    """Variables or match conditions, in order: later ones may use earlier ones."""
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def rule(expression: str, message: str, *, reason: str = "Invalid") -> Document:
    """A validation whose `message` is CEL too; it is evaluated only where the rule does not hold."""
    return {"expression": expression, "messageExpression": message, "reason": reason}


def right(verb: str, subresource: str = "", name: str = "''") -> str:
    """Whether RBAC lets who writes do this to the JobFlow of this name (CEL), or to all of the namespace."""
    of = f".subresource('{subresource}')" if subresource else ""
    named = "" if name == "''" else f".name({name})"
    where = f".namespace(object.metadata.namespace){named}"
    return f"authorizer.group('{names.GROUP}').resource('{names.PLURAL}'){of}{where}.check('{verb}').allowed()"


def same(field: str) -> str:
    """Whether the write leaves this field of the object as it is."""
    new, old = f"object.{field}", f"oldObject.{field}"
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


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
