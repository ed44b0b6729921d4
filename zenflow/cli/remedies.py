"""What to do about a refusal of an API server, which says what is wrong and not what to write instead."""

import re
from collections.abc import Mapping

from zenflow.runtime.errors import ApiError, Cause, Forbidden

# By the end of the field's path, then by the machine-readable reason; the first that fits.
_BY_FIELD = (
    (r"volumeMounts\[\d+\]\.name", "FieldValueNotFound", "add a volume of this name to the Pod, or correct the name"),
    (r"containers\[\d+\]\.name", "FieldValueDuplicate", "give one of the containers another name"),
    (r"resources\.requests.*", "FieldValueInvalid", "lower the request or raise the limit"),
    (r"restartPolicy", "", "write Never or OnFailure"),
)
_BY_REASON: Mapping[str, str] = {
    "FieldValueInvalid": "correct it",
    "FieldValueRequired": "add it",
    "FieldValueNotSupported": "write one of these",
    "FieldValueDuplicate": "rename one of them",
    "FieldValueNotFound": "add what is missing, or correct the name",
    "FieldValueForbidden": "remove it",
    "FieldValueTooLong": "shorten it",
    "FieldValueTooMany": "remove some of them",
}


def of_cause(cause: Cause) -> str:
    """The remedy for one cause of a refusal."""
    for field, reason, remedy in _BY_FIELD:
        if re.search(rf"(^|\.){field}$", cause.field) and reason in ("", cause.reason):
            return remedy
    return _BY_REASON.get(cause.reason, "correct it")


def of_error(error: ApiError) -> str:
    """The remedy for a refusal without causes."""
    is_quota = isinstance(error, Forbidden) and error.is_quota
    return "raise the quota or free some of it" if is_quota else "do what it says, or choose another namespace"
