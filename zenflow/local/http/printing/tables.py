"""Server-side printing: objects as the rows that `kubectl get` shows (meta/v1 Table).

The HTTP side calls this where a client accepts a Table; in-process users never pay for it. Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from zenflow.local.apiserver.registry import ResourceType
from zenflow.local.http.printing import builtin, columns
from zenflow.local.http.printing.columns import Column

Object = Mapping[str, Any]


class Include(Enum):
    """What stands beside the cells of a row (`includeObject` of TableOptions)."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


def columns_of(type_: ResourceType) -> tuple[Column, ...]:
    """The columns of a resource. A custom one without columns shows its age, an unknown built-in when it was made."""
    if type_.custom:
        return (columns.NAME, *map(columns.custom, type_.printer_columns or (columns.CUSTOM_AGE,)))
    return builtin.COLUMNS.get((type_.group, type_.plural), (columns.NAME, columns.CREATED_AT))


def render(
    type_: ResourceType,
    objects: Iterable[Object],
    now: datetime,
    *,
    metadata: Object | None = None,
    include: Include = Include.METADATA,
    headings: bool = True,
) -> dict[str, Any]:
    """The Table of these objects; `metadata` is that of the list (or of the one object) they came in."""
    shown = columns_of(type_)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": _list_metadata(metadata or {}),
        "columnDefinitions": [column.definition() for column in shown] if headings else [],
        "rows": [_row(shown, item, now, include) for item in objects],
    }


def partial(item: Object) -> dict[str, Any]:
    """Only what an object is and is called (PartialObjectMetadata)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def partial_list(objects: Iterable[Object], metadata: Object) -> dict[str, Any]:
    """The same for a list."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "items": [partial(item) for item in objects],
    }


def _row(shown: Iterable[Column], item: Object, now: datetime, include: Include) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [column.cell(item, now) for column in shown]}
    if include is not Include.NONE:
        row["object"] = partial(item) if include is Include.METADATA else item
    return row


def _list_metadata(metadata: Object) -> dict[str, Any]:
    kept = ("resourceVersion", "continue", "remainingItemCount")
    return {key: metadata[key] for key in kept if key in metadata}
