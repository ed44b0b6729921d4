"""What a column of `kubectl get` is, and the columns of custom resources.

`builtin_columns` has those of the built-in resources; `tables` puts rows together. Reads nothing but the object and
the time it is given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from zenflow.local.apiserver.registry import PrinterColumn
from zenflow.local.http.printing import ages
from zenflow.local.http.printing.jsonpath import JSONPathError, find, parse

Object = Mapping[str, Any]
Cell = Callable[[Object, datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and how its cell is made. Priority above 0: shown only with `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def definition(self) -> dict[str, Any]:
        """The TableColumnDefinition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def path(*keys: str, default: Any = "") -> Cell:
    """The value below these keys; `default` for what is missing or empty."""

    def cell(item: Object, now: datetime) -> Any:
        value: Any = item
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value in (None, "") else value

    return cell


NAME = Column("Name", path("metadata", "name"), format="name", description="The name, unique in its namespace.")
AGE = Column(
    "Age",
    lambda item, now: ages.since(item["metadata"].get("creationTimestamp"), now),
    description="The time since it was created.",
)
CREATED_AT = Column(
    "Created At", path("metadata", "creationTimestamp"), type="date", description="When it was created."
)
CUSTOM_AGE = PrinterColumn("Age", "date", ".metadata.creationTimestamp")


def custom(column: PrinterColumn) -> Column:
    """A column of `additionalPrinterColumns`. A path that can't be read leaves its cells empty."""
    description = column.description or f"Custom resource definition column (in JSONPath format): {column.json_path}"
    try:
        selectors = parse(column.json_path)
    except JSONPathError:
        return Column(column.name, lambda item, now: None, column.type, column.format, column.priority, description)

    def cell(item: Object, now: datetime) -> Any:
        value = next(find(selectors, item), None)
        return None if value is None else _typed(column.type, value, now)

    return Column(column.name, cell, column.type, column.format, column.priority, description)


def _typed(type_: str, value: Any, now: datetime) -> Any:
    """The value as its column's type has it, or None where it is of another type."""
    if type_ == "date":
        return ages.since(value, now) if ages.parse(value) else "<invalid>"
    if type_ == "boolean":
        return value if isinstance(value, bool) else None
    if type_ in ("integer", "number"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return (int(value) if type_ == "integer" else float(value)) if is_number else None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
