"""Server-side tables: what `kubectl get` shows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from zenflow.local.apiserver.kinds import catalog
from zenflow.local.apiserver.registry import PrinterColumn, ResourceType
from zenflow.local.http.printing import tables
from zenflow.local.http.printing.tables import Include

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREATED = "2026-03-01T11:58:00Z"


def widgets(*columns: PrinterColumn) -> ResourceType:
    return ResourceType("example.com", "v1", "widgets", "Widget", custom=True, printer_columns=columns)


def named(name: str, **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": CREATED}, **rest}


def shown(type_: ResourceType, item: dict[str, Any]) -> dict[str, Any]:
    """The row of one object, by heading."""
    table = tables.render(type_, [item], NOW)
    headings = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(headings, table["rows"][0]["cells"], strict=True))


def test_a_custom_resource_shows_the_columns_of_its_definition() -> None:
    """After the name, in their order, with their priorities."""
    type_ = widgets(PrinterColumn("Phase", "string", ".status.phase"), PrinterColumn("Why", "string", ".x", priority=1))
    table = tables.render(type_, [], NOW)
    assert [(column["name"], column["priority"]) for column in table["columnDefinitions"]] == [
        ("Name", 0),
        ("Phase", 0),
        ("Why", 1),
    ]


def test_a_custom_resource_without_columns_shows_its_age() -> None:
    """As the CRD API fills it in."""
    assert shown(widgets(), named("w")) == {"Name": "w", "Age": "2m"}


@pytest.mark.parametrize(
    ("type_", "value", "cell"),
    [
        ("string", "a", "a"),
        ("string", 3, "3"),
        ("string", True, "true"),
        ("string", None, None),
        ("integer", 3, 3),
        ("integer", 3.9, 3),
        ("integer", "3", None),
        ("integer", True, None),
        ("number", 3, 3.0),
        ("boolean", False, False),
        ("boolean", "false", None),
        ("date", CREATED, "2m"),
        ("date", "soon", "<invalid>"),
    ],
)
def test_a_cell_is_of_its_columns_type(type_: str, value: object, cell: object) -> None:
    """A value of another type leaves the cell empty."""
    assert shown(widgets(PrinterColumn("X", type_, ".x")), named("w", x=value))["X"] == cell


def test_a_column_whose_path_cannot_be_read_is_empty() -> None:
    """One bad column does not hide the others."""
    assert shown(widgets(PrinterColumn("X", "string", "..x")), named("w", x=1)) == {"Name": "w", "X": None}


JOB = {
    "spec": {"completions": 3, "parallelism": 2, "template": {"spec": {"containers": [{"name": "m", "image": "i"}]}}}
}


def job(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    item = named("j", status=status, **JOB)
    item["metadata"] |= metadata
    return item


def true(*types: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "True"} for type_ in types]}


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (job({}), "Running"),
        (job(true("Complete", "SuccessCriteriaMet")), "Complete"),
        (job(true("FailureTarget", "Failed")), "Failed"),
        (job(true("Failed"), deletionTimestamp=CREATED), "Failed"),
        (job({}, deletionTimestamp=CREATED), "Terminating"),
        (job(true("Suspended")), "Suspended"),
        (job(true("FailureTarget")), "FailureTarget"),
        (job(true("SuccessCriteriaMet")), "SuccessCriteriaMet"),
        (job({"conditions": [{"type": "Suspended", "status": "False"}]}), "Running"),
    ],
)
def test_the_status_of_a_job(item: dict[str, Any], status: str) -> None:
    """Its end outweighs its deletion, that outweighs what it is about to do."""
    assert shown(catalog.JOBS, item)["Status"] == status


def test_a_job_shows_its_progress_and_how_long_it_took() -> None:
    """The duration ends with the Job."""
    item = job({"succeeded": 1, "startTime": CREATED, "completionTime": "2026-03-01T11:58:30Z"})
    row = shown(catalog.JOBS, item)
    assert (row["Completions"], row["Duration"], row["Age"]) == ("1/3", "30s", "2m")


def test_a_job_that_runs_shows_for_how_long() -> None:
    """Up to now."""
    assert shown(catalog.JOBS, job({"startTime": CREATED}))["Duration"] == "2m"


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (
            {
                "metadata": {"name": "e"},
                "involvedObject": {"kind": "Job", "name": "j"},
                "message": " done\n",
                "count": 4,
                "firstTimestamp": CREATED,
                "lastTimestamp": "2026-03-01T11:59:00Z",
                "source": {"component": "job-controller"},
            },
            ("60s", "job/j", "job-controller", "done", "2m", 4),
        ),
        (
            {
                "metadata": {"name": "e"},
                "involvedObject": {"kind": "Job", "name": "j"},
                "message": "new style",
                "eventTime": CREATED,
                "series": {"count": 7, "lastObservedTime": "2026-03-01T11:59:30.000000Z"},
                "reportingComponent": "zenflow",
                "reportingInstance": "zenflow-0",
            },
            ("30s", "job/j", "zenflow, zenflow-0", "new style", "2m", 7),
        ),
        (
            {
                "metadata": {"name": "e"},
                "regarding": {"kind": "Node", "name": "n"},
                "note": "x",
                "eventTime": CREATED,
                "reportingController": "k",
            },
            ("2m", "node/n", "k", "x", "2m", 1),
        ),
    ],
)
def test_an_event_is_shown_whichever_of_its_three_shapes_it_has(item: dict[str, Any], row: tuple[Any, ...]) -> None:
    """Counted, in a series, and events.k8s.io."""
    cells = shown(catalog.EVENTS, item)
    assert tuple(cells[h] for h in ("Last Seen", "Object", "Source", "Message", "First Seen", "Count")) == row


def test_a_claim_shows_its_capacity_once_it_is_bound() -> None:
    """Before, there is none to show."""
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}
    bound = shown(catalog.CLAIMS, named("c", spec={"volumeName": "v"}, status=status))
    pending = shown(catalog.CLAIMS, named("c", spec={}, status={"phase": "Pending"}))
    assert (bound["Capacity"], bound["Access Modes"], bound["Volume"]) == ("1Gi", "RWO,ROX", "v")
    assert (pending["Status"], pending["Capacity"], pending["Access Modes"]) == ("Pending", "", "")


@pytest.mark.parametrize("type_", catalog.STRATEGIES)
def test_every_built_in_resource_has_a_row_even_when_it_says_next_to_nothing(type_: ResourceType) -> None:
    """An object with only a name, a time and an empty spec can be shown."""
    spec: dict[str, Any] = {"template": {"spec": {"containers": []}}}
    if type_ is catalog.DEFINITIONS:
        spec = {"versions": [], "names": {}}
    assert "x" in shown(type_, named("x", spec=spec)).values()


@pytest.mark.parametrize(
    ("include", "object_"),
    [
        (Include.NONE, None),
        (
            Include.METADATA,
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": named("w")["metadata"]},
        ),
        (Include.OBJECT, named("w", spec=1)),
    ],
)
def test_a_row_carries_as_much_of_its_object_as_was_asked_for(include: Include, object_: object) -> None:
    """kubectl needs the metadata; sorting needs the object."""
    table = tables.render(widgets(), [named("w", spec=1)], NOW, include=include)
    assert table["rows"][0].get("object") == object_


def test_a_table_keeps_what_paging_and_watching_need() -> None:
    """The version and the continue token of the list, and nothing else of its metadata."""
    metadata = {"resourceVersion": "7", "continue": "abc", "remainingItemCount": 3, "name": "no"}
    table = tables.render(widgets(), [], NOW, metadata=metadata)
    assert table["metadata"] == {"resourceVersion": "7", "continue": "abc", "remainingItemCount": 3}
