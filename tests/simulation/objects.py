"""Objects as the API server tells them, read as the witness reads them."""

from typing import Any

from zenflow.api import names

Object = dict[str, Any]

PLANTED = "test.zenflow/planted"  # an annotation
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
    """Whether a JobFlow controls it, and no adversary of a test says that it was planted."""
    owners = job["metadata"].get("ownerReferences", ())
    is_planted = PLANTED in job["metadata"].get("annotations", {})
    return not is_planted and any(owner.get("controller") and owner["kind"] == names.KIND for owner in owners)
