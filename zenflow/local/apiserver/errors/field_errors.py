"""What is wrong with one field, in the words of kube-apiserver (`k8s.io/apimachinery` field.Error).

Each function gives the entry of `details.causes` that the real server gives, so that tools and people
read the same sentence from both.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from zenflow.runtime.errors import Cause


def shown(value: Any) -> str:
    """A value as error messages print it: JSON, strings in quotes."""
    return msgspec.json.encode(value).decode()


def invalid(field: str, value: Any, detail: str) -> Cause:
    """The value is not one the field can have."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def type_invalid(field: str, found: str, detail: str) -> Cause:
    """The value is of the wrong type."""
    return Cause("FieldValueTypeInvalid", f"Invalid value: {shown(found)}: {detail}", field)


def required(field: str, detail: str = "") -> Cause:
    """The field must be given."""
    return Cause("FieldValueRequired", "Required value" + (f": {detail}" if detail else ""), field)


def forbidden(field: str, detail: str) -> Cause:
    """The field may not be set, or not to this, here and now."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def duplicate(field: str, value: Any) -> Cause:
    """The value must be unique and is not."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def not_found(field: str, value: Any) -> Cause:
    """The value names something that is not there."""
    return Cause("FieldValueNotFound", f"Not found: {shown(value)}", field)


def unsupported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    """The value is none of an enumeration."""
    choices = ", ".join(shown(choice) for choice in supported)
    return Cause("FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {choices}", field)


def too_long(field: str, limit: int) -> Cause:
    """The text is too long."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def too_many(field: str, count: int, limit: int) -> Cause:
    """The list or map has too many entries."""
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {limit} items", field)
