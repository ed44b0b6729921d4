"""What an Accept header asks for."""

import pytest

from zenflow.local.http.accept import Form, form_of

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("application/json", Form.JSON),
        ("application/json, */*", Form.JSON),
        ("application/json;stream=watch", Form.JSON),
        ("application/json; charset=utf-8", Form.JSON),
        (f"{TABLE},application/json", Form.TABLE),
        (f"{DISCOVERY},application/json", Form.AGGREGATED),
        (f"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList,{PARTIAL}", Form.PARTIAL),
        ("application/vnd.kubernetes.protobuf,application/json", Form.JSON),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Form.JSON),
        ("application/vnd.kubernetes.protobuf", None),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", None),
        ("text/html", None),
    ],
)
def test_the_first_form_that_is_spoken_here_wins(accept: str, form: Form | None) -> None:
    """Protobuf and unknown transformations are passed over; nothing acceptable is None."""
    assert form_of(accept) is form
