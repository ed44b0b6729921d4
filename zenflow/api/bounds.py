"""Bounds of the fields of a status, for the API server alone.

Reading is lenient: a status that was stored before there were any must not count as none.
"""

from typing import Any

# The largest number that every reader of JSON takes as it is (RFC 8259, section 6). kube-apiserver v1.37 refuses each
# write of an object whose CRD says 2^63 - 1, which becomes 2^63 on its way through a float.
MAX_INTEGER = 2**53 - 1


def bound(**bounds: int) -> dict[str, Any]:
    """Arguments for pydantic's `Field`: keywords of the JSON schema that pydantic itself does not check."""
    return {"json_schema_extra": dict(bounds)}
