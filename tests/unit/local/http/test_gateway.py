"""What HTTP clients get of the embedded API server, without a socket."""

import json

import pytest

from tests.support.embedded import CONFIG_MAPS
from tests.support.http_api import HttpApi, decoded
from zenflow.local.version import KUBERNETES
from zenflow.runtime.errors import ApiError

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@pytest.fixture
def api() -> HttpApi:
    return HttpApi()


def test_a_list_comes_as_a_table_where_one_is_accepted(api: HttpApi) -> None:
    """With the version of the list, so that a watch can follow."""
    table = decoded(api.get(CONFIG_MAPS, TABLE))
    assert table["kind"] == "Table"
    assert [row["cells"] for row in table["rows"]] == [["a", 1, "0s"]]
    assert table["metadata"]["resourceVersion"] == decoded(api.get(CONFIG_MAPS))["metadata"]["resourceVersion"]


def test_one_object_is_a_table_of_one_row(api: HttpApi) -> None:
    """As `kubectl get cm a` asks for it."""
    assert [row["cells"][0] for row in decoded(api.get(f"{CONFIG_MAPS}/a", TABLE))["rows"]] == ["a"]


def test_a_client_that_sorts_gets_the_objects_with_the_rows(api: HttpApi) -> None:
    """includeObject=Object."""
    [row] = decoded(api.get(CONFIG_MAPS, TABLE, ("includeObject", "Object")))["rows"]
    assert row["object"]["data"] == {"k": "v"}


def test_a_refusal_stays_a_status(api: HttpApi) -> None:
    """Whatever form was asked for."""
    response = api.get(f"{CONFIG_MAPS}/nope", TABLE)
    assert (response.status, decoded(response)["kind"]) == (404, "Status")


def test_metadata_alone_is_a_form_too(api: HttpApi) -> None:
    """Of an object and of a list."""
    one, all_ = decoded(api.get(f"{CONFIG_MAPS}/a", PARTIAL)), decoded(api.get(CONFIG_MAPS, PARTIAL))
    assert (one["kind"], one["metadata"]["name"], "data" in one) == ("PartialObjectMetadata", "a", False)
    assert (all_["kind"], [item["metadata"]["name"] for item in all_["items"]]) == ("PartialObjectMetadataList", ["a"])


def test_a_watched_table_has_headings_once(api: HttpApi) -> None:
    """The first event carries them, the later ones only their row."""
    stream = api.watch(TABLE)
    first = [json.loads(line) for line in stream.read()]
    api.create("b")
    later = [json.loads(line) for line in stream.read()]
    assert [(e["type"], e["object"]["rows"][0]["cells"][0]) for e in first + later] == [("ADDED", "a"), ("ADDED", "b")]
    assert [bool(e["object"]["columnDefinitions"]) for e in first + later] == [True, False]


def test_a_watch_can_be_of_metadata_alone(api: HttpApi) -> None:
    """As garbage collectors watch."""
    [event] = [json.loads(line) for line in api.watch(PARTIAL).read()]
    assert (event["object"]["kind"], event["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "a")


def test_an_answer_in_no_acceptable_form_is_refused(api: HttpApi) -> None:
    """406, for a watch as for a list."""
    assert api.get(CONFIG_MAPS, "text/html").status == 406
    with pytest.raises(ApiError) as refusal:
        api.watch("text/html")
    assert refusal.value.status == 406


def test_aggregated_discovery_says_so_in_its_content_type(api: HttpApi) -> None:
    """kubectl decides by it how to read the answer."""
    content_type = api.get("/apis", DISCOVERY).headers["content-type"]
    assert "as=APIGroupDiscoveryList" in content_type
    assert api.get("/apis/batch", DISCOVERY).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_is_a_word(api: HttpApi, path: str) -> None:
    """As probes read it."""
    assert api.get(path, "text/html, */*").body == b"ok"


def test_the_version_is_that_of_the_imitated_kubernetes(api: HttpApi) -> None:
    """With a mark that it is not the real one."""
    assert decoded(api.get("/version"))["gitVersion"] == f"{KUBERNETES}+zenflow"


def test_openapi_version_2_is_an_empty_document(api: HttpApi) -> None:
    """In protobuf, the only form kubectl takes: field 1, `swagger`, is the text 2.0."""
    response = api.get("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
    assert (response.status, response.body) == (200, b"\n\x032.0")


@pytest.mark.parametrize("path", ["/foo", "/openapi/v3/apis/nope/v1", "/apis/nope", "/apis/nope/v1/things"])
def test_a_path_that_nobody_serves_is_the_bare_page(api: HttpApi, path: str) -> None:
    """Not a Status, as on the real server."""
    response = api.get(path)
    assert (response.status, response.body) == (404, b"404 page not found\n")
