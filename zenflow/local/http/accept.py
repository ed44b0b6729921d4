"""Which form of an answer a client wants, from its Accept header.

Only JSON is spoken here: protobuf, CBOR and YAML are passed over for the next form in the list, as a client that can
do with JSON expects (kubectl and client-go always name it last).
"""

from enum import Enum


class Form(Enum):
    """The forms an answer can take."""

    JSON = "the object itself"
    TABLE = "a meta/v1 Table"
    PARTIAL = "PartialObjectMetadata"
    AGGREGATED = "an APIGroupDiscoveryList"


_TRANSFORMED = {
    ("Table", "meta.k8s.io", "v1"): Form.TABLE,
    ("PartialObjectMetadata", "meta.k8s.io", "v1"): Form.PARTIAL,
    ("PartialObjectMetadataList", "meta.k8s.io", "v1"): Form.PARTIAL,
    ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2"): Form.AGGREGATED,
}
_READABLE = ("application/json", "application/*", "*/*")


def form_of(accept: str) -> Form | None:
    """The first acceptable form (weights are ignored, as nobody who talks to an API server sends any); None: 406."""
    for clause in (accept or "*/*").split(","):
        media_type, _, rest = clause.strip().partition(";")
        if media_type.strip() in _READABLE and (form := _form(_parameters(rest))):
            return form
    return None


def _form(parameters: dict[str, str]) -> Form | None:
    if "as" not in parameters:
        return Form.JSON
    return _TRANSFORMED.get((parameters["as"], parameters.get("g", ""), parameters.get("v", "")))


def _parameters(text: str) -> dict[str, str]:
    pairs = (parameter.partition("=") for parameter in text.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
