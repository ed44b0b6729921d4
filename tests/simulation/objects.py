"""Objects as the API server tells them, read as the witness reads them."""

from typing import Any

from zenflow.api import names

Object = dict[str, Any]

FINAL_FLOW = ("Succeeded", "Failed")
FINAL_STEP = ("Succeeded", "Failed", "Skipped")


def phase(flow: Object) -> str:
    found: str = flow.get("status", {}).get("phase", "")
    return found


def has(job: Object, type_: str) -> bool:
    """Whether a condition is True."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] == type_ and one["status"] == "True" for one in conditions)


def is_ours(job: Object) -> bool:
    """Whether a JobFlow controls it."""
    owners = job["metadata"].get("ownerReferences", ())
    return any(owner.get("controller") and owner["kind"] == names.KIND for owner in owners)
