"""Lists: one version, in pages, of the past where the past is asked for."""

import pytest

from tests.support.embedded import CONFIG_MAPS, DEFINITIONS, JOBS, THINGS, Embedded, config_map, definition, job, thing


def _filled(*names: str, history: int = 1000) -> Embedded:
    server = Embedded(history=history)
    for name in names:
        server.create(CONFIG_MAPS, config_map(name, labels={"name": name}))
    return server


def test_lists_are_sorted_by_name() -> None:
    """Whatever the order of creation."""
    assert _filled("b", "c", "a").names(CONFIG_MAPS) == ["a", "b", "c"]


def test_items_of_built_in_lists_leave_their_type_out() -> None:
    """As the real server's; items of custom lists carry it."""
    server = Embedded()
    server.create(JOBS, job())
    server.create(DEFINITIONS, definition({}))
    server.create(THINGS, thing())
    built_in, custom = server.get(JOBS), server.get(THINGS)
    assert (built_in["kind"], custom["kind"]) == ("JobList", "ThingList")
    assert "kind" not in built_in["items"][0]
    assert custom["items"][0]["kind"] == "Thing"


def test_pages_show_one_version() -> None:
    """What is created or deleted between two pages changes none of them."""
    server = _filled("a", "b", "c")
    first = server.get(f"{CONFIG_MAPS}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 1
    server.create(CONFIG_MAPS, config_map("bb"))
    server.delete(f"{CONFIG_MAPS}/c")
    second = server.get(f"{CONFIG_MAPS}?limit=2&continue={first['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_a_token_too_old_says_how_to_go_on() -> None:
    """410 with a token that goes on with what there is now."""
    server = _filled("a", "b", "c", history=3)
    token = server.get(f"{CONFIG_MAPS}?limit=1")["metadata"]["continue"]
    for value in "wxyz":
        server.merge(f"{CONFIG_MAPS}/c", {"data": {"a": value}})
    refused = server.get(f"{CONFIG_MAPS}?limit=1&continue={token}")
    assert (refused["code"], refused["reason"]) == (410, "Expired")
    rest = server.get(f"{CONFIG_MAPS}?continue={refused['details']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b", "c"]


def test_an_exact_version_shows_the_past() -> None:
    """`resourceVersionMatch=Exact`."""
    server = _filled("a")
    version = server.api.store.version
    server.create(CONFIG_MAPS, config_map("b"))
    past = server.get(f"{CONFIG_MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert [item["metadata"]["name"] for item in past["items"]] == ["a"]


def test_not_older_than_shows_the_present() -> None:
    """A version without a match is a lower bound."""
    server = _filled("a", "b")
    assert server.names(f"{CONFIG_MAPS}?resourceVersion=2") == ["a", "b"]


def test_selectors_choose() -> None:
    """By label and by field; a selected page tells no remaining count."""
    server = _filled("a", "b", "c")
    assert server.names(f"{CONFIG_MAPS}?labelSelector=name in (a,c)") == ["a", "c"]
    assert server.names(f"{CONFIG_MAPS}?fieldSelector=metadata.name!=b") == ["a", "c"]
    page = server.get(f"{CONFIG_MAPS}?labelSelector=name&limit=1")
    assert "remainingItemCount" not in page["metadata"]


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("continue=abc", 400, "invalid continue token: continue key is not valid"),
        ("resourceVersion=99", 504, "Timeout: Too large resource version: 99, current: 3"),
        (
            "fieldSelector=data.a=1",
            400,
            '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Newest&resourceVersion=1", 422, "Unsupported value"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, "is forbidden for resourceVersion"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(query: str, code: int, told: str) -> None:
    """In the words of the real server."""
    refused = Embedded().get(f"{CONFIG_MAPS}?{query}")
    assert refused["code"] == code
    assert told in refused["message"]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("!", "illegal base64 data at input byte 0"),
        ("junk", r"invalid character '\u008e' looking for beginning of value"),
        ("e30", "server does not recognize this encoded version "),
        ("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MX0", "encoded start key empty (version meta.k8s.io/v1)"),
    ],
)
def test_a_bad_continue_token_is_explained(token: str, told: str) -> None:
    """400, and what is wrong with it."""
    refused = _filled().get(f"{CONFIG_MAPS}?limit=1&continue={token}")
    assert (refused["code"], refused["message"]) == (
        400,
        f"invalid continue token: continue key is not valid: {told}",
    )
